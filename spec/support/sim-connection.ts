// One end of a simulated connection: a real session, a writer, and the other end. Control messages
// leave at once; blocks wait for their node's uplink first.

import { EXTENSIONS } from '../../lib/peer/extensions/list';
import type { SessionOutput } from '../../lib/peer/session-types';
import { PeerSession } from '../../lib/peer/session';
import type { CloseReason } from '../../lib/messages/close-reasons';
import type { PeerFact } from '../../lib/messages/peer-thread';
import { SessionRates } from '../../lib/peer/session-rates';
import type { RatedDriver } from '../../lib/peer/session-rates';
import { TrafficRow } from '../../lib/net/traffic-row';
import type { EndPoint } from '../../lib/transport/stream';
import { WireWriter } from '../../lib/wire/encoder';
import type { SimNode } from './sim-node';
import type { SimPeerThread } from './sim-peer-thread';

/** Sees all control messages of one end, and the requests that it serves. */
export interface WireWatch {
  sent(bytes: Uint8Array): void;
  received(bytes: Uint8Array): void;
  served(piece: number, begin: number, lengthBytes: number): void;
}

/** An order of the coordinator for a session. */
export type SessionOrder = (session: PeerSession) => void;

export class SimConnection implements SessionOutput, RatedDriver {
  readonly id: number;
  readonly node: SimNode;
  readonly thread: SimPeerThread;
  readonly session: PeerSession;
  readonly writer = new WireWriter();
  other: SimConnection | undefined;
  /** Judges what this end sends; undefined without a referee. */
  readonly watch: WireWatch | undefined;
  /** When the last message of this end arrives at the other. */
  lastMs = 0;
  readonly #rates: SessionRates;
  readonly #traffic = new TrafficRow();
  #open = true;
  /** Its machine has lost the connection without a message: the other end notices when it sends. */
  #abandoned = false;
  /** Bytes sent before the other end existed. */
  readonly #early: Uint8Array[] = [];
  /** What waits while a rate limit holds back reading; undefined while it does not. */
  #unread: Uint8Array[] | undefined;

  constructor(
    id: number,
    node: SimNode,
    thread: SimPeerThread,
    { remote, fast }: { readonly remote: EndPoint; readonly fast: boolean },
  ) {
    this.id = id;
    this.node = node;
    this.thread = thread;
    this.watch = node.swarm.watchWire?.(node, fast);
    this.session = new PeerSession(
      {
        connection: id,
        thread: 0,
        remote,
        swarm: thread.swarm,
        content: thread.content,
        info: thread.info,
        slab: node.engine.slab,
        table: node.engine.table,
        limits: node.engine.state.settings.limits,
        extensionProtocol: true,
        fast,
        extensions: node.options.extensions ?? EXTENSIONS,
        clientName: 'sim',
        listenPort: thread.port,
        hashSeed: 1,
        writer: this.writer,
        output: this,
      },
      node.nowMs,
    );
    this.#rates = new SessionRates(node.state.id, this.session, this);
    thread.rates.join(this.#rates, node.nowMs);
  }

  get open(): boolean {
    return this.#open;
  }

  start(): void {
    this.session.start(this.node.nowMs);
    this.flush();
  }

  /** Handles bytes that came over the link. */
  receive(bytes: Uint8Array): void {
    if (this.#abandoned)
      return this.#travel(0, (other) => other.close('connection-error', 'reset'));
    if (!this.#open || this.node.gone) return;
    if (this.#unread !== undefined) {
      this.#unread.push(bytes.slice());
      return;
    }
    this.watch?.received(bytes);
    this.session.receive(bytes, 0, bytes.length, this.node.nowMs);
    this.flush();
    if (!this.session.download.isHeldBack) return;
    this.#unread = [];
    this.session.download.allowance?.wait();
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
    const { nowMs } = this.node;
    if (this.#unread !== undefined) this.session.excuse(nowMs);
    if (!this.#open || nowMs < this.session.nextDeadlineMs) return;
    this.session.tick(nowMs);
    this.flush();
  }

  /** Sends control messages; the uplink sends blocks, one at a time. */
  flush(): void {
    const bytes = this.writer.take();
    if (bytes === undefined || !this.#open) return;
    this.session.noteSent(this.node.nowMs);
    this.watch?.sent(bytes);
    if (this.other) this.#travel(bytes.length, (other) => other.receive(bytes));
    else this.#early.push(bytes);
    if (this.session.isWriting) this.node.later(0, () => this.writeOn());
  }

  writeOn(): void {
    this.session.writeOn(this.node.nowMs);
    this.flush();
  }

  sendBlock(message: Uint8Array): void {
    this.#travel(message.length, (other) => {
      other.receive(message);
      this.node.swarm.buffers.giveBack(message);
    });
  }

  /** The other end exists now: sends the bytes that waited for it. */
  linked(): void {
    for (const bytes of this.#early.splice(0)) this.other?.receive(bytes);
  }

  #travel(lengthBytes: number, arrive: (other: SimConnection) => void): void {
    const { other, node } = this;
    if (!other) return;
    const parcel = { from: node, to: other.node, flow: this, lengthBytes };
    node.swarm.network.send({ ...parcel, arrive: () => arrive(other) });
  }

  pushTraffic(rows: number[]): void {
    this.#traffic.push(rows, this.session);
  }

  /** The owning thread is gone: only the other end gets a close. */
  drop(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#travel(0, (other) => other.close('remote-closed', 'broken'));
  }

  /** The owning machine is gone: the other end notices only when it sends something. */
  abandon(): void {
    this.#open = false;
    this.#abandoned = true;
  }

  /** Something between the two ends it: both see an error. */
  reset(): void {
    this.#end('connection-error', 'reset', 'connection-error');
  }

  // ---- RatedDriver ----

  requestMore(): void {
    const unread = this.#unread ?? [];
    this.#unread = undefined;
    for (const bytes of unread) this.receive(bytes);
    this.session.goOn(this.node.nowMs);
    this.flush();
  }

  serveMore(): void {
    if (this.session.serving.waiting > 0) this.serve();
  }

  // ---- SessionOutput ----

  fact(fact: PeerFact): void {
    this.thread.report(fact);
  }

  serve(): void {
    this.node.uplink.serve(this);
  }

  close(reason: CloseReason, detail: string): void {
    this.#end(reason, detail, 'remote-closed');
  }

  #end(reason: CloseReason, detail: string, theirs: CloseReason): void {
    if (!this.#open) return;
    this.#open = false;
    this.session.close(reason, detail);
    const rows: number[] = [];
    this.pushTraffic(rows);
    if (rows.length > 0) this.thread.report({ type: 'traffic', rows });
    this.thread.report({
      type: 'closed',
      connection: this.id,
      reason,
      detail,
      downloadedBytes: this.session.download.downloadedBytes,
      uploadedBytes: this.session.uploadedBytes,
    });
    this.thread.rates.leave(this.#rates);
    this.thread.forget(this);
    this.#travel(0, (other) => other.close(theirs, 'closed'));
  }
}
