// Where a torrent comes from: a path, a URL, bytes, or an already parsed record.

import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../errors/millrace-error';
import { MAX_METAINFO_BYTES } from '../metainfo/limits';
import { parseMetainfo } from '../metainfo/parse';
import type { Metainfo } from '../metainfo/metainfo';
import { OPEN_TO_READ, openRegularAsync } from '../storage/open-regular';
import type * as fetching from '../tracker/fetch-torrent';
import { VERSION } from './version';

/** A .torrent's path, its http(s) URL, its bytes, or what `readTorrent` returned. */
export type TorrentSource = string | URL | Uint8Array | Metainfo;

/**
 * Reads and checks a .torrent without starting an engine.
 *
 * @throws MillraceError `torrent-unreadable` (file); `torrent-unreachable`, `torrent-timeout`,
 *   `torrent-http-status`, `torrent-bad-reply`, `torrent-forbidden` (URL);
 *   `bad-bencode` or `bad-metainfo` (content, naming the rule).
 */
export async function readTorrent(
  source: TorrentSource,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Metainfo> {
  if (isMetainfo(source)) return source;
  return parseMetainfo(await bytesOf(source, options.signal), sha1, process.platform);
}

function sha1(bytes: Uint8Array): Uint8Array {
  return createHash('sha1').update(bytes).digest();
}

function isMetainfo(source: TorrentSource): source is Metainfo {
  return typeof source === 'object' && 'pieceHashes' in source;
}

async function bytesOf(
  source: string | URL | Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  const text = String(source);
  if (/^https?:/i.test(text)) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- Node's http is slow to load
    const web = require('../tracker/fetch-torrent') as typeof fetching;
    return web.fetchTorrent(text, { version: VERSION, signal });
  }
  if (/^magnet:/i.test(text)) {
    throw new MillraceError(
      'torrent-unreadable',
      'magnet links are not supported yet: pass a .torrent file or its http(s) URL',
    );
  }
  return readCapped(source);
}

async function readCapped(path: string | URL): Promise<Uint8Array> {
  let file;
  try {
    file = await openRegularAsync(path instanceof URL ? fileURLToPath(path) : path, OPEN_TO_READ);
  } catch (error) {
    throw unreadable(path, error);
  }
  try {
    const { size } = await file.stat();
    if (size > MAX_METAINFO_BYTES) {
      throw new MillraceError(
        'torrent-unreadable',
        `${String(path)} is ${size} bytes long: a .torrent may have at most ${MAX_METAINFO_BYTES}`,
      );
    }
    return await file.readFile();
  } catch (error) {
    throw error instanceof MillraceError ? error : unreadable(path, error);
  } finally {
    await file.close();
  }
}

function unreadable(path: string | URL, error: unknown): MillraceError {
  const { code, message } = error as NodeJS.ErrnoException;
  let why = code === 'ENOENT' ? 'no such file' : message;
  if (error instanceof MillraceError && error.code === 'not-a-regular-file')
    why = `it is ${String(error.details.kind)}, not a regular file`;
  return new MillraceError('torrent-unreadable', `cannot read torrent ${String(path)}: ${why}`);
}
