// Whose turn it is to be read again after a flood: a few of them per tick, those first that have waited
// longest. What the systems of many flooders and ours have gathered meanwhile is not read at once.

/** Each may bring all that came meanwhile, 4 ms where it came in tiny segments: 64 ms a second. */
const TURNS_PER_TICK = 2;

/** Something whose stream is paused until its turn comes. */
export interface PausedReader {
  /** Its turn to be read again has come. */
  readOn(): void;
}

export class ReadTurns {
  private readonly waiting = new Set<PausedReader>();

  /** What it said in its last turn is paid for. */
  wait(reader: PausedReader): void {
    this.waiting.add(reader);
  }

  /** It is closed. */
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
