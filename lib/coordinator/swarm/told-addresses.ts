// PURE. Bounds on the addresses that peers tell us of (BEP 11): a liar must neither fill the address
// book nor make us dial third parties fast.

import { TokenBucket } from '../../choke/token-bucket';

/** A fifth of the book at most: the rest is for trackers and the user. */
const MAX_TOLD = 1_000;
/** Of one teller: two messages of an honest one. */
const MAX_PER_TELLER = 100;
/**
 * New addresses of one teller, over all its connections. BEP 11 allows 50 a minute. So an attacker
 * pays 6 bytes and we send three SYN packets for each, fewer than three a second.
 */
const TELLER_RATE = { perSec: 50 / 60, burst: MAX_PER_TELLER };
/** Tellers remembered at a time; beyond that, new ones are not listened to. */
const MAX_TELLERS = 1_000;

interface Teller {
  /** Its addresses in the book that were never connected. */
  held: number;
  readonly bucket: TokenBucket;
}

export class ToldAddresses {
  private readonly tellers = new Map<string, Teller>();
  private total = 0;

  /** Whether it may add another address now, by its rate. */
  mayTell(teller: string, nowMs: number): boolean {
    const known = this.tellers.get(teller);
    // Half a token, because fractions do not add up to whole ones.
    if (known !== undefined) return known.bucket.balance(nowMs) >= 0.5;
    if (this.tellers.size >= MAX_TELLERS) this.forgetIdle(nowMs);
    return this.tellers.size < MAX_TELLERS;
  }

  /** Whether another of its addresses needs the place of one that failed. */
  isFull(teller: string): boolean {
    return this.total >= MAX_TOLD || (this.tellers.get(teller)?.held ?? 0) >= MAX_PER_TELLER;
  }

  /** The book took an address from it. */
  took(teller: string, nowMs: number): void {
    const known = this.tellers.get(teller) ?? { held: 0, bucket: new TokenBucket(TELLER_RATE) };
    this.tellers.set(teller, known);
    known.held++;
    known.bucket.take(1, nowMs);
    this.total++;
  }

  /** One of its addresses left the book, or proved to be a peer. */
  released(teller: string): void {
    const known = this.tellers.get(teller);
    if (known === undefined) return;
    known.held--;
    this.total--;
  }

  private forgetIdle(nowMs: number): void {
    for (const [teller, { held, bucket }] of this.tellers) {
      if (held === 0 && bucket.balance(nowMs) >= MAX_PER_TELLER) this.tellers.delete(teller);
    }
  }
}
