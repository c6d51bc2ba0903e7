// Resumes reading after floods: a few connections per tick, the longest waiting first, so that the
// data of many flooders is not read at once.

/**
 * Connections resumed per tick. Each may deliver all that has arrived meanwhile, which takes 4 ms
 * in tiny segments: 64 ms a second.
 */
const TURNS_PER_TICK = 2;

/** Something whose stream is paused and will be resumed. */
export interface PausedReader {
  /** Resumes reading. */
  readOn(): void;
}

export class ReadTurns {
  private readonly waiting = new Set<PausedReader>();

  /** Its budget has recovered: it waits to be resumed. */
  wait(reader: PausedReader): void {
    this.waiting.add(reader);
  }

  /** Its connection is closed. */
  forget(reader: PausedReader): void {
    this.waiting.delete(reader);
  }

  tick(): void {
    let turns = TURNS_PER_TICK;
    for (const reader of this.waiting) {
      if (turns-- === 0) return;
      this.waiting.delete(reader);
      reader.readOn();
    }
  }
}
