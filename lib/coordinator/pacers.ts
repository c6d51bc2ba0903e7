// What must be paced: dials (per second and half open) and announces. p-queue does the waiting.

import PQueue from 'p-queue';
import type { EngineSettings } from '../messages/control';

/**
 * Trackers asked at one time. A dead UDP tracker holds its place for 105 s, so there are many; each
 * costs a few small packets or one connection.
 */
const CONCURRENT_ANNOUNCES = 64;

export class Pacers {
  readonly #dials: PQueue;
  readonly #announces = new PQueue({ concurrency: CONCURRENT_ANNOUNCES });

  constructor(settings: Pick<EngineSettings, 'maxHalfOpen' | 'dialsPerSec'>) {
    this.#dials = new PQueue({
      concurrency: settings.maxHalfOpen,
      interval: 1000,
      intervalCap: settings.dialsPerSec,
    });
  }

  dial(task: () => Promise<void>): void {
    void this.#dials.add(task);
  }

  announce(task: () => Promise<void>): void {
    void this.#announces.add(task);
  }
}
