// PURE. How long both sides have been silent: eventually the peer is closed, or we send a
// keep-alive.

import type { SessionLimits } from './session-types';

export class Silence {
  private readonly limits: Pick<SessionLimits, 'idleTimeoutMs' | 'keepAliveMs'>;
  private receivedMs: number;
  private sentMs: number;

  constructor(limits: Pick<SessionLimits, 'idleTimeoutMs' | 'keepAliveMs'>, nowMs: number) {
    this.limits = limits;
    this.receivedMs = nowMs;
    this.sentMs = nowMs;
  }

  /** When the earlier of the two is due. */
  get dueMs(): number {
    const { idleTimeoutMs, keepAliveMs } = this.limits;
    return Math.min(this.receivedMs + idleTimeoutMs, this.sentMs + keepAliveMs);
  }

  /** The peer sent a complete message. Single bytes do not count: one a second is silence. */
  received(nowMs: number): void {
    this.receivedMs = nowMs;
  }

  /** The peer is not read until then, so silence until then does not count. */
  unreadUntil(untilMs: number, nowMs: number): void {
    if (this.receivedMs === nowMs) this.receivedMs = Math.max(nowMs, untilMs);
  }

  sent(nowMs: number): void {
    this.sentMs = nowMs;
  }

  /** The peer has been silent for too long. */
  isOver(nowMs: number): boolean {
    return nowMs - this.receivedMs >= this.limits.idleTimeoutMs;
  }

  keepAliveIsDue(nowMs: number): boolean {
    return nowMs - this.sentMs >= this.limits.keepAliveMs;
  }
}
