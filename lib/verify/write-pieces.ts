// Checks the pieces of a job and writes the good ones. Looks at each file before its first write and
// after its last, so that changes by other programs are noticed.
import { createHash } from 'node:crypto';
import { isZero } from '../bytes/compare';
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { FileIdentity } from '../messages/storage';
import type { FilledPiece, PieceOutcome, WrittenFile } from '../messages/verify';
import { pieceChunks, spanChunks } from '../storage/spans';
import type { SpanChunks } from '../storage/spans';
import type { StorageWriter } from '../storage/storage';
import { blockDigests, checkPiece } from './check-piece';

/** Time spent in one job so far. */
export interface Clock {
  hashMs: number;
  storageMs: number;
}

/** The outcome of a piece that could not be stored, or read. */
export function storageError(piece: number, error: unknown): PieceOutcome {
  return { type: 'storage-error', piece, error: recordOf(error) };
}

interface FileInUse {
  readonly before: FileIdentity;
  endBytes: number;
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

  /**
   * Returns an outcome for each piece, in order. The last piece of the torrent is written first: when
   * a file is cut during the job, no later write makes it as long again, so `finish` finds it short.
   */
  async run(pieces: readonly FilledPiece[]): Promise<PieceOutcome[]> {
    const outcomes = new Map<number, PieceOutcome>();
    for (const filled of [...pieces].sort((a, b) => b.piece - a.piece)) {
      const start = performance.now();
      let hashed = start;
      try {
        const { outcome, spans } = this.check(filled);
        hashed = performance.now();
        for (const { span, chunks } of spans) {
          if (span.path === undefined) continue;
          const file = this.files.get(span.path) ?? (await this.look(span.path));
          const writing = this.writer.write(span.path, span.offsetBytes, chunks);
          // An `await` costs a microsecond for every piece, and the built-in back end needs none.
          if (writing !== undefined) await writing;
          if (file) file.endBytes = Math.max(file.endBytes, span.offsetBytes + span.lengthBytes);
        }
        outcomes.set(filled.piece, outcome);
      } catch (error) {
        outcomes.set(filled.piece, storageError(filled.piece, error));
      }
      this.clock.hashMs += hashed - start;
      this.clock.storageMs += performance.now() - hashed;
    }
    return pieces.flatMap(({ piece }) => outcomes.get(piece) ?? []);
  }

  /** The files written to. One that cannot be examined any more may be gone: it is left out. */
  async finish(): Promise<WrittenFile[]> {
    const written: WrittenFile[] = [];
    for (const [path, file] of this.files) {
      try {
        const after = await this.writer.identify?.(path);
        if (after) written.push({ path, ...file, after });
      } catch {
        continue;
      }
    }
    return written;
  }

  /** Where a good piece is to be written; a bad one is written nowhere. */
  private check(filled: FilledPiece): { outcome: PieceOutcome; spans: readonly SpanChunks[] } {
    const { piece } = filled;
    const chunks = pieceChunks(this.slab, filled.segments, filled.lengthBytes);
    const spans = spanChunks(chunks, filled.spans);
    const wrong = checkPiece(chunks, filled.sha1, sha1);
    if (wrong !== undefined)
      return { spans: [], outcome: { type: 'bad', piece, blockDigests: wrong } };
    for (const { span, chunks: parts } of spans) {
      if (span.path === undefined) checkPadding(parts, piece);
    }
    if (filled.wantBlockDigests !== true) return { spans, outcome: { type: 'good', piece } };
    const digests = blockDigests(chunks, sha1);
    return { spans, outcome: { type: 'good', piece, blockDigests: digests } };
  }

  /** The state of a file before its first write, if the back end can examine it. */
  private async look(path: string): Promise<FileInUse | undefined> {
    if (!this.writer.identify) return undefined;
    const file = { before: await this.writer.identify(path), endBytes: 0 };
    this.files.set(path, file);
    return file;
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
