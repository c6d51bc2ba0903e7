// How long to wait before a restart.

const FIRST_BACKOFF_MS = 100;
// A thread that keeps dying costs 0.1–0.2 s of CPU per start: at one start per 10 s that is below 2
// %.
const MAX_BACKOFF_MS = 10_000;

/**
 * Delay before the restart after `failures` failures in a row: 100 ms, doubled each time, up to 10
 * s.
 */
export function nextBackoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.max(0, failures - 1));
}
