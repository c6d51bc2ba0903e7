// Mailboxes for somebody who may be slow to look: figures of which only the newest counts, and
// events of which the oldest unimportant ones may be lost. Neither ever grows without bound.

/** The newest value per key, in the order in which these values came. */
export class Latest<Key, Value> {
  #values = new Map<Key, Value>();

  get size(): number {
    return this.#values.size;
  }

  put(key: Key, value: Value): void {
    this.#values.delete(key); // else it would keep the place of the old value
    this.#values.set(key, value);
  }

  /** Everything that changed since the last call. */
  take(): Map<Key, Value> {
    const values = this.#values;
    if (values.size > 0) this.#values = new Map();
    return values;
  }
}

interface Queued<T> {
  readonly sequence: number;
  readonly event: T;
}

/** A queue that keeps the oldest promise of bounded memory by dropping what matters least. */
export class EventQueue<T> {
  readonly #limit: number;
  readonly #low: Queued<T>[] = [];
  readonly #high: Queued<T>[] = [];
  readonly #kept: Queued<T>[] = [];
  #sequence = 0;

  /** Holds at most `limit` events; at least 1. */
  constructor(limit: number) {
    this.#limit = Math.max(1, limit);
  }

  get size(): number {
    return this.#low.length + this.#high.length + this.#kept.length;
  }

  /**
   * Adds an event. In a full queue the oldest `low` one makes room, and where there is none the
   * oldest `high` one: an event that nobody fetched for that long is history. Those to be `kept` are
   * never lost: the code that adds them must bound their number.
   */
  push(event: T, priority: 'low' | 'high' | 'kept'): void {
    if (this.size >= this.#limit) {
      // A shift moves at most `limit` slots, and only while somebody is not looking.
      if (this.#low.shift() === undefined) this.#high.shift();
    }
    const queue = { low: this.#low, high: this.#high, kept: this.#kept }[priority];
    queue.push({ sequence: this.#sequence++, event });
  }

  /** All events in the order they were pushed; the queue is empty afterwards. */
  take(): T[] {
    const queued = [...this.#low, ...this.#high, ...this.#kept];
    this.#low.length = this.#high.length = this.#kept.length = 0;
    return queued.sort((a, b) => a.sequence - b.sequence).map(({ event }) => event);
  }
}
