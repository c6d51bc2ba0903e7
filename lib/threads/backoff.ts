// How long to wait before something that failed is tried again.

const FIRST_BACKOFF_MS = 100;
// A thread that dies over and over costs 0.1–0.2 s of CPU per start: at 10 s that is below 2 %.
const MAX_BACKOFF_MS = 10_000;

/** Delay before the restart after the `failures`-th failure in a row: 100 ms, doubled up to 10 s. */
export function nextBackoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.max(0, failures - 1));
}
