// What held a transfer up, in figures: the account of a torrent, and of an engine. docs/ACCOUNT.md
// defines every label. Plain data, and the little that all sides of it must agree on.

/**
 * What set the pace. At each moment of a download it is exactly one of these:
 *
 * - `peers`: nobody connected has a piece that we lack
 * - `unchoke`: somebody has, and all who have choke us
 * - `memory`: peers would send more, but the memory budget is full, or all that can be had is here
 *   and waits to be hashed and written (`LimitBehind` says for what)
 * - `cpu`: a thread of the engine had no rest, or the process used up the processors
 * - `requestDepth`: as many requests are out as the peer or we allow, and blocks come back without
 *   waiting on the far side: the round trip limits
 * - `network`: none of these; the far side, or the path to it, delivers as fast as it does
 */
export type TransferLimit = 'network' | 'unchoke' | 'requestDepth' | 'memory' | 'peers' | 'cpu';

/** What full memory waited for: the hash check, the storage's writes, or peers still filling it. */
export type LimitBehind = 'hash' | 'write' | 'fill';

/** A transfer's account so far. Seconds are of time passed, unless said otherwise. */
export interface TransferAccount {
  /** Time of the download by what limited it; the sum is the whole time, pauses left out. */
  readonly seconds: Readonly<Record<TransferLimit, number>>;
  /** The `memory` seconds by what memory waited for; the newest may not be attributed yet. */
  readonly memoryBehind: Readonly<Record<LimitBehind, number>>;
  /** The largest part; undefined before there is one second to speak of. */
  readonly limit:
    | {
        readonly what: TransferLimit;
        /** With `memory`: what it mostly waited for. */
        readonly behind: LimitBehind | undefined;
        /** Part of the whole time, above 0 and up to 1. */
        readonly share: number;
      }
    | undefined;
  /** Asked of peers and not here yet, at the last report (4 per second). */
  readonly bytesInFlight: number;
  /** Full pieces that are being hashed and written, or wait for it. */
  readonly verifyQueue: {
    readonly pieces: number;
    readonly bytes: number;
    /** Jobs that carry some of these pieces; the others wait. */
    readonly jobs: number;
  };
  /** Work of the verify threads on downloaded pieces, in seconds of all threads together. */
  readonly work: { readonly hashSec: number; readonly writeSec: number };
  /** Verify jobs by the time that hashing took in each: see `HISTOGRAM_BUCKETS`. */
  readonly hashMs: readonly number[];
  /** The same by the time that writing took. */
  readonly writeMs: readonly number[];
}

/**
 * Bucket 0 counts jobs of less than 1/4 ms; bucket n those of 2^(n-3) to 2^(n-2) ms; the last all
 * from 4,096 ms up. A full job has 4 MiB, which take some 2 to 8 ms to hash, and never more than 8 MiB
 * but for a longer piece, which is a job of its own.
 */
export const HISTOGRAM_BUCKETS = 16;

/** An account of nothing. */
export const EMPTY_ACCOUNT: TransferAccount = {
  seconds: { network: 0, unchoke: 0, requestDepth: 0, memory: 0, peers: 0, cpu: 0 },
  memoryBehind: { hash: 0, write: 0, fill: 0 },
  limit: undefined,
  bytesInFlight: 0,
  verifyQueue: { pieces: 0, bytes: 0, jobs: 0 },
  work: { hashSec: 0, writeSec: 0 },
  hashMs: new Array<number>(HISTOGRAM_BUCKETS).fill(0),
  writeMs: new Array<number>(HISTOGRAM_BUCKETS).fill(0),
};

/** What a session says of itself in a `load` fact: a number, since it travels in rows of numbers. */
export const SESSION_LIMIT = {
  /** Requests are out, and the far side takes its time. */
  farSide: 0,
  /** All allowed requests are out and answered without waiting: the round trip limits. */
  depth: 1,
  /** It could ask for more, were more leased to it. */
  leases: 2,
} as const;

export type SessionLimit = (typeof SESSION_LIMIT)[keyof typeof SESSION_LIMIT];
