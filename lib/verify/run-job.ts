// Executes one verify job inside a worker. A failure belongs to its piece: it becomes an outcome,
// and the other pieces of the job continue. Nothing is thrown to Piscina.
import { createHash } from 'node:crypto';
import { MillraceError, assertNever, recordOf } from '../errors/millrace-error';
import type { StorageRef } from '../messages/storage';
import type {
  DigestPiece,
  PieceOutcome,
  StoredPiece,
  SyncedFile,
  VerifyJob,
  VerifyResult,
  WrittenFile,
} from '../messages/verify';
import type { StorageWriter } from '../storage/storage';
import type * as metadata from './check-metadata';
import { PieceWriting, storageError } from './write-pieces';
import type { Clock } from './write-pieces';
import { WriterCache } from './writers';

/**
 * Length of the read buffer: pieces of up to 256 MiB pass through it in parts. Data is hashed while
 * it is in the core's cache: reading 1 MiB at a time costs 1.9 CPU s per GiB, 256 KiB 1.4.
 */
const READ_BUFFER_BYTES = 256 * 1024;

const sha1 = () => createHash('sha1');

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
      case 'pieces':
        return this.checkAndWrite(job, clock);
      case 'recheck':
        return this.each(job, clock, (writer, piece) => this.recheck(writer, piece, clock));
      case 'digest':
        return this.each(job, clock, (writer, piece) => this.digest(writer, piece, clock));
      case 'metadata':
        return checkMetadata(job, clock);
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

  private async checkAndWrite(
    { storage, pieces, known = [] }: Extract<VerifyJob, { readonly type: 'pieces' }>,
    clock: Clock,
  ): Promise<VerifyResult> {
    let written: WrittenFile[] = [];
    const result = await this.outcomesOf(storage, pieces, clock, async (writer, outcomes) => {
      writer.expect?.(known);
      const writing = new PieceWriting(this.slab, writer, clock);
      outcomes.push(...(await writing.run(pieces)));
      written = await writing.finish();
    });
    return written.length === 0 ? result : { ...result, written };
  }

  private each<Piece extends { readonly piece: number }>(
    { storage, pieces }: { readonly storage: StorageRef; readonly pieces: readonly Piece[] },
    clock: Clock,
    run: (writer: StorageWriter, piece: Piece) => Promise<PieceOutcome>,
  ): Promise<VerifyResult> {
    return this.outcomesOf(storage, pieces, clock, async (writer, outcomes) => {
      for (const piece of pieces) {
        try {
          outcomes.push(await run(writer, piece));
        } catch (error) {
          outcomes.push(storageError(piece.piece, error));
        }
      }
    });
  }

  /** `run` appends an outcome for each piece, in order; those that it leaves out have failed with it. */
  private async outcomesOf(
    storage: StorageRef,
    pieces: readonly { readonly piece: number }[],
    clock: Clock,
    run: (writer: StorageWriter, outcomes: PieceOutcome[]) => Promise<void>,
  ): Promise<VerifyResult> {
    const outcomes: PieceOutcome[] = [];
    try {
      await this.writers.use(storage, (writer) => run(writer, outcomes));
    } catch (error) {
      for (const { piece } of pieces.slice(outcomes.length))
        outcomes.push(storageError(piece, error));
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

function checkMetadata(
  job: Extract<VerifyJob, { readonly type: 'metadata' }>,
  clock: Clock,
): VerifyResult {
  // The parser is loaded only where a magnet link needs it.
  const { checkMetadata: check } = require('./check-metadata') as typeof metadata;
  const start = performance.now();
  const outcome = check(job);
  clock.hashMs += performance.now() - start;
  return { outcomes: [], metadata: outcome, ...clock };
}
