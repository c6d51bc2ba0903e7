// What limits the download from one peer, measured over a stretch of time: sums per turn (a read of
// the socket, a batch of orders), no work per block.

import { SESSION_LIMIT } from '../messages/account';
import type { SessionLimit } from '../messages/account';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';

/** The report of a session on the time since its last report. */
export interface FlowReport {
  readonly bytesIn: number;
  readonly limit: SessionLimit;
}

/** Sums over a stretch, in milliseconds and blocks. */
export interface FlowSums {
  /** Time in which we wanted blocks and were not choked. */
  readonly wantMs: number;
  /** The part of `wantMs` with room for requests but no leased blocks to request. */
  readonly starvedMs: number;
  /** The part of `wantMs` with as many requests in flight as the depth allows. */
  readonly fullMs: number;
  /** The part of `wantMs` with no request in flight. */
  readonly idleMs: number;
  /**
   * Requests in flight, summed over time: divided by the received blocks, their mean round trip.
   */
  readonly blockMs: number;
  readonly blocks: number;
  /** The shortest round trip ever seen on this connection; Infinity before the first. */
  readonly minRoundTripMs: number;
}

/**
 * Requests did not queue at the peer if their mean round trip is at most this many times the
 * shortest, or longer by at most `UNQUEUED_SLACK_MS`.
 */
const UNQUEUED_FACTOR = 1.5;
/** About one turn of a thread. */
const UNQUEUED_SLACK_MS = 1;

/** Share of idle time above which the path is not the limit: a limiting path is never idle. */
const IDLE_SHARE = 0.1;

/**
 * Blocks arrive in bursts, a round trip apart: over four of them a mean is wrong by at most a
 * third, less than `UNQUEUED_FACTOR` allows. Paths of more than 1.25 s are still evaluated every 5
 * s.
 */
const STRETCH_ROUND_TRIPS = 4;
const MAX_STRETCH_MS = 5000;

function stretchMs(minRoundTripMs: number): number {
  if (minRoundTripMs === Infinity) return 0; // No block has arrived yet.
  return Math.min(MAX_STRETCH_MS, minRoundTripMs * STRETCH_ROUND_TRIPS);
}

export function limitOf(sums: FlowSums): SessionLimit {
  const { wantMs, starvedMs, fullMs, idleMs, blockMs, blocks, minRoundTripMs } = sums;
  const unqueued =
    blocks > 0 &&
    minRoundTripMs < Infinity &&
    blockMs / blocks <= minRoundTripMs * UNQUEUED_FACTOR + UNQUEUED_SLACK_MS;
  const idle = idleMs > wantMs * IDLE_SHARE;
  if (wantMs > 0 && starvedMs >= wantMs / 2 && (idle || unqueued)) return SESSION_LIMIT.leases;
  if (wantMs > 0 && fullMs >= wantMs / 2 && unqueued) return SESSION_LIMIT.depth;
  return SESSION_LIMIT.farSide;
}

export class Flow {
  private lastMs: number;
  private outstanding = 0;
  private wants = false;
  /** True for some time since the last report; `wantMs` may be older. */
  private wanted = false;
  private starved = false;
  private full = false;
  private wantMs = 0;
  private starvedMs = 0;
  private fullMs = 0;
  private idleMs = 0;
  private blockMs = 0;
  private bytes = 0;
  private reportedBytes = 0;
  private limit: SessionLimit = SESSION_LIMIT.farSide;

  constructor(nowMs: number) {
    this.lastMs = nowMs;
  }

  /**
   * Notes the end of a turn. The values hold until the next turn. `unasked`: leased and not
   * requested.
   */
  turn(nowMs: number, wants: boolean, outstanding: number, depth: number, unasked: number): void {
    this.pass(nowMs);
    this.wants = wants;
    this.outstanding = outstanding;
    // Requests are sent in bursts of an eighth of the depth: within that distance the depth counts
    // as full.
    this.full = outstanding + Math.max(1, depth >> 3) > depth;
    this.starved = !this.full && unasked <= 0;
  }

  /**
   * What arrived since the last report, and what limits. Undefined if nothing was wanted or
   * arrived.
   */
  report(nowMs: number, downloadedBytes: number, minRoundTripMs: number): FlowReport | undefined {
    this.pass(nowMs);
    const bytesIn = downloadedBytes - this.reportedBytes;
    this.reportedBytes = downloadedBytes;
    this.bytes += bytesIn;
    const { wanted } = this;
    this.wanted = false;
    if (!wanted && bytesIn === 0) return undefined;
    if (this.wantMs >= stretchMs(minRoundTripMs)) this.judge(minRoundTripMs);
    return { bytesIn, limit: this.limit };
  }

  private judge(minRoundTripMs: number): void {
    const { wantMs, starvedMs, fullMs, idleMs, blockMs } = this;
    const blocks = this.bytes / BLOCK_LENGTH_BYTES;
    this.limit = limitOf({ wantMs, starvedMs, fullMs, idleMs, blockMs, blocks, minRoundTripMs });
    this.wantMs = this.starvedMs = this.fullMs = this.idleMs = this.blockMs = this.bytes = 0;
  }

  private pass(nowMs: number): void {
    const elapsedMs = nowMs - this.lastMs;
    // A turn has the time of its beginning, which may be before the last report.
    if (elapsedMs <= 0) return;
    this.lastMs = nowMs;
    if (!this.wants) return;
    this.wanted = true;
    this.wantMs += elapsedMs;
    this.blockMs += elapsedMs * this.outstanding;
    if (this.starved) this.starvedMs += elapsedMs;
    if (this.full) this.fullMs += elapsedMs;
    if (this.outstanding === 0) this.idleMs += elapsedMs;
  }
}
