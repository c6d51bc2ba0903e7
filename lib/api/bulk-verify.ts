// A separate verify pool for work without an engine: hashing for `createTorrent`, checking for
// `verifyTorrent`.

import { availableParallelism } from 'node:os';
import { lanes } from '../async/lanes';
import type { DigestPiece, PieceOutcome, StoredPiece } from '../messages/verify';
import type { StorageRef } from '../messages/storage';
import type * as verify from '../verify/pool';
import { callback, signal, wholeNumber, type checkOptions } from './checks';
import type { Checks } from './checks';

/** Progress of a long job. */
export interface WorkProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** Options of all work without an engine. */
export interface BulkOptions {
  /** Worker threads, 1–64. Default: one per core. */
  readonly threads?: number;
  /** Called after each piece or batch of pieces. */
  readonly onProgress?: (progress: WorkProgress) => void;
  /** Ends the work; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** The checks of these options, for functions with further options. */
export const BULK = {
  threads: wholeNumber(1, 64, Math.min(64, availableParallelism())),
  onProgress: callback<(progress: WorkProgress) => void>(),
  signal,
} satisfies Checks<BulkOptions>;

/** Runs the jobs on all workers. Calls `onOutcome` for each piece, in no particular order. */
export async function bulkVerify<Piece extends DigestPiece | StoredPiece>(
  type: Piece extends StoredPiece ? 'recheck' : 'digest',
  root: string,
  jobs: Iterable<readonly Piece[]>,
  totalBytes: number,
  options: ReturnType<typeof checkOptions<typeof BULK>>,
  onOutcome: (outcome: PieceOutcome) => void,
): Promise<void> {
  const { threads, onProgress, signal } = options;
  signal?.throwIfAborted();
  // Loaded here because most engines never need it.
  const { VerifyPool } = require('../verify/pool') as typeof verify;
  const pool = new VerifyPool({
    threads,
    start: { slab: new SharedArrayBuffer(0), closeEpoch: new SharedArrayBuffer(4) },
  });
  const storage: StorageRef = { module: 'files', key: root, root };
  let doneBytes = 0;
  const run = async (pieces: readonly Piece[]): Promise<void> => {
    signal?.throwIfAborted();
    const job = { type, storage, pieces } as Parameters<verify.VerifyPool['submit']>[0];
    const { outcomes } = await pool.submit(job, 'background');
    outcomes.forEach(onOutcome);
    for (const piece of pieces) doneBytes += storedBytes(piece);
    onProgress?.({ doneBytes, totalBytes });
  };
  try {
    await lanes(pool.maxJobs, jobs, run);
  } finally {
    await pool.close();
  }
}

/** Bytes that are read for a piece: without its padding. */
function storedBytes({ spans }: DigestPiece): number {
  return spans.reduce((sum, span) => sum + (span.path === undefined ? 0 : span.lengthBytes), 0);
}
