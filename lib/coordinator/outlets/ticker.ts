// Schedules ticks: at most one every 250 ms, and only when something asked for it.

import type { Clock } from './clock';
import { TICK_MS } from '../tick';

type TickerClock = Pick<Clock, 'nowMs' | 'after'>;

/** Longest timer. `setTimeout` allows at most 24 days; one needless tick an hour costs nothing. */
const LONGEST_WAIT_MS = 3_600_000;

/** All ticks fall on a grid of `TICK_MS`, so that one tick serves several callers. */
export class Ticker {
  private readonly tick: () => void;
  private readonly clock: TickerClock;
  private lastMs = -Infinity;
  private nextMs = Infinity;
  private cancel: (() => void) | undefined;
  private stopped = false;

  constructor(tick: () => void, clock: TickerClock) {
    this.tick = tick;
    this.clock = clock;
  }

  /**
   * Schedules a tick at `atMs`, or up to 250 ms later (375 ms after a late tick); `Infinity`
   * schedules none.
   */
  by(atMs: number): void {
    const nextMs = Math.max(Math.ceil(atMs / TICK_MS) * TICK_MS, this.lastMs + TICK_MS);
    if (nextMs >= this.nextMs || this.stopped) return;
    this.nextMs = nextMs;
    this.cancel?.();
    const waitMs = Math.max(0, nextMs - this.clock.nowMs());
    this.cancel = this.clock.after(Math.min(waitMs, LONGEST_WAIT_MS), () => this.run());
  }

  stop(): void {
    this.stopped = true;
    this.cancel?.();
  }

  private run(): void {
    // Rounded to the grid: a timer may fire a little early, or late.
    this.lastMs = Math.round(this.clock.nowMs() / TICK_MS) * TICK_MS;
    this.nextMs = Infinity;
    this.tick();
  }
}
