// PURE. What may be spent over time: a steady rate, a reserve from quiet times, and debts that only
// time pays back.

export interface TokenRate {
  /** Tokens that come in a second. */
  readonly perSec: number;
  /** The most that are kept. */
  readonly burst: number;
}

/** Starts full. All times are milliseconds of one clock that never goes back. */
export class TokenBucket {
  private readonly tokensPerMs: number;
  private readonly fullAfterMs: number;
  /** When the balance is, or was, zero: one number says both what is there and what is owed. */
  private zeroAtMs = -Infinity;

  constructor(rate: TokenRate) {
    this.tokensPerMs = rate.perSec / 1000;
    this.fullAfterMs = rate.burst / this.tokensPerMs;
  }

  /** From when on nothing is owed: in the past while there are tokens. */
  get paidAtMs(): number {
    return this.zeroAtMs;
  }

  /** What is there; below zero what is owed. */
  balance(nowMs: number): number {
    return Math.min(nowMs - this.zeroAtMs, this.fullAfterMs) * this.tokensPerMs;
  }

  /** Spends, whatever there is. */
  take(tokens: number, nowMs: number): void {
    const sinceMs = Math.max(this.zeroAtMs, nowMs - this.fullAfterMs);
    this.zeroAtMs = sinceMs + tokens / this.tokensPerMs;
  }
}
