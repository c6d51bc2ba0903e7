// The peer thread of a simulated node: real sessions over the simulated network. Its orders and
// facts are delayed, so that they can arrive late, as between real threads.

import { Bitfield } from '../../lib/bytes/bitfield';
import type { CloseReason } from '../../lib/messages/close-reasons';
import type { PeerContent, PeerFact, PeerOrder, PeerTorrent } from '../../lib/messages/peer-thread';
import { Geometry } from '../../lib/metainfo/geometry';
import type { ExtensionOrder } from '../../lib/peer/extensions/extension';
import { SwarmList } from '../../lib/peer/swarm-list';
import type { OpenTorrent } from '../../lib/net/open-torrent';
import type { SessionContent } from '../../lib/peer/session-types';
import { DOWN, ThreadRates, UP } from '../../lib/rate/thread-rates';
import { METADATA_PIECE_BYTES } from '../../lib/wire/metadata-message';
import { SimConnection } from './sim-connection';
import type { SimNode } from './sim-node';

/** The port on which every node listens. */
export const SIM_PORT = 6881;

/** Delay of a message from one thread to another. */
export const HOP_MS = 0.05;
/** Interval of `load` and `traffic` facts, in ticks. */
const REPORT_TICKS = 2;

export class SimPeerThread {
  readonly connections = new Map<number, SimConnection>();
  readonly rates = new ThreadRates((rows) => this.report({ type: 'rates', rows }));
  /** What it knows of the content. */
  content: SessionContent | undefined;
  /** The peers for peer exchange. */
  swarm: SwarmList | undefined;
  readonly port = SIM_PORT;
  /** What it knows of the info dictionary. */
  info: OpenTorrent['info'] = { bytes: undefined, wanted: false };
  readonly #node: SimNode;
  #facts: PeerFact[] = [];
  #orders: PeerOrder[] = [];
  #opened = false;
  #ticks = 0;
  #loadReported = false;
  /** Dead: the facts and orders on their way are lost. */
  #dead = false;

  constructor(node: SimNode) {
    this.#node = node;
  }

  /** It dies: its connections break. */
  die(): void {
    this.#dead = true;
    for (const connection of [...this.connections.values()]) connection.drop();
    this.connections.clear();
  }

  /** The machine is gone, and no connection is closed. */
  abandon(): void {
    this.#dead = true;
    for (const connection of this.connections.values()) connection.abandon();
    this.connections.clear();
  }

  #later(delayMs: number, run: () => void | Promise<void>): void {
    this.#node.later(delayMs, () => (this.#dead ? undefined : run()));
  }

  // ---- facts up, orders down ----

  report(fact: PeerFact): void {
    if (this.#facts.push(fact) > 1) return;
    this.#later(HOP_MS, () => {
      const facts = this.#facts;
      this.#facts = [];
      return this.#node.handleFacts(facts);
    });
  }

  order(order: PeerOrder): void {
    if (this.#orders.push(order) === 1) this.#later(HOP_MS, () => this.#carryOutOrders());
  }

  #carryOutOrders(): void {
    const orders = this.#orders;
    this.#orders = [];
    const touched = new Set<SimConnection>();
    for (const order of orders) {
      this.#node.swarm.noteOrder(this.#node, order);
      this.#carryOut(order, touched);
    }
    for (const connection of touched) connection.endTurn();
  }

  #carryOut(order: PeerOrder, touched: Set<SimConnection>): void {
    const on = (id: number): SimConnection | undefined => {
      const connection = this.connections.get(id);
      if (connection) touched.add(connection);
      return connection;
    };
    const { nowMs } = this.#node;
    const orderAll = (order: ExtensionOrder): void => {
      for (const connection of this.connections.values()) {
        touched.add(connection);
        connection.carryOut((session) => session.orderExtension(order, nowMs));
      }
    };
    switch (order.type) {
      case 'open-torrent':
        this.#opened = true;
        this.content = order.torrent.content && contentOf(order.torrent.content);
        this.swarm = order.torrent.private ? undefined : new SwarmList();
        this.info = infoOf(order.torrent);
        if (this.info.bytes) this.info.bytes = this.#said(this.info.bytes);
        return;
      case 'torrent-info':
        this.info.bytes = order.info && this.#said(new Uint8Array(order.info));
        this.info.wanted = false;
        return orderAll(order);
      case 'upload-only':
        this.info.uploadOnly = order.uploadOnly;
        return orderAll(order);
      case 'request-metadata':
        return on(order.connection)?.carryOut((session) => session.orderExtension(order, nowMs));
      case 'torrent-content': {
        const content = contentOf(order.content);
        this.content = content;
        for (const connection of this.connections.values()) {
          touched.add(connection);
          connection.carryOut((session) => session.open(content, nowMs));
        }
        return;
      }
      case 'close-torrent':
        this.#opened = false;
        this.content = undefined;
        this.rates.forget(order.torrent);
        for (const connection of [...this.connections.values()])
          connection.close(order.reason, 'the torrent was closed');
        this.report({ type: 'torrent-closed', torrent: order.torrent });
        return;
      case 'swarm':
        this.swarm?.update(order.ipv4, order.ipv6);
        return;
      case 'torrent-private':
        this.swarm?.close();
        return orderAll(order);
      case 'dial':
        return this.#dial(order.dial, order.host);
      case 'lease':
        return on(order.lease.connection)?.carryOut((session) => {
          if (session.download.peerChokes) this.#node.count('lease while choked');
          session.lease(order.lease, nowMs);
        });
      case 'cancel-lease':
        return on(order.connection)?.carryOut((session) =>
          session.cancelLease(order.piece, order.generation, nowMs),
        );
      case 'have':
        for (const connection of this.connections.values())
          connection.carryOut((session) => {
            if (session.haveAnnounced(order.pieces)) touched.add(connection);
          });
        return;
      case 'reveal':
        return on(order.connection)?.carryOut((session) => session.reveal(order.piece));
      case 'conceal':
        if (this.content) this.content = { ...this.content, concealed: order.concealed };
        if (order.concealed) return;
        for (const connection of this.connections.values()) {
          touched.add(connection);
          connection.carryOut((session) => session.revealAll());
        }
        return;
      case 'interest':
        return on(order.connection)?.carryOut((session) =>
          session.setInterested(order.interested, nowMs),
        );
      case 'choke':
        return on(order.connection)?.carryOut((session) => session.setChoked(order.choked));
      case 'limit-rates':
        this.rates.limit(order.torrent, DOWN, order.down, nowMs);
        return this.rates.limit(order.torrent, UP, order.up, nowMs);
      case 'grant-rates':
        return this.rates.grant(order.rows, nowMs);
      case 'allow-fast':
        return on(order.connection)?.carryOut((session) => session.allowFast(order.pieces));
      case 'close':
        return this.connections.get(order.connection)?.close(order.reason, 'by order');
      case 'ip-filter': // No simulated swarm has one.
      case 'listen':
      case 'listen-port':
      case 'stop':
        return;
    }
  }

  /** The info dictionary that it sends: the right one, or a wrong one by the option `metadataLie`. */
  #said(info: Uint8Array): Uint8Array {
    const { metadataLie } = this.#node.options;
    if (metadataLie === undefined) return info;
    const lie = new Uint8Array(info.length + (metadataLie === 'length' ? 1 : 0));
    lie.set(info);
    const step = metadataLie === 'some' ? 2 : 1;
    for (let at = 0; at < lie.length; at += step * METADATA_PIECE_BYTES) lie[at] = 0;
    return lie;
  }

  // ---- connections ----

  #dial(dial: number, host: string): void {
    const node = this.#node;
    node.dials++;
    const { network } = node.swarm;
    const target = node.swarm.find(host);
    const fail = (reason: CloseReason, afterMs: number): void =>
      this.#later(afterMs, () => this.report({ type: 'dial-failed', dial, reason, detail: '' }));
    if (!target?.dialable || target.gone) return fail('dial-timeout', 10_000);
    // Connect and handshake: the listener connects half a round trip before the dialler.
    const latencyMs = network.latencyMs(node, target);
    this.#later(3 * latencyMs, () => {
      if (target.gone || !network.reaches(node, target)) return fail('dial-timeout', 10_000);
      if (!target.thread.#opened || !this.#opened) return fail('remote-closed', latencyMs);
      const theirs = target.thread.#accept(node, undefined);
      theirs.start();
      node.clock.after(latencyMs, () => {
        if (node.gone) return;
        if (this.#dead) return theirs.close('remote-closed', 'the dialler died');
        const mine = this.#accept(target, dial);
        mine.other = theirs;
        theirs.other = mine;
        mine.start();
        theirs.linked();
        if (!theirs.open) mine.close('remote-closed', 'closed');
      });
    });
  }

  #accept(peer: SimNode, dial: number | undefined): SimConnection {
    const node = this.#node;
    const fast = (node.options.fast ?? true) && (peer.options.fast ?? true);
    const id = node.nextConnection();
    const port = dial === undefined ? 50_000 + id : SIM_PORT;
    const connection = new SimConnection(id, node, this, {
      remote: { host: peer.host, port },
      fast,
    });
    this.connections.set(connection.id, connection);
    this.report({
      type: 'connected',
      connection: connection.id,
      torrent: node.state.id,
      ...(dial === undefined ? {} : { dial }),
      host: peer.host,
      port,
      peerId: peer.engine.state.peerId,
      fast,
    });
    return connection;
  }

  forget(connection: SimConnection): void {
    this.connections.delete(connection.id);
  }

  // ---- time ----

  tick(): void {
    for (const connection of [...this.connections.values()]) connection.tick();
    if (this.#ticks++ % REPORT_TICKS !== 0) return;
    const rows: number[] = [];
    for (const connection of this.connections.values()) connection.pushTraffic(rows);
    if (rows.length > 0) this.report({ type: 'traffic', rows });
    this.#reportLoad();
  }

  /** As `net/traffic-reports`: once more after the last download. */
  #reportLoad(): void {
    const rows: number[] = [];
    for (const { session } of this.connections.values())
      session.download.pushLoad(rows, this.#node.nowMs);
    if (rows.length > 0 || this.#loadReported) this.report({ type: 'load', busy: 0, rows });
    this.#loadReported = rows.length > 0;
  }
}

function infoOf({
  info,
  content,
  uploadOnly,
  private: isPrivate,
}: PeerTorrent): OpenTorrent['info'] {
  const wanted = info === undefined && content === undefined && !isPrivate;
  return { bytes: info && new Uint8Array(info), wanted, uploadOnly: uploadOnly ?? false };
}

function contentOf(content: PeerContent): SessionContent {
  const { pieceCount, concealed = false } = content;
  const bytes = new Uint8Array(content.have, 0, Bitfield.byteLength(pieceCount));
  const have = new Bitfield(pieceCount, bytes);
  return { geometry: new Geometry(content), have, concealed };
}
