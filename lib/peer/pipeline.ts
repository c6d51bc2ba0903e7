// The number of requests to keep in flight to one peer. It is derived from time, because a fixed
// number is too small for a fast or distant peer, or takes too much memory for a slow one.

import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';

/** Minimum depth, except for a peer whose requests timed out: 128 KiB in flight. */
export const MIN_DEPTH_BLOCKS = 8;

/**
 * Maximum depth for one peer: 512 × 16 KiB = 8 MiB in flight is 8 ms at 1 GiB/s (loopback, busy
 * peer) and 80 ms at 100 MiB/s.
 */
export const MAX_DEPTH_BLOCKS = 512;

/** Assumed `reqq` of a peer that sends none: other clients silently drop requests beyond 250. */
export const DEFAULT_PEER_REQUEST_QUEUE = 250;

/** Shortest interval between rate samples. */
export const SAMPLE_INTERVAL_MS = 100;

/** Added to two round trips for the peer's disk and scheduler. */
const MARGIN_MS = 250;

/**
 * Leases beyond the requests, as download time. A round trip to a busy coordinator takes some 10
 * ms; requests in flight cover longer ones. Fast peers, whose depth is capped, hold as many leases
 * as requests.
 */
const RESERVE_MS = 100;

/** Weight of the newest sample: with 100 ms samples the average spans about 300 ms. */
const SAMPLE_WEIGHT = 0.3;

/** Slow start ends when a sample is less than a tenth above the previous one. */
const GROWTH_FACTOR = 1.1;

export class Pipeline {
  private capBlocks = Math.min(MAX_DEPTH_BLOCKS, DEFAULT_PEER_REQUEST_QUEUE);
  private depthBlocks = MIN_DEPTH_BLOCKS;
  private slowStart = true;
  private isSnubbed = false;
  private rate = 0;
  private minRoundTripMs = Infinity;
  private sampleStartMs: number;
  private sampleBytes = 0;
  /**
   * Requests ran out for lack of leases since the last sample, so the rate does not describe the
   * peer.
   */
  private starved = false;

  constructor(nowMs: number) {
    this.sampleStartMs = nowMs;
  }

  /** Number of requests to keep in flight. */
  get depth(): number {
    return this.depthBlocks;
  }

  /**
   * Number of leased blocks to hold beyond the requests: what the peer delivers in `RESERVE_MS`.
   */
  get reserve(): number {
    if (this.slowStart) return this.depthBlocks; // It is about to double.
    const blocks = Math.ceil((this.rate * RESERVE_MS) / 1000 / BLOCK_LENGTH_BYTES);
    // Credit is reported in steps of a quarter of the depth: that much may be missing in between.
    return Math.min(this.depthBlocks, (this.depthBlocks >> 2) + Math.max(1, blocks));
  }

  /** Requests of the peer timed out, and it has delivered nothing since. */
  get snubbed(): boolean {
    return this.isSnubbed;
  }

  /** Smoothed payload rate. */
  get rateBytesPerSec(): number {
    return this.rate;
  }

  /** The shortest time from a request to its block; Infinity before the first. */
  get shortestRoundTripMs(): number {
    return this.minRoundTripMs;
  }

  /** When the next rate sample is due; Infinity while nothing is transferred. */
  get nextSampleMs(): number {
    return this.sampleBytes > 0 || this.rate > 0
      ? this.sampleStartMs + SAMPLE_INTERVAL_MS
      : Infinity;
  }

  /** The peer sent its `reqq`. */
  setPeerRequestQueue(blocks: number): void {
    this.capBlocks = Math.max(1, Math.min(MAX_DEPTH_BLOCKS, blocks));
    if (this.depthBlocks > this.capBlocks) this.depthBlocks = this.capBlocks;
  }

  /** A requested block arrived, `roundTripMs` after its request. */
  onBlock(lengthBytes: number, roundTripMs: number): void {
    this.onBytes(lengthBytes);
    if (roundTripMs < this.minRoundTripMs) this.minRoundTripMs = roundTripMs;
    if (this.slowStart && this.depthBlocks < this.capBlocks) this.depthBlocks += 1;
  }

  /** Payload without a measured round trip (late blocks) arrived. */
  onBytes(lengthBytes: number): void {
    this.sampleBytes += lengthBytes;
    if (!this.isSnubbed) return;
    this.isSnubbed = false;
    this.slowStart = true;
    this.depthBlocks = Math.min(MIN_DEPTH_BLOCKS, this.capBlocks);
  }

  /** More could be requested if it were leased. */
  onStarved(): void {
    this.starved = true;
  }

  /** Requests timed out: request one block at a time until the peer delivers again. */
  snub(): void {
    this.isSnubbed = true;
    this.slowStart = false;
    this.depthBlocks = 1;
  }

  /** Takes a sample if due; must be called at least as often as `nextSampleMs` requires. */
  sample(nowMs: number): void {
    const elapsedMs = nowMs - this.sampleStartMs;
    if (elapsedMs < SAMPLE_INTERVAL_MS) return;
    const measured = (this.sampleBytes * 1000) / elapsedMs;
    const starved = this.starved;
    this.sampleStartMs = nowMs;
    this.sampleBytes = 0;
    this.starved = false;
    if (this.slowStart && measured > 0) {
      const grows = measured > this.rate * GROWTH_FACTOR;
      this.rate = grows ? measured : this.rate + (measured - this.rate) * SAMPLE_WEIGHT;
      if (!grows) this.slowStart = false;
    } else {
      this.rate += (measured - this.rate) * SAMPLE_WEIGHT;
      if (this.rate < 1) this.rate = 0; // An average never reaches zero by itself.
    }
    if (!this.slowStart && !this.isSnubbed) this.fitToRate(starved);
  }

  private fitToRate(starved: boolean): void {
    const roundTripMs = Number.isFinite(this.minRoundTripMs) ? this.minRoundTripMs : 0;
    const bytes = (this.rate * (2 * roundTripMs + MARGIN_MS)) / 1000;
    const wanted = Math.max(MIN_DEPTH_BLOCKS, Math.ceil(bytes / BLOCK_LENGTH_BYTES));
    const depth = Math.min(this.capBlocks, wanted);
    // Without leases the rate falls; reducing the depth then would reduce leases and rate further.
    if (depth > this.depthBlocks || !starved) this.depthBlocks = depth;
  }
}
