// The account of a torrent or an engine: what limited its transfers. docs/ACCOUNT.md defines every
// label. Plain data and shared constants.

/**
 * What limited a download. At each moment it is exactly one of these:
 *
 * - `peers`: no connected peer has a piece that we lack
 * - `unchoke`: some have, and all of them choke us
 * - `rateLimit`: a rate limit held back requests to at least half of the peers that let us download
 * - `memory`: peers would send more, but the memory budget is full, or everything missing has
 * arrived and waits to be hashed and written (`LimitBehind` names the cause)
 * - `cpu`: a thread of the engine, or all processors, were fully busy
 * - `requestDepth`: all requests that we or the peer allow are in flight, and blocks return without
 * a wait on the far side: the round trip limits
 * - `network`: none of these; the far side, or the path to it, limits
 */
export type TransferLimit =
  'network' | 'unchoke' | 'rateLimit' | 'requestDepth' | 'memory' | 'peers' | 'cpu';

/** What full memory waited for: hash checks, storage writes, or peers that still fill it. */
export type LimitBehind = 'hash' | 'write' | 'fill';

/** The account of a transfer so far. Seconds are elapsed time unless stated otherwise. */
export interface TransferAccount {
  /** Download time by what limited it. The sum is the whole time without pauses. */
  readonly seconds: Readonly<Record<TransferLimit, number>>;
  /** The `memory` seconds by cause; the latest may not be attributed yet. */
  readonly memoryBehind: Readonly<Record<LimitBehind, number>>;
  /** The largest part; undefined in the first second. */
  readonly limit:
    | {
        readonly what: TransferLimit;
        /** With `memory`: the most frequent cause. */
        readonly behind: LimitBehind | undefined;
        /** Share of the whole time, above 0 and up to 1. */
        readonly share: number;
      }
    | undefined;
  /** Bytes requested and not yet received, at the last report (4 per second). */
  readonly bytesInFlight: number;
  /** Full pieces that are being hashed and written, or wait for that. */
  readonly verifyQueue: {
    readonly pieces: number;
    readonly bytes: number;
    /** Jobs in flight for some of these pieces; the other pieces wait. */
    readonly jobs: number;
  };
  /** Work of the verify threads on downloaded pieces, in seconds over all threads. */
  readonly work: { readonly hashSec: number; readonly writeSec: number };
  /** Number of verify jobs by hash time: see `HISTOGRAM_BUCKETS`. */
  readonly hashMs: readonly number[];
  /** Number of verify jobs by write time. */
  readonly writeMs: readonly number[];
}

/**
 * Bucket 0 counts jobs below 1/4 ms; bucket n those from 2^(n-3) to 2^(n-2) ms; the last one all
 * from 4,096 ms. A full job has 4 MiB, which take some 2 to 8 ms to hash. A job never exceeds 8
 * MiB, except for a single longer piece.
 */
export const HISTOGRAM_BUCKETS = 16;

/** The account before any download. */
export const EMPTY_ACCOUNT: TransferAccount = {
  seconds: { network: 0, unchoke: 0, rateLimit: 0, requestDepth: 0, memory: 0, peers: 0, cpu: 0 },
  memoryBehind: { hash: 0, write: 0, fill: 0 },
  limit: undefined,
  bytesInFlight: 0,
  verifyQueue: { pieces: 0, bytes: 0, jobs: 0 },
  work: { hashSec: 0, writeSec: 0 },
  hashMs: new Array<number>(HISTOGRAM_BUCKETS).fill(0),
  writeMs: new Array<number>(HISTOGRAM_BUCKETS).fill(0),
};

/**
 * What limits a session, as reported in `load` facts. Numbers, because they travel in rows of
 * numbers.
 */
export const SESSION_LIMIT = {
  /** Requests are in flight, and the far side takes its time. */
  farSide: 0,
  /** All allowed requests are in flight and answered without waiting: the round trip limits. */
  depth: 1,
  /** The session could request more blocks than it has leased. */
  leases: 2,
  /** A rate limit held back requests. */
  rate: 3,
} as const;

export type SessionLimit = (typeof SESSION_LIMIT)[keyof typeof SESSION_LIMIT];
