// A hash of all messages between the threads of a swarm, by which two runs are compared.

import type { PeerFact, PeerOrder } from '../../lib/messages/peer-thread';

export class Trace {
  #count = 0;
  #hash = 0;
  /** Numbers of the texts so far. */
  readonly #texts = new Map<string, number>();
  readonly #time = new Float64Array(1);
  readonly #timeWords = new Int32Array(this.#time.buffer);

  note(nowMs: number, host: string, message: PeerFact | PeerOrder): void {
    this.#count++;
    this.#time[0] = nowMs;
    this.#mix(this.#timeWords[0] ?? 0);
    this.#mix(this.#timeWords[1] ?? 0);
    this.#mix(this.#numberOf(host));
    this.#mix(this.#numberOf(message.type));
    if ('connection' in message) this.#mix(message.connection ?? 0);
    if (message.type !== 'lease') return;
    for (const value of Object.values(message.lease))
      for (const number of [value].flat()) this.#mix(Number(number) | 0);
  }

  /** The number of messages and their hash. */
  get text(): string {
    return `${this.#count} ${this.#hash}`;
  }

  #numberOf(text: string): number {
    let number = this.#texts.get(text);
    if (number === undefined) this.#texts.set(text, (number = this.#texts.size));
    return number;
  }

  #mix(word: number): void {
    this.#hash = Math.imul(this.#hash ^ word, 0x9e3779b1);
    this.#hash ^= this.#hash >>> 15;
  }
}
