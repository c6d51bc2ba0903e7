// The credit of one rate limit: it grows with time, is lent in whole blocks, and unused credit is
// returned. All times are milliseconds of one monotonic clock.

import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';

/**
 * Unused credit that is kept: 150 ms of the rate. With a grant of 50 ms this is 200 ms, 4 % of a window of
 * 5 s. With less, credit would be lost whenever a grant is late.
 */
export const BURST_MS = 150;

export class RateBucket {
  private rateBytesPerSec: number;
  private balanceBytes = 0;
  private sinceMs: number;

  constructor(rateBytesPerSec: number, nowMs: number) {
    this.rateBytesPerSec = rateBytesPerSec;
    this.sinceMs = nowMs;
  }

  setRate(rateBytesPerSec: number, nowMs: number): void {
    this.grow(nowMs);
    this.rateBytesPerSec = rateBytesPerSec;
  }

  /**
   * Blocks that may be lent or used now. The last one may exceed the balance; time pays the debt, so a rate
   * of less than a block per interval is exact, too.
   */
  blocksAt(nowMs: number): number {
    this.grow(nowMs);
    return Math.max(0, Math.ceil(this.balanceBytes / BLOCK_LENGTH_BYTES));
  }

  /** Bytes were lent or used; below 0: returned. */
  take(bytes: number): void {
    this.balanceBytes -= bytes;
  }

  private grow(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.sinceMs);
    this.sinceMs = nowMs;
    const grownBytes = this.balanceBytes + (this.rateBytesPerSec * elapsedMs) / 1000;
    this.balanceBytes = Math.min(grownBytes, (this.rateBytesPerSec * BURST_MS) / 1000);
  }
}
