// Virtual time: runs scheduled functions in an order that depends only on their times and on the
// order of scheduling.

/** If it returns a promise, the clock waits until that and everything that depends on it have run. */
type Run = () => void | Promise<void>;

/** All functions of one moment, in the order in which they were scheduled. */
interface Moment {
  readonly atMs: number;
  readonly runs: Run[];
  next: number;
}

export class SimClock {
  nowMs = 1_000_000;
  /** A heap of moments: a message to a hundred peers over equal links is one entry. */
  readonly #heap: Moment[] = [];
  readonly #moments = new Map<number, Moment>();

  /** Schedules a function `delayMs` from now. */
  after(delayMs: number, run: Run): void {
    this.at(this.nowMs + delayMs, run);
  }

  /** Schedules a function at a time, which must not be past. */
  at(atMs: number, run: Run): void {
    const moment = this.#moments.get(atMs);
    if (moment !== undefined) return void moment.runs.push(run);
    const made = { atMs, runs: [run], next: 0 };
    this.#moments.set(atMs, made);
    this.#push(made);
  }

  /** Runs the next function, and waits for what it waits for; false when there is none. */
  step(): boolean | Promise<boolean> {
    const first = this.#heap[0];
    if (first === undefined) return false;
    this.nowMs = first.atMs;
    const run = first.runs[first.next++] as Run;
    if (first.next === first.runs.length) {
      this.#pop();
      this.#moments.delete(first.atMs);
    }
    const waiting = run();
    return waiting ? waiting.then(() => true) : true;
  }

  #push(moment: Moment): void {
    const heap = this.#heap;
    let at = heap.push(moment) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (moment.atMs >= (heap[parent] as Moment).atMs) break;
      heap[at] = heap[parent] as Moment;
      at = parent;
    }
    heap[at] = moment;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (
        child + 1 < heap.length &&
        (heap[child + 1] as Moment).atMs < (heap[child] as Moment).atMs
      )
        child++;
      if ((heap[child] as Moment).atMs >= last.atMs) break;
      heap[at] = heap[child] as Moment;
      at = child;
    }
    heap[at] = last;
  }
}
