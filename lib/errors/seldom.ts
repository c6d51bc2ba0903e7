// PURE. What happens again and again is said once in a while, with how often it happened meanwhile.

/** As often as a log says the same thing. */
const SAID_EVERY_MS = 60_000;

export class Seldom {
  #saidMs = -Infinity;
  #unsaid = 0;

  /** It happened: how often since it was said last, if it is to be said now, else undefined. */
  happened(nowMs: number): number | undefined {
    this.#unsaid += 1;
    if (nowMs - this.#saidMs < SAID_EVERY_MS) return undefined;
    const times = this.#unsaid;
    this.#saidMs = nowMs;
    this.#unsaid = 0;
    return times;
  }
}
