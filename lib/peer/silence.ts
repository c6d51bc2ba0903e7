// PURE. How long both sides have been silent: eventually the peer is closed, or we send a
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

  /** When the earlier of the two is due. */
  get dueMs(): number {
    const { idleTimeoutMs, keepAliveMs } = this.limits;
    return Math.min(this.heardMs + idleTimeoutMs, this.saidMs + keepAliveMs);
  }

  /** The peer sent a complete message. Single bytes do not count: one a second is silence. */
  heard(nowMs: number): void {
    this.heardMs = nowMs;
  }

  /** The peer is not read until then, so silence until then does not count. */
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
