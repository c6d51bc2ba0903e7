// The credit of one rate limit: grows with time, is lent out in whole blocks, and takes back what was
// not used. All times are milliseconds of one monotonic clock.

import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';

/**
 * Credit of quiet times that is kept: 150 ms of the rate. With what was granted for the 50 ms before, that
 * is 4 % of a window of 5 s. Less would be lost when grants are late.
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
   * Blocks that may be lent or used now. The last one may exceed the balance: time pays the debt, so
   * that a rate of less than a block per look is exact, too.
   */
  blocksAt(nowMs: number): number {
    this.grow(nowMs);
    return Math.max(0, Math.ceil(this.balanceBytes / BLOCK_LENGTH_BYTES));
  }

  /** Bytes are lent or used; below 0, they come back. */
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
