// The format of a claim: its owner as JSON, then the files, each part ended by a NUL. It is read in
// parts, so that a torrent of 200,000 files neither blocks the thread nor fills its memory.
import * as fs from 'node:fs/promises';
import { OPEN_TO_READ, openRegularAsync } from './open-regular';

/**
 * Longest claim: the paths of a torrent take at most 24 MiB, and real paths behind links the same
 * again.
 */
const MAX_CLAIM_BYTES = 64 * 1024 * 1024;
/** Longest part: the system limits paths (4 KiB on Linux), and the owner takes 300 bytes. */
const MAX_PART_BYTES = 64 * 1024;
/** Length of a read; its content is parsed at once, in about a millisecond. */
const READ_BYTES = 256 * 1024;

export interface ClaimHead {
  /** As in a lock. */
  readonly owner: object;
  readonly infoHash: string;
  readonly writes: boolean;
  /** Every file is followed by its real path. */
  readonly hasPlaces: boolean;
}

export interface ClaimedFile {
  /** The stored path. */
  readonly path: string;
  /** The real path, if the claim has it. */
  readonly place: string | undefined;
}

/** Writes a new file. */
export async function writeClaim(
  file: string,
  head: Omit<ClaimHead, 'hasPlaces'>,
  files: readonly ClaimedFile[],
): Promise<void> {
  const hasPlaces = files.some(({ place }) => place !== undefined);
  const parts = [JSON.stringify({ ...head, hasPlaces })];
  for (const { path, place = '' } of files) {
    parts.push(path);
    if (hasPlaces) parts.push(place);
  }
  await fs.writeFile(file, `${parts.join('\0')}\0`, { flag: 'wx' });
}

/** A claim that is open for reading. */
export class ClaimReader {
  readonly head: ClaimHead;
  private readonly parts: AsyncIterator<string[]>;
  private first: string[];

  private constructor(head: ClaimHead, first: string[], parts: AsyncIterator<string[]>) {
    this.head = head;
    this.first = first;
    this.parts = parts;
  }

  /**
   * Calls `use` with an open claim; resolves to undefined for a file that is not a claim or cannot
   * be read.
   */
  static async read<T>(
    file: string,
    use: (claim: ClaimReader) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    let handle: fs.FileHandle | undefined;
    try {
      handle = await openRegularAsync(file, OPEN_TO_READ, { followLink: false });
      const { size } = await handle.stat();
      if (size > MAX_CLAIM_BYTES) return undefined;
      const parts = partsOf(handle);
      const { value } = (await parts.next()) as { value: string[] | undefined };
      const head = headOf(value?.[0]);
      if (head === undefined) return undefined;
      return await use(new ClaimReader(head, value?.slice(1) ?? [], parts));
    } catch {
      return undefined;
    } finally {
      await handle?.close();
    }
  }

  /** The files, in groups of one read each. Can be called once. */
  async *files(): AsyncGenerator<ClaimedFile[]> {
    let rest = this.first;
    for (;;) {
      const { files, left } = filesOf(rest, this.head.hasPlaces);
      yield files;
      const { value, done } = await this.parts.next();
      if (done === true) return;
      rest = [...left, ...value];
    }
  }
}

/** The parts between NULs, in groups of one read each. An unterminated part is left out. */
async function* partsOf(handle: fs.FileHandle): AsyncGenerator<string[]> {
  const buffer = Buffer.alloc(MAX_PART_BYTES + READ_BYTES);
  let kept = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, kept, READ_BYTES);
    if (bytesRead === 0) return;
    const end = kept + bytesRead;
    const last = buffer.lastIndexOf(0, end - 1);
    if (last !== -1) yield buffer.toString('utf8', 0, last).split('\0');
    kept = end - last - 1;
    if (kept > MAX_PART_BYTES) return;
    buffer.copyWithin(0, last + 1, end);
  }
}

function filesOf(
  parts: readonly string[],
  hasPlaces: boolean,
): { files: ClaimedFile[]; left: string[] } {
  const files: ClaimedFile[] = [];
  const step = hasPlaces ? 2 : 1;
  let at = 0;
  for (; at + step <= parts.length; at += step) {
    const place = hasPlaces && parts[at + 1] !== '' ? parts[at + 1] : undefined;
    files.push({ path: parts[at] ?? '', place });
  }
  return { files, left: parts.slice(at) };
}

function headOf(text: string | undefined): ClaimHead | undefined {
  const value: unknown = JSON.parse(text ?? 'null');
  if (typeof value !== 'object' || value === null) return undefined;
  const { owner, infoHash, writes, hasPlaces } = value as Record<string, unknown>;
  if (typeof owner !== 'object' || owner === null || typeof infoHash !== 'string') return undefined;
  if (typeof writes !== 'boolean' || typeof hasPlaces !== 'boolean') return undefined;
  return { owner, infoHash, writes, hasPlaces };
}
