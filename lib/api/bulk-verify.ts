// A verify pool of its own for work without an engine: hashing for `createTorrent`, checking for
// `verifyTorrent`.

import { availableParallelism } from 'node:os';
import { lanes } from '../async/lanes';
import type { DigestPiece, PieceOutcome, StoredPiece } from '../messages/verify';
import type { StorageRef } from '../messages/storage';
import type * as verify from '../verify/pool';
import { callback, signal, wholeNumber, type checkOptions } from './checks';
import type { Checks } from './checks';

/** How far a long job is. */
export interface WorkProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface BulkOptions {
  /** Worker threads, 1–64. Default: all cores. */
  readonly threads?: number;
  readonly onProgress?: (progress: WorkProgress) => void;
  readonly signal?: AbortSignal;
}

/** The checks of these options, for those who have more of their own. */
export const BULK = {
  threads: wholeNumber(1, 64, Math.min(64, availableParallelism())),
  onProgress: callback<(progress: WorkProgress) => void>(),
  signal,
} satisfies Checks<BulkOptions>;

/** Runs jobs drawn from `jobs` on all workers; calls back for each piece, in no special order. */
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
  // Most engines never need one here.
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

/** What is read of a piece: not its padding. */
function storedBytes({ spans }: DigestPiece): number {
  return spans.reduce((sum, span) => sum + (span.path === undefined ? 0 : span.lengthBytes), 0);
}
