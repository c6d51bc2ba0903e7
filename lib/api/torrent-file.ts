// EDGE. Reads a .torrent from the disk or from a pipe, with a size limit, and never in a way that
// could hang the process.

import { constants, open } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { onAbort } from '../async/on-abort';
import { MillraceError } from '../errors/millrace-error';
import { systemAdvice, systemReason } from '../errors/system-error';
import { MAX_METAINFO_BYTES } from '../metainfo/limits';
import { OPEN_TO_READ, openRegularAsync } from '../storage/open-regular';

/**
 * Non-blocking: opening a pipe without a writer would block a thread for ever. Not available on
 * Windows.
 */
const OPEN_PIPE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

const CHUNK_BYTES = 256 * 1024;

/**
 * Pipes that are read: those a process has open already. A named pipe is refused, because it may
 * never get a writer.
 */
const OPEN_PIPES = /^\/(dev|proc)\//;

/** Reads a file or an open pipe. Throws `torrent-unreadable`; `signal` ends the wait for a pipe. */
export async function readTorrentFile(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  try {
    const file = await openRegularAsync(path, OPEN_TO_READ);
    try {
      const { size } = await file.stat();
      if (size > MAX_METAINFO_BYTES) throw tooLong(path, `${size} bytes`);
      return await readAll(path, file, size);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof MillraceError)) throw unreadable(path, reasonOf(path, error));
    const kind = String(error.details.kind);
    if (error.code !== 'not-a-regular-file') throw error;
    if (!OPEN_PIPES.test(path)) throw unreadable(path, `it is ${kind}: name a .torrent file`);
    return readPipe(path, signal);
  }
}

/** Reads a file into one buffer of its size: joining chunks would need twice the memory. */
async function readAll(path: string, file: FileHandle, sizeBytes: number): Promise<Uint8Array> {
  const whole = Buffer.allocUnsafeSlow(sizeBytes);
  let end = 0;
  while (end < sizeBytes) {
    const { bytesRead } = await file.read(whole, end, sizeBytes - end, null);
    if (bytesRead === 0) return whole.subarray(0, end);
    end += bytesRead;
  }
  // Files in /proc report no size, and other files may grow.
  const more = await gather(path, chunksOf(file), sizeBytes);
  return more.length === 0 ? whole : Buffer.concat([whole, more]);
}

/** Reads an open pipe: `<(command)` of a shell, or standard input. */
async function readPipe(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await gather(path, chunksOfPipe(await promisify(open)(path, OPEN_PIPE), signal));
  } catch (error) {
    throw error instanceof MillraceError ? error : unreadable(path, systemReason(error));
  }
  if (bytes.length === 0) throw unreadable(path, 'nothing came through the pipe');
  return bytes;
}

async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.allocUnsafe(CHUNK_BYTES) });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Owns the descriptor. */
async function* chunksOfPipe(
  fd: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const pipe = new Socket({ fd, readable: true, writable: false });
  const unwatch = onAbort(signal, () => pipe.destroy(signal?.reason as Error));
  try {
    yield* pipe as AsyncIterable<Uint8Array>;
  } finally {
    unwatch();
    pipe.destroy();
  }
}

/**
 * Joins the chunks. Together with the `lengthBytes` before them, they must not exceed the size
 * limit of a .torrent.
 */
async function gather(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  lengthBytes = 0,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) {
    lengthBytes += chunk.length;
    if (lengthBytes > MAX_METAINFO_BYTES) throw tooLong(path, 'more');
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

function tooLong(path: string, how: string): MillraceError {
  return unreadable(path, `it holds ${how}, and a .torrent at most ${MAX_METAINFO_BYTES} bytes`);
}

/** An info hash as users copy it: 40 hex or 32 base32 digits. */
const INFO_HASH = /^(?:urn:btih:)?(?:[0-9a-f]{40}|[a-z2-7]{32})$/i;

function reasonOf(path: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && INFO_HASH.test(path)) {
    return 'there is no such file, and an info hash alone does not say what the torrent holds; a .torrent file or its URL is needed';
  }
  return code === 'ENOENT' ? 'no such file' : systemReason(error) + systemAdvice(code);
}

export function unreadable(path: string, why: string): MillraceError {
  return new MillraceError('torrent-unreadable', `cannot read torrent ${path}: ${why}`);
}
