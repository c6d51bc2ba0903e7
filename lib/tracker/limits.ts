// PURE. The most that is taken from a tracker's answer, over any transport.

/** Used when a reply names no interval: half an hour, what most trackers ask for. */
export const DEFAULT_INTERVAL_SEC = 1800;

/** A tracker that says 0 or 1 would have us flood it, or the machine that its name leads to. */
export const MIN_INTERVAL_SEC = 30;

/** A tracker that says a year would lose us for good; no honest one says more than a day. */
export const MAX_INTERVAL_SEC = 86_400;

/** Longest `retry in` (BEP 31) that is obeyed, a week: who means longer says "never". */
export const MAX_RETRY_SEC = 7 * 86_400;

/**
 * Peers kept of each list of a reply. We ask for 200 at most, trackers give 50 to 200; 1,000 lets
 * a generous one be generous and keeps a hostile one from filling the address book.
 */
export const MAX_PEERS_PER_LIST = 1000;

export function boundedInterval(intervalSec: number = DEFAULT_INTERVAL_SEC): number {
  return Math.min(Math.max(intervalSec, MIN_INTERVAL_SEC), MAX_INTERVAL_SEC);
}
