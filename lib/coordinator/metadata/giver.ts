// PURE. A peer from which metadata may be requested, as the fetch sees it.

import type { Identity } from '../pieces/witness';

/** Pause of a peer after a reject or time-out; doubled with each further one in a row. */
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 240_000;
/**
 * A peer that announced no length may get the metadata after its handshake: a piece is requested from it after
 * this time, and again after each pause.
 */
const PROBE_AFTER_MS = 10_000;

export class Giver {
  readonly identity: Identity;
  /** The length that it announced; undefined: none. */
  totalBytes: number | undefined;
  /** Requests without an answer: the piece, and since when. */
  readonly asked = new Map<number, number>();
  /** How often it had a sole copy and did not finish it. */
  turns = 0;
  private pausedUntilMs: number;
  /** Refusals and time-outs in a row. */
  private failures = 0;

  constructor(identity: Identity, nowMs: number) {
    this.identity = identity;
    this.pausedUntilMs = nowMs + PROBE_AFTER_MS;
  }

  get id(): number {
    return this.identity.id;
  }

  mayBeAsked(nowMs: number): boolean {
    return nowMs >= this.pausedUntilMs;
  }

  /** It announced a length. */
  announced(totalBytes: number): void {
    this.totalBytes = totalBytes;
    if (this.failures === 0) this.pausedUntilMs = -Infinity;
  }

  /** The length that it announced is not fetched: nothing is requested until it announces another one. */
  announcedTooMuch(): void {
    this.totalBytes = undefined;
    this.failures = 0;
    this.pausedUntilMs = Infinity;
  }

  /** It sent a piece. */
  answered(): void {
    this.failures = 0;
    this.pausedUntilMs = -Infinity;
  }

  /** It rejected a request, or did not answer. Several at the same time count as one. */
  failed(nowMs: number): void {
    if (!this.mayBeAsked(nowMs)) return;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.failures, LONGEST_PAUSE_MS);
    this.failures++;
    this.pausedUntilMs = nowMs + pauseMs;
  }
}
