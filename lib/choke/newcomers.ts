// PURE. How fast new peers are let in. A new peer costs more than an established one, especially
// with a long bitfield. So peers that keep reconnecting are let in at a bounded rate, and do not
// keep others out.

import { TokenBucket } from './token-bucket';

/** A token is about 100 ns: a twentieth of a thread's time, with a burst of what 4 s have saved. */
const RATE = { perSec: 500_000, burst: 2_000_000 };

/** A reserve for queues that had no newcomer for `QUIET_MS`: a flood cannot use it up. */
const RESERVE = { perSec: 250_000, burst: 500_000 };
const QUIET_MS = 10_000;

/** Number of queues whose last arrival is remembered. */
const MAX_REMEMBERED = 4_096;

/**
 * Cost of a peer: a socket, a session, messages to the coordinator and back: 400 µs in both
 * threads.
 */
const MEETING_TOKENS = 4_000;

/**
 * Cost of bitfields: ours is sent, theirs is read, copied, forwarded and counted: 3.3 ms for the
 * longest, 262,144 bytes.
 */
const BITFIELD_BYTES_PER_TOKEN = 8;

/** Newcomers that must wait form queues, which are served in turn, one newcomer each time. */
export class Newcomers<Newcomer> {
  private readonly bucket = new TokenBucket(RATE);
  /**
   * The waiting newcomers with their costs, in the order of arrival, by queue; the queue whose turn
   * it is comes first.
   */
  private readonly lines = new Map<string, Map<Newcomer, number>>();
  private readonly lineOf = new Map<Newcomer, string>();
  private readonly reserve = new TokenBucket(RESERVE);
  /** When the last newcomer of each queue arrived, oldest first. */
  private readonly lastMs = new Map<string, number>();

  /**
   * Returns true to let it in, false if it must wait until `next` returns it. `line` names its
   * queue.
   */
  enter(newcomer: Newcomer, line: string, bitfieldBytes: number, nowMs: number): boolean {
    const tokens = MEETING_TOKENS + bitfieldBytes / BITFIELD_BYTES_PER_TOKEN;
    const bucket = this.bucketFor(this.isQuiet(line, nowMs), nowMs);
    if (bucket !== undefined) {
      bucket.take(tokens, nowMs);
      return true;
    }
    const others = this.lines.get(line);
    if (others === undefined) this.lines.set(line, new Map([[newcomer, tokens]]));
    else others.set(newcomer, tokens);
    this.lineOf.set(newcomer, line);
    return false;
  }

  /** The newcomer to let in now; undefined if none waits or its cost exceeds the budget. */
  next(nowMs: number): Newcomer | undefined {
    if (this.bucket.balance(nowMs) <= 0) return undefined;
    for (const [line, waiting] of this.lines) {
      for (const [newcomer, tokens] of waiting) {
        this.leave(newcomer);
        if (this.lines.delete(line)) this.lines.set(line, waiting); // Moves to the end.
        this.bucket.take(tokens, nowMs);
        return newcomer;
      }
    }
    return undefined;
  }

  /** The newcomer has disconnected. */
  leave(newcomer: Newcomer): void {
    const line = this.lineOf.get(newcomer);
    if (line === undefined) return;
    this.lineOf.delete(newcomer);
    const waiting = this.lines.get(line);
    waiting?.delete(newcomer);
    if (waiting?.size === 0) this.lines.delete(line);
  }

  private bucketFor(quiet: boolean, nowMs: number): TokenBucket | undefined {
    if (this.lines.size === 0 && this.bucket.balance(nowMs) > 0) return this.bucket;
    return quiet && this.reserve.balance(nowMs) > 0 ? this.reserve : undefined;
  }

  /** No newcomer came in this queue for `QUIET_MS`; notes the present arrival. */
  private isQuiet(line: string, nowMs: number): boolean {
    const lastMs = this.lastMs.get(line);
    this.lastMs.delete(line);
    this.lastMs.set(line, nowMs);
    if (this.lastMs.size > MAX_REMEMBERED) {
      const [longestAgo = line] = this.lastMs.keys();
      this.lastMs.delete(longestAgo);
    }
    return lastMs === undefined || nowMs - lastMs >= QUIET_MS;
  }
}
