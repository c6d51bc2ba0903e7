// What a peer thread reports of its connections four times a second: bytes, and what limits the
// downloads.

import type { PeerFact } from '../messages/peer-thread';
import type { Connection } from './connection';

/** Interval of `traffic` facts. */
const INTERVAL_MS = 250;

export class TrafficReports {
  private readonly send: (fact: PeerFact) => void;
  private readonly loopBusy: () => number;
  private lastMs: number;
  private loadReported = false;

  /** `loopBusy`: utilisation of the event loop since the last call, 0 to 1. */
  constructor(send: (fact: PeerFact) => void, loopBusy: () => number, nowMs: number) {
    this.send = send;
    this.loopBusy = loopBusy;
    this.lastMs = nowMs;
  }

  /** Downloads were reported: one more report must say that they are over. */
  get isOneDue(): boolean {
    return this.loadReported;
  }

  /** Called every `tickMs`. */
  tick(connections: ReadonlyMap<number, Connection>, nowMs: number, tickMs: number): void {
    // A tick early is as good as a tick late, and keeps the average interval right.
    if (nowMs - this.lastMs < INTERVAL_MS - tickMs / 2) return;
    this.lastMs = nowMs;
    const rows: number[] = [];
    for (const connection of connections.values()) connection.pushTraffic(rows);
    if (rows.length > 0) this.send({ type: 'traffic', rows });
    this.reportLoad(connections, nowMs);
  }

  private reportLoad(connections: ReadonlyMap<number, Connection>, nowMs: number): void {
    const busy = this.loopBusy();
    const rows: number[] = [];
    for (const { session } of connections.values()) session?.download.pushLoad(rows, nowMs);
    // Once more after the last download: nothing is in flight any longer.
    if (rows.length > 0 || this.loadReported) this.send({ type: 'load', busy, rows });
    this.loadReported = rows.length > 0;
  }
}
