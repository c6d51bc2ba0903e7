// Who chokes and who is interested, as the coordinator knows it: facts go up once a turn, however
// often the peer changed its mind, and a peer that goes on changing it is reported ten times a second.

import type { SessionOutput } from './session-types';

/**
 * A choke and a loss of interest are reported at most this often; an unchoke or new interest after a
 * reported one, at once. So no honest peer waits for a slot or for work, and a flood is two facts each.
 */
const INTERVAL_MS = 100;

export class StateFacts {
  private readonly connection: number;
  private readonly output: SessionOutput;
  private toldEpoch = 0;
  private toldChoked = true;
  private toldInterested = false;
  private lastChokeMs = -Infinity;
  private lastDisinterestMs = -Infinity;
  private waitsUntilMs = Infinity;

  constructor(connection: number, output: SessionOutput) {
    this.connection = connection;
    this.output = output;
  }

  /** When something is due that had to wait; Infinity if nothing had to. */
  get dueMs(): number {
    return this.waitsUntilMs;
  }

  /** The coordinator knows that the peer has choked us that often: it would take our appetite. */
  knows(epoch: number): boolean {
    return epoch === this.toldEpoch;
  }

  /** The end of a turn. `epoch` counts chokes. */
  post(epoch: number, choked: boolean, interested: boolean, nowMs: number): void {
    this.waitsUntilMs = Infinity;
    this.postChoke(epoch, choked, nowMs);
    if (interested !== this.toldInterested) this.postInterest(interested, nowMs);
  }

  private postChoke(epoch: number, choked: boolean, nowMs: number): void {
    if (epoch !== this.toldEpoch) {
      // Choked since the last fact, maybe more than once; maybe unchoked again.
      if (this.mustWait(this.lastChokeMs, nowMs)) return;
      this.lastChokeMs = nowMs;
      this.toldEpoch = epoch;
      this.tellChoke(true);
    }
    if (choked !== this.toldChoked) this.tellChoke(choked);
  }

  private tellChoke(choked: boolean): void {
    const { connection, toldEpoch: epoch } = this;
    this.toldChoked = choked;
    this.output.fact({ type: 'peer-choke', connection, choked, epoch });
  }

  private postInterest(interested: boolean, nowMs: number): void {
    if (!interested) {
      if (this.mustWait(this.lastDisinterestMs, nowMs)) return;
      this.lastDisinterestMs = nowMs;
    }
    this.toldInterested = interested;
    this.output.fact({ type: 'peer-interest', connection: this.connection, interested });
  }

  private mustWait(lastMs: number, nowMs: number): boolean {
    const dueMs = lastMs + INTERVAL_MS;
    if (nowMs >= dueMs) return false;
    this.waitsUntilMs = Math.min(this.waitsUntilMs, dueMs);
    return true;
  }
}
