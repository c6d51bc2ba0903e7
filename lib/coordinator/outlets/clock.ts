// Time for the coordinator: monotonic, wall-clock, and timers.

/** Specs pass one that they advance by hand. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Milliseconds since 1970, for what outlives the process. */
  wallMs(): number;
  /**
   * Calls `callback` once after `delayMs`; returns a function that cancels it. Keeps no process
   * alive.
   */
  after(delayMs: number, callback: () => void): () => void;
  /**
   * Calls `callback` once the pending events of the event loop are handled; returns a function that
   * cancels it.
   */
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
