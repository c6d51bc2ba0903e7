// PURE. The account of a torrent or of the whole engine: seconds by what limited them, and how the
// verify threads spent their time. This file only sums up; `limit.ts` decides what limits a
// download.

import { EMPTY_ACCOUNT, HISTOGRAM_BUCKETS } from '../../messages/account';
import type { LimitBehind, TransferAccount, TransferLimit } from '../../messages/account';

/** Shortest transfer, in seconds, whose account is meaningful: four ticks. */
const MIN_SEC = 1;

export class Account {
  private readonly seconds: Record<TransferLimit, number> = { ...EMPTY_ACCOUNT.seconds };
  private readonly behind: Record<LimitBehind, number> = { ...EMPTY_ACCOUNT.memoryBehind };
  private readonly hashMs = [...EMPTY_ACCOUNT.hashMs];
  private readonly writeMs = [...EMPTY_ACCOUNT.writeMs];
  private hashSec = 0;
  private writeSec = 0;
  /** Seconds limited by `verify` that are not yet split into `hash` and `write`. */
  private unattributedSec = 0;
  /** The verify threads' totals at the last split. */
  private attributedHashSec = 0;
  private attributedWriteSec = 0;

  /** `behind` counts with `memory` alone; `attribute` later splits `verify` into `hash` and `write`. */
  charge(limit: TransferLimit, sec: number, behind: AccountState['behind']): void {
    this.seconds[limit] += sec;
    if (limit !== 'memory') return;
    if (behind === 'verify') this.unattributedSec += sec;
    else this.behind[behind] += sec;
  }

  /** Notes a finished verify job. */
  noteJob(hashMs: number, writeMs: number): void {
    this.hashSec += hashMs / 1000;
    this.writeSec += writeMs / 1000;
    count(this.hashMs, hashMs);
    count(this.writeMs, writeMs);
  }

  /**
   * Splits the time spent waiting for verify threads in proportion to their hash and write time
   * since the last call. `work` is the account of all of them: a torrent may wait for the writes of
   * another.
   */
  attribute(work: Account): void {
    const hashSec = work.hashSec - this.attributedHashSec;
    const writeSec = work.writeSec - this.attributedWriteSec;
    if (hashSec + writeSec <= 0) return; // No job has ended since.
    this.attributedHashSec = work.hashSec;
    this.attributedWriteSec = work.writeSec;
    const hash = (this.unattributedSec * hashSec) / (hashSec + writeSec);
    this.behind.hash += hash;
    this.behind.write += this.unattributedSec - hash;
    this.unattributedSec = 0;
  }

  snapshot(now: Pick<TransferAccount, 'bytesInFlight' | 'verifyQueue'>): TransferAccount {
    return {
      seconds: { ...this.seconds },
      memoryBehind: { ...this.behind },
      limit: this.limit(),
      bytesInFlight: now.bytesInFlight,
      verifyQueue: now.verifyQueue,
      work: { hashSec: this.hashSec, writeSec: this.writeSec },
      hashMs: [...this.hashMs],
      writeMs: [...this.writeMs],
    };
  }

  private limit(): TransferAccount['limit'] {
    let totalSec = 0;
    for (const sec of Object.values(this.seconds)) totalSec += sec;
    if (totalSec < MIN_SEC) return undefined;
    const what = largest(this.seconds) ?? 'network';
    const behind = what === 'memory' ? largest(this.behind) : undefined;
    return { what, behind, share: this.seconds[what] / totalSec };
  }
}

/** The key with the largest value; undefined if all are 0. */
function largest<Key extends string>(parts: Readonly<Record<Key, number>>): Key | undefined {
  let best: Key | undefined;
  for (const key of Object.keys(parts) as Key[]) {
    if (parts[key] > (best === undefined ? 0 : parts[best])) best = key;
  }
  return best;
}

/**
 * Exponent of the first bucket limit, 1/4 ms: bucket 1 begins there, so log2(1/4) = -2 falls into
 * bucket 1.
 */
const FIRST_EXPONENT = -2;

function count(histogram: number[], ms: number): void {
  const at = Math.floor(Math.log2(ms)) - FIRST_EXPONENT + 1; // -Infinity for 0 ms
  const bucket = Math.max(0, Math.min(HISTOGRAM_BUCKETS - 1, at));
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
}

/** A torrent's account, and the state needed to keep it. */
export interface AccountState {
  readonly sums: Account;
  /** Time up to here is charged; undefined while no download runs. */
  chargedMs: number | undefined;
  /**
   * Result of the last look. Time after it is charged to this limit, even if the download ends first.
   */
  limit: TransferLimit;
  /** With `memory`: what the memory was full of. */
  behind: 'verify' | 'write' | 'fill';
  /** A piece could not be started since the last look, because memory ran out. */
  memoryRefused: boolean;
}

/** Utilisation of a peer thread's event loop, 0 to 1, as last reported. */
export interface ThreadLoad {
  readonly busy: number;
  readonly reportedMs: number;
  /** It had downloads then, so another report will follow. */
  readonly goesOn: boolean;
}

export function newAccount(): AccountState {
  return {
    sums: new Account(),
    chargedMs: undefined,
    limit: 'peers',
    behind: 'fill',
    memoryRefused: false,
  };
}
