// Threads and connections under rate limits in virtual time: the granter and the dealers of real
// threads, and connections that take blocks as fast as their lines allow.

import { BLOCK_LENGTH_BYTES } from '../../lib/bytes/lengths';
import type { Allowance, Spender } from '../../lib/rate/dealer';
import { Granter } from '../../lib/rate/granter';
import { GRANT_ROW, REPORT_ROW, ThreadRates, UP } from '../../lib/rate/thread-rates';
import type { RatedPeer } from '../../lib/rate/thread-rates';

/** Interval of grants. */
const PERIOD_MS = 50;
/** Blocks that wait for the line of a connection. */
const QUEUE_BLOCKS = 4;
/** Connections take blocks this often. */
const STEP_MS = 5;

export class FakePeer implements RatedPeer {
  readonly torrent: number;
  lineBytesPerSec: number;
  spentBytes = 0;
  /** What was taken, and has not left over its line. */
  private queuedBytes = 0;
  private allowance: Allowance | undefined;

  constructor(torrent: number, lineBytesPerSec: number) {
    this.torrent = torrent;
    this.lineBytesPerSec = lineBytesPerSec;
  }

  spender(): Spender {
    return { spentBytes: () => this.spentBytes, goOn: () => this.take() };
  }

  onLowered(): void {}

  allow(_direction: number, allowance: Allowance | undefined): void {
    this.allowance = allowance;
  }

  step(ms: number): void {
    this.queuedBytes = Math.max(0, this.queuedBytes - (this.lineBytesPerSec * ms) / 1000);
    this.take();
  }

  private take(): void {
    const stepBytes = (this.lineBytesPerSec * STEP_MS) / 1000;
    if (this.lineBytesPerSec === 0) return;
    while (this.queuedBytes < QUEUE_BLOCKS * BLOCK_LENGTH_BYTES + stepBytes) {
      if (this.allowance !== undefined && this.allowance.room === 0) return this.allowance.wait();
      this.spentBytes += BLOCK_LENGTH_BYTES;
      this.queuedBytes += BLOCK_LENGTH_BYTES;
    }
  }
}

export interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

export class RateWorld {
  readonly granter = new Granter();
  readonly peers: FakePeer[] = [];
  nowMs = 0;
  /** Grants sent, including those of no blocks. */
  grants = 0;
  readonly samples: Sample[] = [];
  private readonly threads: ThreadRates[] = [];
  private nextGrantMs = 0;

  constructor(threads: number) {
    for (let thread = 0; thread < threads; thread++) {
      this.threads.push(new ThreadRates((rows) => this.report(thread, rows)));
    }
  }

  /** `peerBytesPerSec`: the limit of each of its peers. */
  limit(torrent: number, bytesPerSec?: number, peerBytesPerSec?: number): void {
    this.granter.limitTorrent(torrent, bytesPerSec, this.nowMs);
    for (const thread of this.threads) {
      thread.limit(torrent, UP, { peerBytesPerSec, lowered: false }, this.nowMs);
    }
  }

  unlimit(torrent: number): void {
    this.granter.forgetTorrent(torrent);
    for (const thread of this.threads) thread.limit(torrent, UP, undefined, this.nowMs);
  }

  add(thread: number, torrent: number, lineBytesPerSec: number): FakePeer {
    const peer = new FakePeer(torrent, lineBytesPerSec);
    this.peers.push(peer);
    this.threads[thread]?.join(peer, this.nowMs);
    return peer;
  }

  remove(thread: number, peer: FakePeer): void {
    this.threads[thread]?.leave(peer);
    peer.lineBytesPerSec = 0;
  }

  /** `lateMs`: by how much the next grants are late. */
  run(ms: number, lateMs: () => number = () => 0): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += STEP_MS;
      for (const peer of this.peers) peer.step(STEP_MS);
      if (this.nowMs >= this.nextGrantMs && this.granter.isBusy) {
        this.grant();
        this.nextGrantMs = this.nowMs + PERIOD_MS + lateMs();
      }
      this.samples.push({ atMs: this.nowMs, bytes: this.spent(this.peers) });
    }
  }

  spent(peers: readonly FakePeer[]): number {
    return peers.reduce((sum, { spentBytes }) => sum + spentBytes, 0);
  }

  /** The most and the least bytes of any window of `ms` after `fromMs`. */
  windows(ms: number, fromMs = 0): { readonly most: number; readonly least: number } {
    let most = 0;
    let least = Infinity;
    const steps = ms / STEP_MS;
    this.samples.forEach(({ atMs, bytes }, at) => {
      const before = this.samples[at - steps];
      if (before === undefined || before.atMs < fromMs || atMs - before.atMs !== ms) return;
      most = Math.max(most, bytes - before.bytes);
      least = Math.min(least, bytes - before.bytes);
    });
    return { most, least };
  }

  private grant(): void {
    const rows = this.threads.map((): number[] => []);
    for (const { thread, torrent, blocks } of this.granter.grant(this.nowMs)) {
      rows[thread]?.push(torrent, UP, blocks);
      this.grants += 1;
    }
    this.threads.forEach((thread, at) => {
      if ((rows[at] ?? []).length >= GRANT_ROW) thread.grant(rows[at] ?? [], this.nowMs);
    });
  }

  private report(thread: number, rows: readonly number[]): void {
    for (let row = 0; row < rows.length; row += REPORT_ROW) {
      const [torrent = 0, , active = 0, wantBlocks = 0, usedBytes = 0, returnedBytes = 0] =
        rows.slice(row, row + REPORT_ROW);
      this.granter.report({ thread, torrent, active, wantBlocks, usedBytes, returnedBytes });
    }
  }
}
