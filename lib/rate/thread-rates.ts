// The rate limits of one peer thread: its limited torrents, their dealers, and the reports on its grants.

import { Dealer } from './dealer';
import type { Allowance, Dealing, Spender } from './dealer';

export const DOWN = 0;
export const UP = 1;
export type Direction = typeof DOWN | typeof UP;

/** A connection that takes part while its torrent is limited. */
export interface RatedPeer {
  /** The number of its torrent. */
  readonly torrent: number;
  /** Its spender in this direction. */
  spender(direction: Direction): Spender;
  /** The limit of its downloads is new, or lower than before. */
  onLowered(): void;
  /** Its allowance; undefined: no limit. */
  allow(direction: Direction, allowance: Allowance | undefined): void;
}

/** A limited direction of a torrent. */
interface Gate {
  readonly dealer: Dealer;
  readonly allowances: Map<RatedPeer, Allowance>;
}

/** A grant is three numbers, a report six: torrent and direction, then the figures. */
export const GRANT_ROW = 3;
export const REPORT_ROW = 6;

export class ThreadRates {
  private readonly report: (rows: number[]) => void;
  private readonly peers = new Map<number, Set<RatedPeer>>();
  /** By torrent, for each direction. */
  private readonly gates = [new Map<number, Gate>(), new Map<number, Gate>()] as const;

  /** `report`: sends rows of torrent, direction, active, wantBlocks, usedBytes, returnedBytes. */
  constructor(report: (rows: number[]) => void) {
    this.report = report;
  }

  join(peer: RatedPeer, nowMs: number): void {
    const peers = this.peers.get(peer.torrent);
    if (peers === undefined) this.peers.set(peer.torrent, new Set([peer]));
    else peers.add(peer);
    for (const direction of [DOWN, UP] as const) {
      const gate = this.gates[direction].get(peer.torrent);
      if (gate !== undefined) admit(gate, peer, direction, nowMs);
    }
  }

  /** Its connection has ended; its spenders still give the credit that it has used. */
  leave(peer: RatedPeer): void {
    const peers = this.peers.get(peer.torrent);
    peers?.delete(peer);
    if (peers?.size === 0) this.peers.delete(peer.torrent);
    for (const gates of this.gates) {
      const { dealer, allowances } = gates.get(peer.torrent) ?? {};
      const allowance = allowances?.get(peer);
      if (allowance === undefined) continue;
      allowances?.delete(peer);
      dealer?.leave(allowance);
    }
  }

  /** A direction of a torrent is limited from now on; undefined: no longer limited. */
  limit(
    torrent: number,
    direction: Direction,
    limit: { readonly peerBytesPerSec: number | undefined; readonly lowered: boolean } | undefined,
    nowMs: number,
  ): void {
    if (limit === undefined) return this.unlimit(torrent, direction);
    const peers = this.peers.get(torrent) ?? new Set();
    if (limit.lowered && direction === DOWN) for (const peer of peers) peer.onLowered();
    let gate = this.gates[direction].get(torrent);
    if (gate === undefined) {
      const dealer = new Dealer(() => this.demand(torrent, direction, dealer));
      gate = { dealer, allowances: new Map() };
      this.gates[direction].set(torrent, gate);
    }
    gate.dealer.limitPeers(limit.peerBytesPerSec, nowMs);
    const { allowances } = gate;
    for (const peer of peers) {
      if (!allowances.has(peer)) admit(gate, peer, direction, nowMs);
    }
  }

  /** The torrent is closed. */
  forget(torrent: number): void {
    for (const direction of [DOWN, UP] as const) this.unlimit(torrent, direction);
  }

  private unlimit(torrent: number, direction: Direction): void {
    const gate = this.gates[direction].get(torrent);
    if (gate === undefined) return;
    this.gates[direction].delete(torrent);
    for (const [peer, allowance] of gate.allowances) {
      peer.allow(direction, undefined);
      if (allowance.waits) allowance.spender.goOn();
    }
  }

  /** Deals the credit of rows of torrent, direction, blocks; reports on the last one. */
  grant(rows: readonly number[], nowMs: number): void {
    const report: number[] = [];
    for (let row = 0; row < rows.length; row += GRANT_ROW) {
      const torrent = rows[row] ?? 0;
      const direction = rows[row + 1] === UP ? UP : DOWN;
      const blocks = rows[row + 2] ?? 0;
      const gate = this.gates[direction].get(torrent);
      if (gate === undefined) report.push(torrent, direction, 0, 0, 0, 0);
      else push(report, torrent, direction, gate.dealer.deal(blocks, nowMs));
    }
    this.report(report);
  }

  private demand(torrent: number, direction: Direction, dealer: Dealer): void {
    const report: number[] = [];
    push(report, torrent, direction, dealer.demand());
    this.report(report);
  }
}

function admit(gate: Gate, peer: RatedPeer, direction: Direction, nowMs: number): void {
  const spender = peer.spender(direction);
  const allowance = gate.dealer.join(spender, spender.spentBytes(), nowMs);
  gate.allowances.set(peer, allowance);
  peer.allow(direction, allowance);
}

function push(rows: number[], torrent: number, direction: Direction, dealing: Dealing): void {
  const { active, wantBlocks, usedBytes, returnedBytes } = dealing;
  rows.push(torrent, direction, active, wantBlocks, usedBytes, returnedBytes);
}
