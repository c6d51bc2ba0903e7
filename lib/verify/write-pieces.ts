// Checks the pieces of a job and writes the good ones, some at a time: between two groups it looks
// whether another program has cut a file that is being written.
import { createHash } from 'node:crypto';
import { isZero } from '../bytes/compare';
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { FileIdentity } from '../messages/storage';
import type { FilledPiece, PieceOutcome, WrittenFile } from '../messages/verify';
import { pieceChunks, spanChunks } from '../storage/spans';
import type { SpanChunks } from '../storage/spans';
import type { StorageWriter } from '../storage/storage';
import { blockDigests, checkPiece } from './check-piece';

/**
 * A group is hashed and then written while it is in the core's cache. Examining a file takes 6 µs:
 * for every 16 KiB it is a tenth of a worker's time, for every 256 KiB nothing.
 */
const GROUP_BYTES = 256 * 1024;

/** Time spent in one job so far. */
export interface Clock {
  hashMs: number;
  storageMs: number;
}

/** The outcome of a piece that could not be stored, or read. */
export function storageError(piece: number, error: unknown): PieceOutcome {
  return { type: 'storage-error', piece, error: recordOf(error) };
}

/** Divides the pieces of a job into groups of 256 KiB or one piece. */
export function* writeGroups(pieces: readonly FilledPiece[]): Generator<readonly FilledPiece[]> {
  let start = 0;
  let bytes = 0;
  for (const [at, { lengthBytes }] of pieces.entries()) {
    bytes += lengthBytes;
    if (bytes < GROUP_BYTES && at + 1 < pieces.length) continue;
    yield pieces.slice(start, at + 1);
    start = at + 1;
    bytes = 0;
  }
}

interface Checked {
  readonly piece: number;
  /** Where a good piece is to be written; empty for any other. */
  readonly spans: readonly SpanChunks[];
  outcome: PieceOutcome;
}

interface FileInUse {
  readonly before: FileIdentity;
  endBytes: number;
  wasCut: boolean;
}

/** The writes of one job. */
export class PieceWriting {
  private readonly slab: Uint8Array;
  private readonly writer: StorageWriter;
  private readonly clock: Clock;
  /** Files written to, if the back end can examine them. */
  private readonly files = new Map<string, FileInUse>();

  constructor(slab: Uint8Array, writer: StorageWriter, clock: Clock) {
    this.slab = slab;
    this.writer = writer;
    this.clock = clock;
  }

  /** Returns an outcome for each piece, in order. */
  async run(group: readonly FilledPiece[]): Promise<PieceOutcome[]> {
    const start = performance.now();
    const checked = group.map((piece) => this.check(piece));
    const hashed = performance.now();
    await this.writeAll(checked);
    this.clock.hashMs += hashed - start;
    this.clock.storageMs += performance.now() - hashed;
    return checked.map(({ outcome }) => outcome);
  }

  /** The files written to. One that cannot be examined any more may be gone: it is left out. */
  async finish(): Promise<WrittenFile[]> {
    const written: WrittenFile[] = [];
    for (const [path, { before, endBytes, wasCut }] of this.files) {
      try {
        const after = await this.writer.identify?.(path);
        if (after) written.push({ path, before, after, endBytes, ...(wasCut && { cut: true }) });
      } catch {
        continue;
      }
    }
    return written;
  }

  private check(filled: FilledPiece): Checked {
    const { piece } = filled;
    try {
      const chunks = pieceChunks(this.slab, filled.segments, filled.lengthBytes);
      const spans = spanChunks(chunks, filled.spans);
      const wrong = checkPiece(chunks, filled.sha1, sha1);
      if (wrong !== undefined) {
        return { piece, spans: [], outcome: { type: 'bad', piece, blockDigests: wrong } };
      }
      for (const { span, chunks: parts } of spans) {
        if (span.path === undefined) checkPadding(parts, piece);
      }
      const digests = filled.wantBlockDigests ? { blockDigests: blockDigests(chunks, sha1) } : {};
      return { piece, spans, outcome: { type: 'good', piece, ...digests } };
    } catch (error) {
      return { piece, spans: [], outcome: storageError(piece, error) };
    }
  }

  /**
   * Writes the good pieces of a group, and looks at each file once, before its first write. That is
   * the write that reaches furthest: if the file is cut later, no write makes it as long again, and
   * the next look notices it.
   */
  private async writeAll(checked: readonly Checked[]): Promise<void> {
    const looked = new Set<string>();
    for (const one of [...checked].sort((a, b) => b.piece - a.piece)) {
      try {
        for (const span of one.spans) await this.write(span, looked);
      } catch (error) {
        one.outcome = storageError(one.piece, error);
      }
    }
  }

  private async write({ span, chunks }: SpanChunks, looked: Set<string>): Promise<void> {
    const { path, offsetBytes, lengthBytes } = span;
    if (path === undefined) return;
    if (this.writer.identify && !looked.has(path)) {
      this.onLook(path, await this.writer.identify(path));
      looked.add(path);
    }
    await this.writer.write(path, offsetBytes, chunks);
    const file = this.files.get(path);
    if (file) file.endBytes = Math.max(file.endBytes, offsetBytes + lengthBytes);
  }

  private onLook(path: string, now: FileIdentity): void {
    const file = this.files.get(path);
    if (!file) this.files.set(path, { before: now, endBytes: 0, wasCut: false });
    else if (now.sizeBytes < file.endBytes) file.wasCut = true;
  }
}

const sha1 = () => createHash('sha1');

/**
 * Padding is not stored, and is read back as zeros. If a torrent's hashes covered other padding, it
 * could be downloaded, but never found complete again, and its seeds would serve data that others
 * must refuse.
 */
function checkPadding(chunks: readonly Uint8Array[], piece: number): void {
  if (chunks.every(isZero)) return;
  throw new MillraceError(
    'bad-padding',
    `the padding in piece ${piece} is not made of zeros (BEP 47): this torrent was made wrong, nobody can have it whole`,
    { piece },
  );
}
