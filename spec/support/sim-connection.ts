// One end of a simulated connection: a real session, a writer, and the other end. Control messages
// take the link's latency; blocks wait for their node's uplink first.

import { EXTENSIONS } from '../../lib/peer/extensions/list';
import type { SessionOutput } from '../../lib/peer/session-types';
import { PeerSession } from '../../lib/peer/session';
import type { CloseReason } from '../../lib/messages/close-reasons';
import type { PeerFact } from '../../lib/messages/peer-thread';
import { WireWriter } from '../../lib/wire/encoder';
import type { SimNode } from './sim-node';

/** An order of the coordinator for a session. */
export type SessionOrder = (session: PeerSession) => void;

export class SimConnection implements SessionOutput {
  readonly id: number;
  readonly node: SimNode;
  readonly session: PeerSession;
  readonly writer = new WireWriter();
  other: SimConnection | undefined;
  /** Requests wait for the uplink. */
  wantsToServe = false;
  #reportedIn = 0;
  #reportedOut = 0;
  #reportedWaste = 0;
  #open = true;
  /** Bytes sent before the other end existed. */
  readonly #early: Uint8Array[] = [];

  constructor(id: number, node: SimNode) {
    this.id = id;
    this.node = node;
    this.session = new PeerSession(
      {
        connection: id,
        thread: 0,
        content: node.content,
        slab: node.engine.slab,
        table: node.engine.table,
        limits: node.engine.state.settings.limits,
        extensionProtocol: true,
        extensions: EXTENSIONS,
        clientName: 'sim',
        hashSeed: 1,
        writer: this.writer,
        output: this,
      },
      node.clock.nowMs,
    );
  }

  get open(): boolean {
    return this.#open;
  }

  start(): void {
    this.session.start(this.node.clock.nowMs);
    this.flush();
  }

  /** Handles bytes that came over the link. */
  receive(bytes: Uint8Array): void {
    if (!this.#open || this.node.gone) return;
    this.session.receive(bytes, 0, bytes.length, this.node.clock.nowMs);
    this.flush();
  }

  carryOut(order: SessionOrder): void {
    if (this.#open) order(this.session);
  }

  endTurn(): void {
    if (!this.#open) return;
    this.session.endTurn();
    this.flush();
  }

  tick(): void {
    if (!this.#open) return;
    const { nowMs } = this.node.clock;
    if (nowMs >= this.session.nextDeadlineMs) this.session.tick(nowMs);
    this.flush();
  }

  /** Sends control messages; the node sends blocks, one at a time. */
  flush(): void {
    const bytes = this.writer.take();
    if (bytes !== undefined && this.#open) {
      this.session.noteSent(this.node.clock.nowMs);
      this.send(bytes);
      if (this.session.isAnnouncing) this.node.clock.after(0, () => this.announceOn());
    }
    if (this.wantsToServe) this.node.serveSoon();
  }

  announceOn(): void {
    this.session.announceOn();
    this.flush();
  }

  send(bytes: Uint8Array): void {
    const { other, node } = this;
    if (other) node.swarm.travel(node, other.node, () => other.receive(bytes));
    else this.#early.push(bytes);
  }

  /** The other end exists now: sends the bytes that waited for it. */
  linked(): void {
    for (const bytes of this.#early.splice(0)) this.other?.receive(bytes);
  }

  pushTraffic(rows: number[]): void {
    const { downloadedBytes, wastedBytes } = this.session.download;
    const inBytes = downloadedBytes - this.#reportedIn;
    const outBytes = this.session.uploadedBytes - this.#reportedOut;
    if (inBytes === 0 && outBytes === 0) return;
    rows.push(this.id, inBytes, outBytes, wastedBytes - this.#reportedWaste);
    this.#reportedIn = downloadedBytes;
    this.#reportedOut = this.session.uploadedBytes;
    this.#reportedWaste = wastedBytes;
  }

  /** The owning thread is gone: only the other end gets a close. */
  drop(): void {
    if (!this.#open) return;
    this.#open = false;
    const { other, node } = this;
    node.swarm.travel(node, other?.node, () => other?.close('remote-closed', 'broken'));
  }

  // ---- SessionOutput ----

  fact(fact: PeerFact): void {
    this.node.report(fact);
  }

  serve(): void {
    this.wantsToServe = true;
  }

  close(reason: CloseReason, detail: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.session.close(reason, detail);
    const rows: number[] = [];
    this.pushTraffic(rows);
    if (rows.length > 0) this.node.report({ type: 'traffic', rows });
    this.node.report({
      type: 'closed',
      connection: this.id,
      reason,
      detail,
      downloadedBytes: this.session.download.downloadedBytes,
      uploadedBytes: this.session.uploadedBytes,
    });
    this.node.forget(this);
    const { other, node } = this;
    node.swarm.travel(node, other?.node, () => other?.close('remote-closed', 'closed'));
  }
}
