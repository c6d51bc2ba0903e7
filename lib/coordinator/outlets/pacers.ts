// Paces dials (starts per second, and half-open ones) and announces.

import type { EngineSettings } from '../../messages/control';
import type * as announcing from './announce-pacer';

/** Window in which at most `dialsPerSec` dials start. */
const DIAL_WINDOW_MS = 1000;

export class Pacers {
  private readonly maxHalfOpen: number;
  private readonly dialsPerSec: number;
  // Not p-queue: it takes 10 ms to load, and every start waits for its first dial.
  private readonly dials: (() => Promise<void>)[] = [];
  private halfOpen = 0;
  private dialledInWindow = 0;
  private announces: announcing.AnnouncePacer | undefined;

  constructor(settings: Pick<EngineSettings, 'maxHalfOpen' | 'dialsPerSec'>) {
    this.maxHalfOpen = settings.maxHalfOpen;
    this.dialsPerSec = settings.dialsPerSec;
  }

  /** Runs the task when a slot is free; it counts as half open until it settles. */
  dial(task: () => Promise<void>): void {
    this.dials.push(task);
    this.dialDue();
  }

  announce(task: () => Promise<void>, url: string): void {
    this.announces ??= loadAnnouncePacer();
    this.announces.add(task, url);
  }

  /** Number of trackers with announces queued or in flight. */
  get busyTrackers(): number {
    return this.announces?.busyTrackers ?? 0;
  }

  private dialDue(): void {
    while (this.halfOpen < this.maxHalfOpen && this.dialledInWindow < this.dialsPerSec) {
      const task = this.dials.shift();
      if (task === undefined) return;
      if (this.dialledInWindow++ === 0) setTimeout(this.nextWindow, DIAL_WINDOW_MS).unref();
      this.halfOpen++;
      const settled = (): void => {
        this.halfOpen--;
        this.dialDue();
      };
      task().then(settled, settled);
    }
  }

  private readonly nextWindow = (): void => {
    this.dialledInWindow = 0;
    this.dialDue();
  };
}

function loadAnnouncePacer(): announcing.AnnouncePacer {
  // Loaded with the first announce; an import would load it at start.
  const { AnnouncePacer } = require('./announce-pacer') as typeof announcing;
  return new AnnouncePacer();
}
