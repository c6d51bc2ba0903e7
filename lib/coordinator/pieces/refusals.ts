// PURE. The pieces of which a source rejected blocks although it does not choke us (BEP 6). For a while
// they are not leased to this source: others may fetch them, and this one gets other pieces.

/** How long a rejected piece is not leased to the source. */
export const REFUSAL_MS = 10_000;

/** Most pieces per source; beyond that, the oldest is forgotten. */
const MAX_REFUSALS = 64;

export class Refusals {
  /** The end of the pause by piece, the oldest first. */
  private readonly untilMs = new Map<number, number>();

  note(piece: number, nowMs: number): void {
    this.untilMs.delete(piece);
    this.untilMs.set(piece, nowMs + REFUSAL_MS);
    if (this.untilMs.size <= MAX_REFUSALS) return;
    for (const oldest of this.untilMs.keys()) {
      this.untilMs.delete(oldest);
      return;
    }
  }

  get pieces(): Iterable<number> {
    return this.untilMs.keys();
  }

  has(piece: number): boolean {
    return this.untilMs.has(piece);
  }

  /** Removes expired ones. Returns true if there were any. */
  expire(nowMs: number): boolean {
    const before = this.untilMs.size;
    for (const [piece, untilMs] of this.untilMs) {
      if (untilMs > nowMs) break;
      this.untilMs.delete(piece);
    }
    return this.untilMs.size < before;
  }
}
