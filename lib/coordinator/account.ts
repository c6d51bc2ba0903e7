// PURE. The account of a torrent or of the whole engine: seconds by what limited them, and what the
// verify threads' time went to. Sums only; who is charged what is decided in `limit.ts`.

import { EMPTY_ACCOUNT, HISTOGRAM_BUCKETS } from '../messages/account';
import type { LimitBehind, TransferAccount, TransferLimit } from '../messages/account';

/** Below this a transfer is over before its account means anything: four ticks. */
const MIN_SEC = 1;

export class Account {
  readonly #seconds: Record<TransferLimit, number> = { ...EMPTY_ACCOUNT.seconds };
  readonly #behind: Record<LimitBehind, number> = { ...EMPTY_ACCOUNT.memoryBehind };
  readonly #hashMs = [...EMPTY_ACCOUNT.hashMs];
  readonly #writeMs = [...EMPTY_ACCOUNT.writeMs];
  #hashSec = 0;
  #writeSec = 0;
  /** `memory` seconds that the verify jobs under way will attribute when they end. */
  #untoldSec = 0;
  /** The verify threads' totals when this was last attributed. */
  #toldHashSec = 0;
  #toldWriteSec = 0;

  /** `behind`: with `memory`; `tellApart` divides `verify`. */
  charge(limit: TransferLimit, sec: number, behind?: 'verify' | 'write' | 'fill'): void {
    this.#seconds[limit] += sec;
    if (limit !== 'memory' || behind === undefined) return;
    if (behind === 'verify') this.#untoldSec += sec;
    else this.#behind[behind] += sec;
  }

  /** A verify job is done. */
  noteJob(hashMs: number, writeMs: number): void {
    this.#hashSec += hashMs / 1000;
    this.#writeSec += writeMs / 1000;
    count(this.#hashMs, hashMs);
    count(this.#writeMs, writeMs);
  }

  /**
   * Time that waited for the verify threads is split as theirs was since the last call. `work` is the
   * account of all of them: a torrent may wait for the writes of another.
   */
  tellApart(work: Account): void {
    const hashSec = work.#hashSec - this.#toldHashSec;
    const writeSec = work.#writeSec - this.#toldWriteSec;
    if (hashSec + writeSec <= 0) return; // no job ended meanwhile
    this.#toldHashSec = work.#hashSec;
    this.#toldWriteSec = work.#writeSec;
    const hash = (this.#untoldSec * hashSec) / (hashSec + writeSec);
    this.#behind.hash += hash;
    this.#behind.write += this.#untoldSec - hash;
    this.#untoldSec = 0;
  }

  snapshot(now: Pick<TransferAccount, 'bytesInFlight' | 'verifyQueue'>): TransferAccount {
    return {
      seconds: { ...this.#seconds },
      memoryBehind: { ...this.#behind },
      limit: this.#limit(),
      bytesInFlight: now.bytesInFlight,
      verifyQueue: now.verifyQueue,
      work: { hashSec: this.#hashSec, writeSec: this.#writeSec },
      hashMs: [...this.#hashMs],
      writeMs: [...this.#writeMs],
    };
  }

  #limit(): TransferAccount['limit'] {
    let totalSec = 0;
    for (const sec of Object.values(this.#seconds)) totalSec += sec;
    if (totalSec < MIN_SEC) return undefined;
    const what = largest(this.#seconds) ?? 'network';
    const behind = what === 'memory' ? largest(this.#behind) : undefined;
    return { what, behind, share: this.#seconds[what] / totalSec };
  }
}

/** The key with the largest value; undefined when all are 0. */
function largest<Key extends string>(parts: Readonly<Record<Key, number>>): Key | undefined {
  let best: Key | undefined;
  for (const key of Object.keys(parts) as Key[]) {
    if (parts[key] > (best === undefined ? 0 : parts[best])) best = key;
  }
  return best;
}

/** Powers of two from 1/4 ms: bucket 1 begins there, so that log2(1/4) = -2 belongs in it. */
const FIRST_EXPONENT = -2;

function count(histogram: number[], ms: number): void {
  const at = ms > 0 ? Math.floor(Math.log2(ms)) - FIRST_EXPONENT + 1 : 0;
  const bucket = Math.max(0, Math.min(HISTOGRAM_BUCKETS - 1, at));
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
}

/** A torrent's account and what it is kept by. */
export interface AccountState {
  readonly sums: Account;
  /** Up to here the time is charged; undefined while nothing is downloaded. */
  chargedMs: number | undefined;
  /** What the last look said: the rest of a download that ends between two looks is charged so, too. */
  limit: TransferLimit;
  behind: 'verify' | 'write' | 'fill';
  /** Since the last look a piece could not be started for want of memory. */
  memoryRefused: boolean;
}

/** How busy a peer thread's event loop was, 0 to 1, by its last report. */
export interface ThreadLoad {
  readonly busy: number;
  readonly toldMs: number;
  /** It had downloads then: another report follows. */
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
