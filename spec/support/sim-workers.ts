// The verify threads of a simulated node: real hashes over its slab, and a disk that takes time, can
// fail, and forgets in a power cut what was not synced.

import type { ErrorRecord } from '../../lib/errors/millrace-error';
import type { VerifyJob } from '../../lib/messages/verify';
import { SIM_SETTINGS, settled } from './sim-engine';
import type { PendingJob } from './sim-engine';
import type { SimNode } from './sim-node';
import { NO_OUTCOMES, runVerifyJob } from './sim-verify';

/** Bytes that a verify worker hashes, and writes, in a millisecond. */
const VERIFY_BYTES_PER_MS = 400_000;

/** A write that has begun takes as long as the disk was slow: a megabyte takes a minute at most. */
const SLOWEST_BYTES_PER_MS = 20;

export class SimWorkers {
  /** Writes and syncs fail with it; undefined while the disk is fine. */
  failing: ErrorRecord | undefined;
  /** The disk takes so many times longer. */
  slowness = 1;
  readonly #node: SimNode;
  /** When each verify thread becomes free. */
  readonly #freeMs = new Array<number>(SIM_SETTINGS.verifyThreads).fill(0);
  /** Pieces that were written since the last sync began. */
  #unsynced = new Set<number>();

  constructor(node: SimNode) {
    this.#node = node;
  }

  /** One job per thread at a time; the others wait for the first free thread. */
  run({ job, resolve }: PendingJob): void {
    const node = this.#node;
    const bytes =
      'pieces' in job ? job.pieces.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0) : 0;
    const { hashBytesPerMs, writeBytesPerMs } = node.options;
    const hashMs = bytes / (hashBytesPerMs ?? VERIFY_BYTES_PER_MS);
    const writeRate = (writeBytesPerMs ?? VERIFY_BYTES_PER_MS) / this.slowness;
    const storageMs = bytes / Math.max(SLOWEST_BYTES_PER_MS, writeRate);
    const { nowMs } = node.clock;
    const next = this.#freeMs.indexOf(Math.min(...this.#freeMs));
    const endMs = Math.max(nowMs, this.#freeMs[next] ?? 0) + 1 + hashMs + storageMs;
    this.#freeMs[next] = endMs;
    const syncing = job.type === 'sync' ? this.#unsynced : undefined;
    if (syncing) this.#unsynced = new Set();
    node.later(endMs - nowMs, async () => {
      node.syncClock();
      const { failing } = this;
      if (failing && syncing) for (const piece of syncing) this.#unsynced.add(piece);
      // Metadata is hashed in memory.
      const error = job.type === 'metadata' ? undefined : failing;
      resolve({ ...(error ? failed(job, error) : this.#done(job)), hashMs, storageMs });
      await settled();
      node.noteEvents();
    });
  }

  #done(job: VerifyJob): ReturnType<typeof runVerifyJob> {
    const result = runVerifyJob(job, this.#node.engine.slab.bytes, this.#node.stored);
    if (job.type === 'pieces')
      for (const { type, piece } of result.outcomes) if (type === 'good') this.#unsynced.add(piece);
    return result;
  }

  /** The process ends; with the power, so do writes that were not synced: each as by a coin. */
  end(coin: (() => boolean) | undefined): void {
    const { stored, swarm } = this.#node;
    const { pieceLengthBytes } = swarm.torrent.metainfo;
    for (const piece of this.#unsynced) {
      const start = piece * pieceLengthBytes;
      if (coin?.()) stored.fill(0, start, start + pieceLengthBytes);
    }
    if (coin) this.#unsynced.clear();
    this.#freeMs.fill(0);
  }
}

/** A check still reads, and finds nothing to be good; the rest reports the error. */
function failed(job: VerifyJob, error: ErrorRecord): ReturnType<typeof runVerifyJob> {
  if (job.type !== 'pieces') return { ...NO_OUTCOMES, error };
  const outcomes = job.pieces.map(({ piece }) => ({
    type: 'storage-error' as const,
    piece,
    error,
  }));
  return { ...NO_OUTCOMES, outcomes };
}
