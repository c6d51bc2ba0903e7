// Whose turn it is to be read again after a flood: a few of them per tick, those first that have waited
// longest. What the systems of many flooders and ours have gathered meanwhile is not read at once.

import type { Conversation } from './conversation';

/** Each may bring all that came meanwhile, 4 ms where it came in tiny segments: 64 ms a second. */
const TURNS_PER_TICK = 2;

export class ReadTurns {
  private readonly waiting = new Set<Conversation>();

  /** What it said in its last turn is paid for. */
  wait(conversation: Conversation): void {
    this.waiting.add(conversation);
  }

  /** It is closed. */
  forget(conversation: Conversation): void {
    this.waiting.delete(conversation);
  }

  tick(): void {
    let turns = TURNS_PER_TICK;
    for (const conversation of this.waiting) {
      if (turns-- === 0) return;
      this.waiting.delete(conversation);
      conversation.readOn();
    }
  }
}
