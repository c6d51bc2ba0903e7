// PURE. Limits how often a recurring event is logged, and counts how often it happened.

/** Shortest interval between two logs of the same event. */
const LOG_INTERVAL_MS = 60_000;

export class LogThrottle {
  private loggedMs = -Infinity;
  private unlogged = 0;

  /**
   * Notes an occurrence. Returns how often it has happened since the last log if it is to be logged
   * now, else undefined.
   */
  note(nowMs: number): number | undefined {
    this.unlogged += 1;
    if (nowMs - this.loggedMs < LOG_INTERVAL_MS) return undefined;
    const times = this.unlogged;
    this.loggedMs = nowMs;
    this.unlogged = 0;
    return times;
  }
}
