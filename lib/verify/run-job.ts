// Executes one verify job inside a worker. A failure belongs to its piece: it becomes an outcome,
// and the other pieces of the job continue. Nothing is thrown to Piscina.
import { createHash } from 'node:crypto';
import { isZero } from '../bytes/compare';
import { MillraceError, assertNever, recordOf } from '../errors/millrace-error';
import type { FileIdentity, StorageRef } from '../messages/storage';
import type {
  DigestPiece,
  FilledPiece,
  PieceOutcome,
  StoredPiece,
  SyncedFile,
  VerifyJob,
  VerifyResult,
  WrittenFile,
} from '../messages/verify';
import { pieceChunks, spanChunks } from '../storage/spans';
import type { StorageWriter } from '../storage/storage';
import { blockDigests, checkPiece } from './check-piece';
import { WriterCache } from './writers';

/**
 * Length of the read buffer: pieces of up to 256 MiB pass through it in parts. Data is hashed while
 * it is in the core's cache: reading 1 MiB at a time costs 1.9 CPU s per GiB, 256 KiB 1.4.
 */
const READ_BUFFER_BYTES = 256 * 1024;

const sha1 = () => createHash('sha1');

/** Time spent in one job so far. */
interface Clock {
  hashMs: number;
  storageMs: number;
}

export class JobRunner {
  private readonly slab: Uint8Array;
  private readonly writers = new WriterCache();
  /**
   * Idle read buffers: with a back end that returns promises, two jobs of a worker may interleave.
   */
  private readonly buffers: Uint8Array[] = [];

  constructor(slab: SharedArrayBuffer) {
    this.slab = new Uint8Array(slab);
  }

  async run(job: VerifyJob): Promise<VerifyResult> {
    const clock: Clock = { hashMs: 0, storageMs: 0 };
    switch (job.type) {
      case 'pieces': {
        const written = new Map<string, WrittenFile>();
        const result = await this.each(
          job.storage,
          job.pieces,
          clock,
          (writer, piece) => this.checkAndWrite(writer, piece, clock, written),
          (writer) => lookAfter(writer, written),
          (writer) => writer.expect?.(job.known ?? []),
        );
        return written.size === 0 ? result : { ...result, written: [...written.values()] };
      }
      case 'recheck':
        return this.each(job.storage, job.pieces, clock, (writer, piece) =>
          this.recheck(writer, piece, clock),
        );
      case 'digest':
        return this.each(job.storage, job.pieces, clock, (writer, piece) =>
          this.digest(writer, piece, clock),
        );
      case 'sync':
        return this.sync(job.storage, job.paths, clock);
      case 'create-empty':
        return this.whole(job.storage, clock, (writer) => writer.createEmpty(job.paths));
      default:
        return assertNever(job);
    }
  }

  /** Closes all file handles, after the jobs that use them. */
  closeHandles(): Promise<void> {
    return this.writers.retireAll();
  }

  private async each<Piece extends { readonly piece: number }>(
    storage: StorageRef,
    pieces: readonly Piece[],
    clock: Clock,
    run: (writer: StorageWriter, piece: Piece) => Promise<PieceOutcome>,
    finish?: (writer: StorageWriter) => Promise<void>,
    begin?: (writer: StorageWriter) => void,
  ): Promise<VerifyResult> {
    const outcomes: PieceOutcome[] = [];
    const failed = (piece: Piece, error: unknown): void => {
      outcomes.push({ type: 'storage-error', piece: piece.piece, error: recordOf(error) });
    };
    try {
      await this.writers.use(storage, async (writer) => {
        begin?.(writer);
        for (const piece of pieces) {
          try {
            outcomes.push(await run(writer, piece));
          } catch (error) {
            failed(piece, error);
          }
        }
        await finish?.(writer);
      });
    } catch (error) {
      for (const piece of pieces.slice(outcomes.length)) failed(piece, error);
    }
    return { outcomes, ...clock };
  }

  private async sync(
    storage: StorageRef,
    paths: readonly string[],
    clock: Clock,
  ): Promise<VerifyResult> {
    const synced: SyncedFile[] = [];
    const result = await this.whole(storage, clock, async (writer) => {
      await writer.sync(paths);
      if (!writer.find) return;
      for (const path of paths) synced.push({ path, now: await writer.find(path) });
    });
    return synced.length === 0 ? result : { ...result, synced };
  }

  private async whole(
    storage: StorageRef,
    clock: Clock,
    run: (writer: StorageWriter) => void | Promise<void>,
  ): Promise<VerifyResult> {
    const start = performance.now();
    let failure = {};
    try {
      await this.writers.use(storage, async (writer) => run(writer));
    } catch (error) {
      failure = { error: recordOf(error) };
    }
    clock.storageMs += performance.now() - start;
    return { outcomes: [], ...failure, ...clock };
  }

  private async checkAndWrite(
    writer: StorageWriter,
    piece: FilledPiece,
    clock: Clock,
    written: Map<string, WrittenFile>,
  ): Promise<PieceOutcome> {
    const chunks = pieceChunks(this.slab, piece.segments, piece.lengthBytes);
    const spans = spanChunks(chunks, piece.spans);
    const start = performance.now();
    const wrong = checkPiece(chunks, piece.sha1, sha1);
    const hashed = performance.now();
    clock.hashMs += hashed - start;
    if (wrong !== undefined) return { type: 'bad', piece: piece.piece, blockDigests: wrong };
    try {
      for (const { span, chunks: parts } of spans) {
        if (span.path === undefined) checkPadding(parts, piece.piece);
      }
      for (const { span, chunks: parts } of spans) {
        if (span.path === undefined) continue;
        if (writer.identify) {
          const endBytes = span.offsetBytes + span.lengthBytes;
          const now = await writer.identify(span.path);
          written.set(span.path, nextWrite(span.path, written.get(span.path), now, endBytes));
        }
        await writer.write(span.path, span.offsetBytes, parts);
      }
    } finally {
      clock.storageMs += performance.now() - hashed;
    }
    if (!piece.wantBlockDigests) return { type: 'good', piece: piece.piece };
    return { type: 'good', piece: piece.piece, blockDigests: blockDigests(chunks, sha1) };
  }

  private async recheck(
    writer: StorageWriter,
    piece: StoredPiece,
    clock: Clock,
  ): Promise<PieceOutcome> {
    const { digest } = await this.readAndHash(writer, piece, clock);
    return { type: digest === piece.sha1 ? 'good' : 'bad', piece: piece.piece };
  }

  private async digest(
    writer: StorageWriter,
    piece: DigestPiece,
    clock: Clock,
  ): Promise<PieceOutcome> {
    const { digest, shortPath } = await this.readAndHash(writer, piece, clock);
    if (digest !== undefined) return { type: 'digest', piece: piece.piece, sha1: digest };
    throw new MillraceError(
      'file-too-short',
      `${shortPath} ended before its length: it was removed or cut while it was read`,
      { path: shortPath },
    );
  }

  /** The digest of a stored piece, in hexadecimal, or the file that is too short. */
  private async readAndHash(
    writer: StorageWriter,
    piece: DigestPiece,
    clock: Clock,
  ): Promise<{ digest: string; shortPath?: never } | { digest?: never; shortPath: string }> {
    const buffer = this.buffers.pop() ?? new Uint8Array(READ_BUFFER_BYTES);
    const hash = sha1();
    try {
      for (const span of piece.spans) {
        for (let done = 0; done < span.lengthBytes;) {
          const target = buffer.subarray(0, Math.min(buffer.length, span.lengthBytes - done));
          const start = performance.now();
          if (span.path === undefined) target.fill(0);
          else {
            const bytes = await writer.read(span.path, span.offsetBytes + done, target);
            if (bytes < target.length) {
              clock.storageMs += performance.now() - start;
              return { shortPath: span.path };
            }
          }
          const read = performance.now();
          clock.storageMs += read - start;
          hash.update(target);
          clock.hashMs += performance.now() - read;
          done += target.length;
        }
      }
      return { digest: hash.digest('hex') };
    } finally {
      this.buffers.push(buffer);
    }
  }
}

/**
 * Notes a write that is about to start. After it, a file that was cut would be long again, with a
 * hole.
 */
function nextWrite(
  path: string,
  earlier: WrittenFile | undefined,
  now: FileIdentity,
  endBytes: number,
): WrittenFile {
  if (earlier === undefined) return { path, before: now, after: now, endBytes };
  const wasCut = now.sizeBytes < earlier.endBytes;
  const end = Math.max(endBytes, earlier.endBytes);
  return { ...earlier, endBytes: end, ...(wasCut && { cut: true }) };
}

/** Notes the final state of the files. One that cannot be examined may be gone: it is left out. */
async function lookAfter(writer: StorageWriter, written: Map<string, WrittenFile>): Promise<void> {
  for (const [path, file] of written) {
    try {
      const after = await writer.identify?.(path);
      if (after) written.set(path, { ...file, after });
    } catch {
      written.delete(path);
    }
  }
}

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
