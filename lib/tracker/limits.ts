// PURE. Limits on what is used of a tracker's reply, for all transports, and `left` before the length is known.

import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';

/** Used if a reply has no interval: half an hour, the most common value. */
export const DEFAULT_INTERVAL_SEC = 1800;

/**
 * Shortest interval that is obeyed: with 0 or 1 we would flood the tracker, or another host that
 * its name resolves to.
 */
export const MIN_INTERVAL_SEC = 30;

/**
 * Longest interval that is obeyed: with a year we would never return; no honest tracker sends more
 * than a day.
 */
export const MAX_INTERVAL_SEC = 86_400;

/** Longest `retry in` (BEP 31) that is obeyed: a week. A tracker that wants more sends "never". */
export const MAX_RETRY_SEC = 7 * 86_400;

/**
 * Peers used of each list of a reply. We request at most 200, and trackers return 50 to 200; 1,000
 * allows generous trackers, and prevents a hostile one from filling the address book.
 */
export const MAX_PEERS_PER_LIST = 1000;

export function boundedInterval(intervalSec: number = DEFAULT_INTERVAL_SEC): number {
  return Math.min(Math.max(intervalSec, MIN_INTERVAL_SEC), MAX_INTERVAL_SEC);
}

/**
 * Bytes announced as `left` while only the info hash is known: one block, as libtorrent does. 0 would
 * announce us as a seed.
 */
export const UNKNOWN_LEFT_BYTES = BLOCK_LENGTH_BYTES;
