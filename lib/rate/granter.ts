// Grants the credit of one direction to all threads, within the limits of the engine and of its torrents.
// Torrents get equal shares; the threads of a torrent get theirs by the number of active connections.

import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { apportion } from './apportion';
import type { Claim } from './apportion';
import { RateBucket } from './bucket';

/** The report of a thread on the connections of one torrent. */
export interface RateReport {
  readonly thread: number;
  readonly torrent: number;
  /** Connections that moved something or had to wait since the last deal. */
  readonly active: number;
  /** Blocks that they can use until the next one: a whole number, or Infinity. */
  readonly wantBlocks: number;
  /** Bytes of earlier grants that were used, and that are returned (below 0: used in excess). */
  readonly usedBytes: number;
  readonly returnedBytes: number;
}

export interface Grant {
  readonly thread: number;
  readonly torrent: number;
  /** A whole number, or Infinity. */
  readonly blocks: number;
}

/** The demand and the account of one thread for a torrent. */
interface Want extends Claim {
  weight: number;
  most: number;
  readonly thread: number;
  /** Granted, and neither used nor returned according to its reports. */
  lentBytes: number;
  /** It has not reported on its last grant yet, and gets no further one before. */
  isLate: boolean;
}

interface TorrentShare extends Claim {
  most: number;
  readonly torrent: number;
  /** Its own limit. */
  bucket: RateBucket | undefined;
  /** By thread. */
  readonly wants: Map<number, Want>;
}

/** Grants the credit of one direction. Torrents without a limit are not known here. */
export class Granter {
  private engine: RateBucket | undefined;
  private readonly torrents = new Map<number, TorrentShare>();

  /** Sets the limit of all torrents together; undefined: none. */
  limitEngine(bytesPerSec: number | undefined, nowMs: number): void {
    this.engine = withRate(this.engine, bytesPerSec, nowMs);
  }

  /** A torrent takes part, with this limit of its own, if any. */
  limitTorrent(torrent: number, bytesPerSec: number | undefined, nowMs: number): void {
    let share = this.torrents.get(torrent);
    if (share === undefined) {
      const claim = { weight: 1, most: 0, carry: 0, given: 0 };
      share = { ...claim, torrent, bucket: undefined, wants: new Map() };
      this.torrents.set(torrent, share);
    }
    share.bucket = withRate(share.bucket, bytesPerSec, nowMs);
  }

  /** The torrent is closed, or no longer limited. The credit lent to it counts as used. */
  forgetTorrent(torrent: number): void {
    this.torrents.delete(torrent);
  }

  /** The thread has ended. The credit lent to it counts as used. */
  forgetThread(thread: number): void {
    for (const { wants } of this.torrents.values()) wants.delete(thread);
  }

  /** A thread wants credit, or must report on a grant: `grant` must be called regularly. */
  get isBusy(): boolean {
    for (const { wants } of this.torrents.values()) if (wants.size > 0) return true;
    return false;
  }

  report(report: RateReport): void {
    const { thread, active, wantBlocks, usedBytes, returnedBytes } = report;
    const share = this.torrents.get(report.torrent);
    if (share === undefined) return;
    this.engine?.take(-returnedBytes);
    share.bucket?.take(-returnedBytes);
    let want = share.wants.get(thread);
    if (want === undefined) {
      want = { weight: 0, most: 0, carry: 0, given: 0, thread, lentBytes: 0, isLate: false };
      share.wants.set(thread, want);
    }
    want.weight = active;
    want.most = wantBlocks;
    want.isLate = false;
    want.lentBytes = Math.max(0, want.lentBytes - usedBytes - returnedBytes);
    // A report on no credit at all comes from a restarted thread: earlier credit is void.
    const hasNoAccount = usedBytes === 0 && returnedBytes === 0;
    if (active === 0 && (want.lentBytes === 0 || hasNoAccount)) share.wants.delete(thread);
  }

  /**
   * Grants what the limits allow now. Each thread that wants or holds credit gets a grant, if only of
   * 0 blocks: its report accounts for the last one. One that has not answered yet is left out.
   */
  grant(nowMs: number): Grant[] {
    const shares = [...this.torrents.values()].filter(({ wants }) => wants.size > 0);
    for (const share of shares) {
      let most = 0;
      for (const want of share.wants.values()) if (!want.isLate) most += want.most;
      share.most = Math.min(most, share.bucket?.blocksAt(nowMs) ?? Infinity);
    }
    apportion(this.engine?.blocksAt(nowMs) ?? Infinity, shares);
    const grants: Grant[] = [];
    for (const share of shares) this.grantTo(share, grants);
    return grants;
  }

  private grantTo(share: TorrentShare, grants: Grant[]): void {
    const { torrent, bucket } = share;
    const wants = [...share.wants.values()].filter(({ isLate }) => !isLate);
    const wanting = wants.filter(({ weight }) => weight > 0);
    apportion(share.given, wanting);
    for (const want of wants) {
      const { thread } = want;
      const blocks = want.weight > 0 ? want.given : 0;
      grants.push({ thread, torrent, blocks });
      want.isLate = true;
      if (blocks === Infinity) continue;
      const lentBytes = blocks * BLOCK_LENGTH_BYTES;
      want.lentBytes += lentBytes;
      this.engine?.take(lentBytes);
      bucket?.take(lentBytes);
    }
  }
}

/** The bucket with another rate: its debt stays. */
function withRate(
  bucket: RateBucket | undefined,
  bytesPerSec: number | undefined,
  nowMs: number,
): RateBucket | undefined {
  if (bytesPerSec === undefined) return undefined;
  if (bucket === undefined) return new RateBucket(bytesPerSec, nowMs);
  bucket.setRate(bytesPerSec, nowMs);
  return bucket;
}
