import { expect } from 'chai';
import { Ticker } from '../../../lib/coordinator/outlets/ticker';
import { TICK_MS } from '../../../lib/coordinator/tick';

/** A ticker on a clock of its own, which `go` moves; `ticks` are the times of its ticks. */
class Bench {
  nowMs = 1000;
  readonly ticks: number[] = [];
  /** Timers set so far. */
  timers = 0;
  readonly #waiting = new Map<object, { readonly atMs: number; readonly callback: () => void }>();
  /** Asked for in every tick. */
  again: number | undefined;
  readonly ticker = new Ticker(
    () => {
      this.ticks.push(this.nowMs);
      if (this.again !== undefined) this.ticker.by(this.nowMs + this.again);
    },
    {
      nowMs: () => this.nowMs,
      after: (delayMs, callback) => {
        const key = {};
        this.timers++;
        this.#waiting.set(key, { atMs: this.nowMs + delayMs, callback });
        return () => void this.#waiting.delete(key);
      },
    },
  );

  go(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.#waiting].sort(([, a], [, b]) => a.atMs - b.atMs);
      if (next === undefined || next[1].atMs > endMs) break;
      this.#waiting.delete(next[0]);
      this.nowMs = Math.max(this.nowMs, next[1].atMs);
      next[1].callback();
    }
    this.nowMs = endMs;
  }

  get waiting(): number {
    return this.#waiting.size;
  }
}

describe('coordinator/ticker', () => {
  it('ticks only when asked', () => {
    const bench = new Bench();
    bench.ticker.by(Infinity);
    expect(bench.waiting).to.equal(0);
    bench.go(100_000);
    expect(bench.ticks).to.deep.equal([]);
  });

  it('serves all requests for the same quarter of a second with one tick', () => {
    const bench = new Bench();
    for (const atMs of [1010, 1249, 1100]) bench.ticker.by(atMs);
    expect(bench.timers).to.equal(1);
    bench.go(10_000);
    expect(bench.ticks).to.deep.equal([1250]);
  });

  it('an earlier wish takes the place of a later one', () => {
    const bench = new Bench();
    bench.ticker.by(60_000);
    bench.go(5000);
    bench.ticker.by(6001);
    bench.go(100_000);
    expect(bench.ticks).to.deep.equal([6250]);
    expect(bench.waiting).to.equal(0);
  });

  it('asked in every tick, ticks four times a second', () => {
    const bench = new Bench();
    bench.again = 0;
    bench.ticker.by(0);
    bench.go(1000);
    expect(bench.ticks).to.deep.equal([1000, 1250, 1500, 1750, 2000]);
  });

  it('never twice within half of that: not after a late one, not for what is long due', () => {
    const bench = new Bench();
    bench.again = -5000;
    bench.ticker.by(1200);
    bench.nowMs = 1900; // the thread had no time
    bench.go(500);
    expect(bench.ticks.length).to.be.within(2, 3);
    for (let n = 1; n < bench.ticks.length; n++)
      expect((bench.ticks[n] ?? 0) - (bench.ticks[n - 1] ?? 0)).to.be.at.least(TICK_MS / 2);
  });

  it('once stopped, never again', () => {
    const bench = new Bench();
    bench.ticker.by(1100);
    bench.ticker.stop();
    bench.ticker.by(1000); // Earlier than what it had planned.
    bench.go(10_000);
    expect(bench.ticks).to.deep.equal([]);
  });

  it('can be stopped before anything was asked of it', () => {
    const bench = new Bench();
    bench.ticker.stop();
    bench.ticker.by(1100);
    expect(bench.waiting).to.equal(0);
  });
});
