// PURE. Bytes per second over a short window; the time is a parameter.

/** Averaging window of 2 s: steady enough to read, short enough to follow changes. */
const WINDOW_MS = 2_000;
const SLOTS = 8;
const SLOT_MS = WINDOW_MS / SLOTS;

export class RateMeter {
  private readonly slots = new Float64Array(SLOTS);
  private current = 0;
  private startedMs: number | undefined;

  add(bytes: number, nowMs: number): void {
    this.advance(nowMs);
    const slot = this.current % SLOTS;
    this.slots[slot] = (this.slots[slot] ?? 0) + bytes;
  }

  bytesPerSec(nowMs: number): number {
    this.advance(nowMs);
    let sum = 0;
    for (const bytes of this.slots) sum += bytes;
    const sinceMs = nowMs - (this.startedMs ?? nowMs);
    return (sum * 1000) / Math.max(SLOT_MS, Math.min(WINDOW_MS, sinceMs));
  }

  private advance(nowMs: number): void {
    const slot = Math.floor(nowMs / SLOT_MS);
    if (this.startedMs === undefined) {
      this.startedMs = nowMs;
      this.current = slot;
      return;
    }
    const steps = Math.min(SLOTS, slot - this.current);
    for (let step = 1; step <= steps; step++) this.slots[(this.current + step) % SLOTS] = 0;
    this.current = Math.max(this.current, slot);
  }
}
