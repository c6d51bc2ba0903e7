// How a claim is written down: whose it is, as JSON, then the files, each part ended by a NUL. It is
// read in parts: a torrent of 200,000 files neither holds up the thread nor fills its memory.
import * as fs from 'node:fs/promises';
import { OPEN_TO_READ, openRegularAsync } from './open-regular';

/** The paths of a torrent take 24 MiB at most, and where some are links their places as much again. */
const MAX_CLAIM_BYTES = 64 * 1024 * 1024;
/** Paths are bounded by the system (4 KiB on Linux), and what is said of the owner takes 300 bytes. */
const MAX_PART_BYTES = 64 * 1024;
/** Read at a time; what it holds is parsed in one go, in about a millisecond. */
const READ_BYTES = 256 * 1024;

export interface ClaimHead {
  /** As in a lock. */
  readonly owner: object;
  readonly infoHash: string;
  readonly writes: boolean;
  /** Every file is followed by where it really is. */
  readonly hasPlaces: boolean;
}

export interface ClaimedFile {
  /** As stored. */
  readonly path: string;
  /** Real path, where the claim says it. */
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

  /** Hands an open claim to `use`; resolves undefined for anything that is no claim, and cannot be read. */
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

  /** The files, as many at a time as come with one read; once. */
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

/** What lies between NULs, as many parts at a time as come with one read. What has no end is left out. */
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
