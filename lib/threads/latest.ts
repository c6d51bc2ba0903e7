// Bounded mailboxes for a slow reader: one for figures, of which only the latest counts, and one
// for events, of which the oldest unimportant ones may be dropped.

/** The latest value per key, in the order of their arrival. */
export class Latest<Key, Value> {
  private values = new Map<Key, Value>();

  get size(): number {
    return this.values.size;
  }

  put(key: Key, value: Value): void {
    this.values.delete(key); // Otherwise it would keep the position of the old value.
    this.values.set(key, value);
  }

  /** Returns everything that changed since the last call. */
  take(): Map<Key, Value> {
    const values = this.values;
    if (values.size > 0) this.values = new Map();
    return values;
  }
}

interface Queued<T> {
  readonly sequence: number;
  readonly event: T;
}

/** A queue with a limited length, which drops the least important events. */
export class EventQueue<T> {
  private readonly limit: number;
  private readonly low: Queued<T>[] = [];
  private readonly high: Queued<T>[] = [];
  private readonly kept: Queued<T>[] = [];
  private sequence = 0;

  /** Holds at most `limit` events, but at least 1. */
  constructor(limit: number) {
    this.limit = Math.max(1, limit);
  }

  get size(): number {
    return this.low.length + this.high.length + this.kept.length;
  }

  /**
   * Adds an event. A full queue drops its oldest `low` event, or else its oldest `high` one. Events
   * with priority `kept` are never dropped: the caller must bound their number.
   */
  push(event: T, priority: 'low' | 'high' | 'kept'): void {
    if (this.size >= this.limit) {
      // A shift moves at most `limit` slots, and only while the reader is slow.
      if (this.low.shift() === undefined) this.high.shift();
    }
    const queue = { low: this.low, high: this.high, kept: this.kept }[priority];
    queue.push({ sequence: this.sequence++, event });
  }

  /** Removes and returns all events, in the order in which they were pushed. */
  take(): T[] {
    const queued = [...this.low, ...this.high, ...this.kept];
    this.low.length = this.high.length = this.kept.length = 0;
    return queued.sort((a, b) => a.sequence - b.sequence).map(({ event }) => event);
  }
}
