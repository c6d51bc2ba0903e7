// PURE. Bounds on the addresses that are received by peer exchange (BEP 11): a hostile sender must
// neither fill the address book nor make us dial third parties fast.

import { TokenBucket } from '../../choke/token-bucket';

/** A fifth of the book at most: the rest is for trackers and the user. */
const MAX_EXCHANGED = 1_000;
/** Addresses of one sender: as many as two full messages of BEP 11 have. */
const MAX_PER_SENDER = 100;
/**
 * New addresses of one sender, over all its connections: 50 a minute, as BEP 11 allows. Each address
 * is dialled three times at most, so in the long run one sender causes 50 × 3 / 60 = 2.5 dials a second.
 */
const SENDER_RATE = { perSec: 50 / 60, burst: MAX_PER_SENDER };
/** Senders that are remembered. When all places are taken, addresses of further senders are ignored. */
const MAX_SENDERS = 1_000;

interface Sender {
  /** Its addresses in the book that were never connected. */
  held: number;
  readonly bucket: TokenBucket;
}

/** Counts the exchanged addresses in one address book, by sender. */
export class ExchangedAddresses {
  private readonly senders = new Map<string, Sender>();
  private total = 0;

  /** Whether the rate of this sender allows another address now. */
  mayAdd(sender: string, nowMs: number): boolean {
    const known = this.senders.get(sender);
    // Half a token: rounding errors could keep the balance just below 1.
    if (known !== undefined) return known.bucket.balance(nowMs) >= 0.5;
    if (this.senders.size >= MAX_SENDERS) this.forgetIdle(nowMs);
    return this.senders.size < MAX_SENDERS;
  }

  /** Whether a further address of this sender must replace one that failed. */
  isFull(sender: string): boolean {
    return this.total >= MAX_EXCHANGED || (this.senders.get(sender)?.held ?? 0) >= MAX_PER_SENDER;
  }

  /** An address of this sender was added to the book. */
  added(sender: string, nowMs: number): void {
    const known = this.senders.get(sender) ?? { held: 0, bucket: new TokenBucket(SENDER_RATE) };
    this.senders.set(sender, known);
    known.held++;
    known.bucket.take(1, nowMs);
    this.total++;
  }

  /** An address of this sender was removed from the book, or no longer counts as exchanged. */
  released(sender: string): void {
    const known = this.senders.get(sender);
    if (known === undefined) return;
    known.held--;
    this.total--;
  }

  private forgetIdle(nowMs: number): void {
    for (const [sender, { held, bucket }] of this.senders) {
      if (held === 0 && bucket.balance(nowMs) >= MAX_PER_SENDER) this.senders.delete(sender);
    }
  }
}
