// PURE. The wait before the next dial of an address, by how the last dial or connection ended.

import type { CloseReason } from '../../messages/close-reasons';

/** Wait before the next dial: `firstMs`, multiplied by `factor` for each further failure. */
interface Backoff {
  readonly firstMs: number;
  readonly factor: number;
  readonly longestMs: number;
}

/** While we download: 2, 4, 8 … seconds, up to 10 minutes. */
const DOWNLOADING: Backoff = { firstMs: 2_000, factor: 2, longestMs: 600_000 };
/**
 * While we seed: 8 s, 32 s, 2 min, 9 min, 34 min, 2.3 h, then 4 h. A dead peer is dialled seven
 * times in its first three hours; after that, 50 of them in each of 1,000 torrents make 3.5 dials a
 * second.
 */
const SEEDING: Backoff = { firstMs: 8_000, factor: 4, longestMs: 14_400_000 };
/**
 * A seed dialled by a seed: 6 h, 12 h, then once a day, in case its user started over. A thousand
 * torrents with 50 seeds each make 0.6 dials a second.
 */
const SEED_MEETS_SEED: Backoff = { firstMs: 21_600_000, factor: 2, longestMs: 86_400_000 };
/** Before a seed dials a seed for the first time. */
export const LONG_MS = SEED_MEETS_SEED.firstMs;
/** After a connection that moved payload. */
const USEFUL_RETRY_MS = 2_000;
/** After a useless connection that gave way: the other peer may be useless too by then. */
const GAVE_WAY_RETRY_MS = 600_000;
/** After a duplicate connection: the other connection may have ended by then. */
export const TWIN_RETRY_MS = 60_000;

/**
 * After a dial that found no free descriptor: the peer is not at fault, but one of our connections must
 * end first.
 */
export const LOCAL_LIMIT_RETRY_MS = 10_000;

/** Close reasons that are due to a lack on our side, and say nothing about the peer. */
export const OUR_LACK: ReadonlySet<CloseReason> = new Set<CloseReason>([
  'local-limit',
  'no-address',
]);

/** How a dial or a connection ended. */
export interface Ending {
  readonly reason: CloseReason;
  /** Payload moved, so the failure count restarts. */
  readonly useful: boolean;
  /** The peer has every piece. */
  readonly peerIsSeed?: boolean;
  /** We have every piece: only peers that lack some are worth dialling. */
  readonly weSeed?: boolean;
}

/** The wait without jitter; `failures` counts this end. */
export function redialMs(ending: Ending, failures: number): number {
  const { reason, useful, peerIsSeed = false, weSeed = false } = ending;
  if (OUR_LACK.has(reason)) return LOCAL_LIMIT_RETRY_MS;
  if (weSeed && peerIsSeed) return backoffMs(SEED_MEETS_SEED, failures);
  const waitMs = backoffMs(weSeed ? SEEDING : DOWNLOADING, failures);
  if (reason === 'gave-way') return Math.max(waitMs, GAVE_WAY_RETRY_MS);
  if (useful) return USEFUL_RETRY_MS;
  return reason === 'duplicate-peer' || reason === 'same-address'
    ? Math.max(waitMs, TWIN_RETRY_MS)
    : waitMs;
}

function backoffMs({ firstMs, factor, longestMs }: Backoff, failures: number): number {
  return Math.min(longestMs, firstMs * factor ** Math.min(failures - 1, 16));
}
