// The verify threads of a simulated node: real hashes over its slab, and a disk that takes time and
// can fail.

import { SIM_SETTINGS, settled } from './sim-engine';
import type { PendingJob } from './sim-engine';
import type { SimNode } from './sim-node';
import { runVerifyJob } from './sim-verify';

/** Bytes that a verify worker hashes, and writes, in a millisecond. */
const VERIFY_BYTES_PER_MS = 400_000;

export class SimWorkers {
  readonly #node: SimNode;
  /** When each verify thread becomes free. */
  readonly #freeMs = new Array<number>(SIM_SETTINGS.verifyThreads).fill(0);

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
    const storageMs = bytes / (writeBytesPerMs ?? VERIFY_BYTES_PER_MS);
    const { nowMs } = node.clock;
    const next = this.#freeMs.indexOf(Math.min(...this.#freeMs));
    const endMs = Math.max(nowMs, this.#freeMs[next] ?? 0) + 1 + hashMs + storageMs;
    this.#freeMs[next] = endMs;
    node.later(endMs - nowMs, async () => {
      node.syncClock();
      const result = runVerifyJob(job, node.engine.slab.bytes, node.stored);
      resolve({ ...result, hashMs, storageMs });
      await settled();
      node.noteEvents();
    });
  }
}
