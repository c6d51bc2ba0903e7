// Time as the coordinator has it: monotonic, by the calendar, and by timers.

/** Specs hand in one that stands still. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Milliseconds since 1970: for what outlives the process. */
  wallMs(): number;
  /** Calls back once, that much later; returns what cancels it. Keeps no process alive. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls back once the events of this turn of the event loop are handled; returns what cancels it. */
  soon(callback: () => void): () => void;
}

export const SYSTEM_CLOCK: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  },
  soon: (callback) => {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};
