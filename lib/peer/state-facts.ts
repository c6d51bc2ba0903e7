// Whether the peer chokes us and is interested, as reported to the coordinator: changes are
// reported once a turn, and at most ten times a second.

import type { SessionOutput } from './session-types';

/**
 * Shortest interval between reports of a choke, and of a loss of interest. An unchoke or new
 * interest after a reported one is reported at once. So no honest peer waits for a slot or for
 * work, and a flood makes two facts each.
 */
const INTERVAL_MS = 100;

export class StateFacts {
  private readonly connection: number;
  private readonly output: SessionOutput;
  private reportedEpoch = 0;
  private reportedChoked = true;
  private reportedInterested = false;
  private lastChokeMs = -Infinity;
  private lastDisinterestMs = -Infinity;
  private waitsUntilMs = Infinity;

  constructor(connection: number, output: SessionOutput) {
    this.connection = connection;
    this.output = output;
  }

  /** When a delayed fact is due; Infinity if none is delayed. */
  get dueMs(): number {
    return this.waitsUntilMs;
  }

  /**
   * The coordinator knows that the peer has choked us this many times, so it accepts our appetite.
   */
  knows(epoch: number): boolean {
    return epoch === this.reportedEpoch;
  }

  /** The end of a turn. `epoch` counts chokes. */
  post(epoch: number, choked: boolean, interested: boolean, nowMs: number): void {
    this.waitsUntilMs = Infinity;
    this.postChoke(epoch, choked, nowMs);
    if (interested !== this.reportedInterested) this.postInterest(interested, nowMs);
  }

  private postChoke(epoch: number, choked: boolean, nowMs: number): void {
    if (epoch !== this.reportedEpoch) {
      // The peer has choked us since the last fact, once or more. It may have unchoked us again.
      if (this.mustWait(this.lastChokeMs, nowMs)) return;
      this.lastChokeMs = nowMs;
      this.reportedEpoch = epoch;
      this.reportChoke(true);
    }
    if (choked !== this.reportedChoked) this.reportChoke(choked);
  }

  private reportChoke(choked: boolean): void {
    const { connection, reportedEpoch: epoch } = this;
    this.reportedChoked = choked;
    this.output.fact({ type: 'peer-choke', connection, choked, epoch });
  }

  private postInterest(interested: boolean, nowMs: number): void {
    if (!interested) {
      if (this.mustWait(this.lastDisinterestMs, nowMs)) return;
      this.lastDisinterestMs = nowMs;
    }
    this.reportedInterested = interested;
    this.output.fact({ type: 'peer-interest', connection: this.connection, interested });
  }

  private mustWait(lastMs: number, nowMs: number): boolean {
    const dueMs = lastMs + INTERVAL_MS;
    if (nowMs >= dueMs) return false;
    this.waitsUntilMs = Math.min(this.waitsUntilMs, dueMs);
    return true;
  }
}
