// PURE. A budget over time: a steady rate, a reserve from quiet times, and debts that are paid back
// only by time.

export interface TokenRate {
  /** Tokens added per second. */
  readonly perSec: number;
  /** Most tokens that are kept. */
  readonly burst: number;
}

/** Starts full. All times are milliseconds of one monotonic clock. */
export class TokenBucket {
  private readonly tokensPerMs: number;
  private readonly fullAfterMs: number;
  /** When the balance is, or was, zero: this one number represents both credit and debt. */
  private zeroAtMs = -Infinity;

  constructor(rate: TokenRate) {
    this.tokensPerMs = rate.perSec / 1000;
    this.fullAfterMs = rate.burst / this.tokensPerMs;
  }

  /** When the debt is paid: in the past while there are tokens. */
  get paidAtMs(): number {
    return this.zeroAtMs;
  }

  /** The number of tokens; negative for a debt. */
  balance(nowMs: number): number {
    return Math.min(nowMs - this.zeroAtMs, this.fullAfterMs) * this.tokensPerMs;
  }

  /** Spends tokens, even if that makes a debt. */
  take(tokens: number, nowMs: number): void {
    const sinceMs = Math.max(this.zeroAtMs, nowMs - this.fullAfterMs);
    this.zeroAtMs = sinceMs + tokens / this.tokensPerMs;
  }
}
