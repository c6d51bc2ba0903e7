// How many requests to keep outstanding at one peer: counted in time, because a fixed count is
// either too little for a fast or far peer or too much memory for a slow one.

import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';

/** Never fewer, but for a peer that let its requests time out: 128 KiB on the way. */
export const MIN_DEPTH_BLOCKS = 8;

/**
 * Never more for one peer: 512 × 16 KiB = 8 MiB on the way is 8 ms at 1 GiB/s (loopback, busy far
 * side) and 80 ms at 100 MiB/s.
 */
export const MAX_DEPTH_BLOCKS = 512;

/** `reqq` of a peer that does not send one: other clients silently drop what exceeds 250. */
export const DEFAULT_PEER_REQUEST_QUEUE = 250;

/** Rate is sampled no more often than this. */
export const SAMPLE_INTERVAL_MS = 100;

/** Time for the far side's disk and scheduler, on top of two round trips. */
const MARGIN_MS = 250;

/**
 * A round trip to a busy coordinator is some 10 ms; requests on the way cover what is longer. Fast
 * peers, whose depth is capped, hold as many leases as requests.
 */
const RESERVE_MS = 100;

/** Weight of the newest sample: with 100 ms samples the average spans about 300 ms. */
const SAMPLE_WEIGHT = 0.3;

/** Slow start ends when a sample brings less than a tenth more than the one before. */
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
  /** Requests ran out for want of leases since the last sample: the rate says nothing about the peer. */
  private starved = false;

  constructor(nowMs: number) {
    this.sampleStartMs = nowMs;
  }

  /** Requests to keep outstanding. */
  get depth(): number {
    return this.depthBlocks;
  }

  /** Leases to hold beyond the requests: what the peer brings in `RESERVE_MS`. */
  get reserve(): number {
    if (this.slowStart) return this.depthBlocks; // It is about to double.
    const blocks = Math.ceil((this.rate * RESERVE_MS) / 1000 / BLOCK_LENGTH_BYTES);
    // Work is asked for in steps of a quarter of the depth: that much may be missing meanwhile.
    return Math.min(this.depthBlocks, (this.depthBlocks >> 2) + Math.max(1, blocks));
  }

  /** The peer let requests time out and has delivered nothing since. */
  get snubbed(): boolean {
    return this.isSnubbed;
  }

  /** Payload rate, smoothed. */
  get rateBytesPerSec(): number {
    return this.rate;
  }

  /** The shortest time from a request to its block so far; Infinity before the first. */
  get shortestRoundTripMs(): number {
    return this.minRoundTripMs;
  }

  /** When the rate wants its next sample; Infinity while nothing moves. */
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

  /** A block that was asked for came, this long after its request. */
  onBlock(lengthBytes: number, roundTripMs: number): void {
    this.onBytes(lengthBytes);
    if (roundTripMs < this.minRoundTripMs) this.minRoundTripMs = roundTripMs;
    if (this.slowStart && this.depthBlocks < this.capBlocks) this.depthBlocks += 1;
  }

  /** Payload that needed no round trip measured (late blocks): the peer delivers, at least. */
  onBytes(lengthBytes: number): void {
    this.sampleBytes += lengthBytes;
    if (!this.isSnubbed) return;
    this.isSnubbed = false;
    this.slowStart = true;
    this.depthBlocks = Math.min(MIN_DEPTH_BLOCKS, this.capBlocks);
  }

  /** More could be asked for, if only it were leased. */
  onStarved(): void {
    this.starved = true;
  }

  /** Requests timed out: one at a time until the peer delivers again. */
  snub(): void {
    this.isSnubbed = true;
    this.slowStart = false;
    this.depthBlocks = 1;
  }

  /** Looks at the clock; to be called at least as often as `nextSampleMs` asks. */
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
      if (this.rate < 1) this.rate = 0; // an average never reaches zero by itself
    }
    if (!this.slowStart && !this.isSnubbed) this.fitToRate(starved);
  }

  private fitToRate(starved: boolean): void {
    const roundTripMs = Number.isFinite(this.minRoundTripMs) ? this.minRoundTripMs : 0;
    const bytes = (this.rate * (2 * roundTripMs + MARGIN_MS)) / 1000;
    const wanted = Math.max(MIN_DEPTH_BLOCKS, Math.ceil(bytes / BLOCK_LENGTH_BYTES));
    const depth = Math.min(this.capBlocks, wanted);
    // Without leases the rate falls; to ask for fewer leases in return would be a spiral.
    if (depth > this.depthBlocks || !starved) this.depthBlocks = depth;
  }
}
