// PURE. How long both sides have said nothing: the peer is closed for it in the end, and we send a
// keep-alive.

import type { SessionLimits } from './session-types';

export class Silence {
  private readonly limits: Pick<SessionLimits, 'idleTimeoutMs' | 'keepAliveMs'>;
  private heardMs: number;
  private saidMs: number;

  constructor(limits: Pick<SessionLimits, 'idleTimeoutMs' | 'keepAliveMs'>, nowMs: number) {
    this.limits = limits;
    this.heardMs = nowMs;
    this.saidMs = nowMs;
  }

  /** When one of the two is due. */
  get dueMs(): number {
    const { idleTimeoutMs, keepAliveMs } = this.limits;
    return Math.min(this.heardMs + idleTimeoutMs, this.saidMs + keepAliveMs);
  }

  /** The peer sent a whole message. Bytes alone do not count: one a second is silence. */
  heard(nowMs: number): void {
    this.heardMs = nowMs;
  }

  /** What the peer says is not read until then, so this silence does not count against it. */
  unreadUntil(untilMs: number, nowMs: number): void {
    if (this.heardMs === nowMs) this.heardMs = Math.max(nowMs, untilMs);
  }

  said(nowMs: number): void {
    this.saidMs = nowMs;
  }

  /** The peer has been silent for too long. */
  isOver(nowMs: number): boolean {
    return nowMs - this.heardMs >= this.limits.idleTimeoutMs;
  }

  keepAliveIsDue(nowMs: number): boolean {
    return nowMs - this.saidMs >= this.limits.keepAliveMs;
  }
}
