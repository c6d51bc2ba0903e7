// Deals the blocks that a thread was granted for one torrent and direction to its connections, and
// reports their use. Blocks that a connection does not use before the next deal are returned.

import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { apportion } from './apportion';
import { RateBucket } from './bucket';

/** One direction of a connection, which spends an allowance. */
export interface Spender {
  /** All payload that was paid for since the connection began; decreases when requests are withdrawn. */
  spentBytes(): number;
  /** It had to wait, and may continue. */
  goOn(): void;
}

/** The payload that one connection may transfer in one direction until the next deal. */
export class Allowance {
  readonly weight = 1;
  /** For `apportion`. */
  most = 0;
  carry = 0;
  given = 0;
  readonly spender: Spender;
  /** The limit of each peer. */
  bucket: RateBucket | undefined;
  /** `spentBytes` at the last deal. */
  countedBytes: number;
  private allowedBytes: number;
  private isWaiting = false;
  /** Deals since the last `wasShort`, and how many of them followed a wait. */
  private deals = 0;
  private shortDeals = 0;
  private readonly onWait: () => void;

  /** `countedBytes`: payload that was transferred before there was a limit. */
  constructor(spender: Spender, countedBytes: number, onWait: () => void) {
    this.spender = spender;
    this.countedBytes = countedBytes;
    this.allowedBytes = countedBytes;
    this.onWait = onWait;
  }

  /** Bytes that may be transferred now; a block that is begun may exceed them. */
  get roomBytes(): number {
    return this.allowedBytes - this.spender.spentBytes();
  }

  /** Blocks that may be begun now. */
  get room(): number {
    return Math.max(0, Math.ceil(this.roomBytes / BLOCK_LENGTH_BYTES));
  }

  /** The connection could transfer more, and waits for the next deal. */
  wait(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    this.onWait();
  }

  get waits(): boolean {
    return this.isWaiting;
  }

  /** Whether it mostly had to wait since the last call. */
  wasShort(): boolean {
    const { deals, shortDeals } = this;
    this.deals = this.shortDeals = 0;
    return deals === 0 ? this.isWaiting : 2 * shortDeals >= deals;
  }

  /** `given` blocks may be begun until the next deal, from `spentBytes` on. */
  open(spentBytes: number): void {
    this.countedBytes = spentBytes;
    this.allowedBytes = spentBytes + this.given * BLOCK_LENGTH_BYTES;
    this.deals += 1;
    if (this.isWaiting) this.shortDeals += 1;
    if (!this.isWaiting || this.given === 0) return;
    this.isWaiting = false;
    this.spender.goOn();
  }
}

/** The figures of a `RateReport`. */
export interface Dealing {
  readonly active: number;
  readonly wantBlocks: number;
  readonly usedBytes: number;
  readonly returnedBytes: number;
}

export class Dealer {
  private readonly allowances = new Set<Allowance>();
  private readonly onDemand: () => void;
  /** Nothing was wanted at the last deal, so there is no further one until a demand is reported. */
  private isAsleep = true;
  /** Limit of each peer; undefined: none. */
  private peerBytesPerSec: number | undefined;
  /** Bytes of the last grant; 0 if it was infinite, because its use need not be reported. */
  private grantedBytes = 0;
  private isUnbounded = false;
  /** Used by connections that ended since the last deal. */
  private leftBytes = 0;

  /** `onDemand`: called when connections wait and no further deal follows unless that is reported. */
  constructor(onDemand: () => void) {
    this.onDemand = onDemand;
  }

  limitPeers(bytesPerSec: number | undefined, nowMs: number): void {
    this.peerBytesPerSec = bytesPerSec;
    for (const allowance of this.allowances) this.limitPeer(allowance, nowMs);
  }

  join(spender: Spender, countedBytes: number, nowMs: number): Allowance {
    const allowance = new Allowance(spender, countedBytes, this.onWait);
    this.limitPeer(allowance, nowMs);
    this.allowances.add(allowance);
    return allowance;
  }

  /** Its connection has ended. */
  leave(allowance: Allowance): void {
    if (!this.allowances.delete(allowance)) return;
    this.leftBytes += allowance.spender.spentBytes() - allowance.countedBytes;
  }

  /** The present demand, without the use of the last grant. */
  demand(): Dealing {
    let active = 0;
    for (const { waits } of this.allowances) if (waits) active += 1;
    return { active, wantBlocks: active > 0 ? Infinity : 0, usedBytes: 0, returnedBytes: 0 };
  }

  /** Divides a new grant; what is left of the last one is void. */
  deal(blocks: number, nowMs: number): Dealing {
    const active: Allowance[] = [];
    let usedBytes = this.leftBytes;
    this.leftBytes = 0;
    let wantBlocks = 0;
    for (const allowance of this.allowances) {
      const spentBytes = allowance.spender.spentBytes();
      const used = spentBytes - allowance.countedBytes;
      usedBytes += used;
      allowance.bucket?.take(used);
      allowance.given = 0;
      allowance.countedBytes = spentBytes;
      if (used === 0 && !allowance.waits) {
        allowance.open(spentBytes);
        continue;
      }
      // A connection that did not wait had enough, but may need more next time.
      const twice = 1 + 2 * Math.max(0, Math.ceil(used / BLOCK_LENGTH_BYTES));
      const most = allowance.waits ? Infinity : twice;
      allowance.most = Math.min(most, allowance.bucket?.blocksAt(nowMs) ?? Infinity);
      wantBlocks += allowance.most;
      active.push(allowance);
    }
    apportion(blocks, active);
    const returnedBytes = this.isUnbounded ? 0 : this.grantedBytes - usedBytes;
    this.isUnbounded = blocks === Infinity;
    this.grantedBytes = this.isUnbounded ? 0 : blocks * BLOCK_LENGTH_BYTES;
    this.isAsleep = active.length === 0;
    for (const allowance of active) allowance.open(allowance.countedBytes);
    return { active: active.length, wantBlocks, usedBytes, returnedBytes };
  }

  private readonly onWait = (): void => {
    if (!this.isAsleep) return;
    this.isAsleep = false;
    this.onDemand();
  };

  private limitPeer(allowance: Allowance, nowMs: number): void {
    if (this.peerBytesPerSec === undefined) allowance.bucket = undefined;
    else if (allowance.bucket === undefined)
      allowance.bucket = new RateBucket(this.peerBytesPerSec, nowMs);
    else allowance.bucket.setRate(this.peerBytesPerSec, nowMs);
  }
}
