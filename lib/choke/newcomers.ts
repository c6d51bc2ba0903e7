// PURE. How fast new peers are let in. A new peer costs more than one that stays, the more the longer its
// bitfield. So peers that come and go without end are let in at a bounded pace, and keep no others out.

import { TokenBucket } from './token-bucket';

/** A token is about 100 ns: a twentieth of a thread's time, and at once what 4 s of that have saved. */
const RATE = { perSec: 500_000, burst: 2_000_000 };

/** A reserve for lines without a newcomer for `QUIET_MS`: no flood can use it up. */
const RESERVE = { perSec: 250_000, burst: 500_000 };
const QUIET_MS = 10_000;

/** Lines whose last arrival is remembered. */
const MAX_REMEMBERED = 4_096;

/** A socket, a session, messages to the coordinator and back: 400 µs in both threads. */
const MEETING_TOKENS = 4_000;

/** Ours is sent, theirs read, copied, sent on and counted: 3.3 ms for the longest, 262,144 bytes. */
const BITFIELD_BYTES_PER_TOKEN = 8;

/** Newcomers that must wait stand in lines. The lines are served in turn, one newcomer each time. */
export class Newcomers<Newcomer> {
  private readonly bucket = new TokenBucket(RATE);
  /** What each costs, in the order of arrival, by line; the line whose turn it is comes first. */
  private readonly lines = new Map<string, Map<Newcomer, number>>();
  private readonly lineOf = new Map<Newcomer, string>();
  private readonly reserve = new TokenBucket(RESERVE);
  /** When the last newcomer of each line came, the longest ago first. */
  private readonly lastMs = new Map<string, number>();

  /** True: let it in. False: it waits until `next` names it. `line`: whom it may keep waiting. */
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

  /** The newcomer to let in now; undefined if none waits or its cost may not be spent yet. */
  next(nowMs: number): Newcomer | undefined {
    if (this.bucket.balance(nowMs) <= 0) return undefined;
    for (const [line, waiting] of this.lines) {
      for (const [newcomer, tokens] of waiting) {
        this.leave(newcomer);
        if (this.lines.delete(line)) this.lines.set(line, waiting); // the last from now on
        this.bucket.take(tokens, nowMs);
        return newcomer;
      }
    }
    return undefined;
  }

  /** The newcomer is gone. */
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

  /** No newcomer came in this line for `QUIET_MS`; notes that one comes now. */
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
