// One client of a simulated swarm: the real handlers of the coordinator, the real sessions, a link
// with a speed, and a verify pool that takes time. Orders and facts are delayed, too, so that they
// can arrive late, as between real threads.

import { Bitfield } from '../../lib/bytes/bitfield';
import { isKnown } from '../../lib/coordinator/state';
import type { KnownTorrent, TorrentState } from '../../lib/coordinator/state';
import { TICK_MS } from '../../lib/coordinator/tick';
import { removed } from '../../lib/coordinator/torrent/removing';
import type { CloseReason } from '../../lib/messages/close-reasons';
import type { PeerContent, PeerFact, PeerOrder } from '../../lib/messages/peer-thread';
import { Geometry } from '../../lib/metainfo/geometry';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import type { SessionContent } from '../../lib/peer/session-types';
import { writePieceHeader } from '../../lib/wire/encoder';
import { PIECE_HEADER_LENGTH_BYTES } from '../../lib/wire/messages';
import type { SimClock } from './sim-clock';
import { SimConnection } from './sim-connection';
import { SIM_SETTINGS, SimEngine, settled } from './sim-engine';
import type { PendingJob } from './sim-engine';
import type { SimSwarm } from './sim-swarm';
import { seededRandom } from './sim-torrent';
import { runVerifyJob } from './sim-verify';

/** The port on which every node listens. */
export const SIM_PORT = 6881;

/** Delay of a message from one thread to another. */
const HOP_MS = 0.05;
/** Tick interval of a peer thread. */
const PEER_TICK_MS = 125;
/** Bytes that a verify worker hashes, and writes, in a millisecond. */
const VERIFY_BYTES_PER_MS = 400_000;

export interface SimNodeOptions {
  /** Bytes per second that the node can send. Default 10 MB/s. */
  readonly uplinkBytesPerSec?: number;
  /** One way, to every node. Default 10 ms. */
  readonly latencyMs?: number;
  readonly memoryBytes?: number;
  /** Pieces stored from the beginning. */
  readonly have?: 'all' | readonly number[];
  /** Stays after completion. Default true. */
  readonly seed?: boolean;
  /** Knows its torrent by its info hash alone for that long; default 0. */
  readonly learnsAfterMs?: number;
  /** Spoils every block of these pieces that it sends. */
  readonly spoils?: readonly number[];
  /** False: it is behind NAT. Default true. */
  readonly dialable?: boolean;
  readonly uploadSlots?: number;
  /** `reqq`: requests that a peer may have outstanding at this node. Default 500. */
  readonly requestQueue?: number;
  /** What its verify threads hash, and write, in a millisecond. Default 400,000 bytes of each. */
  readonly hashBytesPerMs?: number;
  readonly writeBytesPerMs?: number;
  /** Keeps a journal of its coordinator. */
  readonly record?: boolean;
}

export class SimNode {
  readonly swarm: SimSwarm;
  readonly clock: SimClock;
  readonly host: string;
  readonly options: SimNodeOptions;
  readonly engine: SimEngine;
  readonly stored: Uint8Array;
  readonly connections = new Map<number, SimConnection>();
  /** True once it has left the network without a message. */
  gone = false;
  /** True while other nodes can dial it. */
  dialable: boolean;
  /** Dials that it has begun. */
  dials = 0;
  /** When its torrent was complete; undefined until then. */
  completedMs: number | undefined;
  /** What its peer thread knows of the content. */
  content: SessionContent | undefined;
  #torrent: TorrentState | undefined;
  #counter = 0;
  #facts: PeerFact[] = [];
  #orders: PeerOrder[] = [];
  #pumping = false;
  #opened = false;
  #lastServed = 0;
  #peerTicks = 0;
  /** When each verify thread becomes free. */
  readonly #verifyFreeMs = new Array<number>(SIM_SETTINGS.verifyThreads).fill(0);
  /** Peer threads so far. */
  #threads = 1;

  constructor(swarm: SimSwarm, index: number, options: SimNodeOptions) {
    this.swarm = swarm;
    this.clock = swarm.clock;
    this.host = `10.0.${index >> 8}.${index & 255}`;
    this.options = options;
    this.dialable = options.dialable ?? true;
    const { metainfo, content } = swarm.torrent;
    this.stored = new Uint8Array(content.length);
    const have = new Bitfield(metainfo.pieceCount);
    if (options.have === 'all') have.setAll();
    else for (const piece of options.have ?? []) have.set(piece);
    for (let piece = have.nextSet(0); piece !== -1; piece = have.nextSet(piece + 1)) {
      const start = piece * metainfo.pieceLengthBytes;
      this.stored.set(content.subarray(start, start + metainfo.pieceLengthBytes), start);
    }
    this.engine = new SimEngine({
      seed: swarm.seed * 1000 + index,
      record: options.record ?? false,
      settings: {
        memoryBytes: options.memoryBytes ?? 1024 * 1024,
        uploadSlots: options.uploadSlots ?? 16,
        limits: { ...SIM_SETTINGS.limits, requestQueue: options.requestQueue ?? 500 },
      },
      onOrder: (_thread, order) => this.#onOrder(order),
      onJob: (job) => this.#onJob(job),
      onTimer: (delayMs, callback) => this.#onTimer(delayMs, callback),
    });
    this.engine.answerAnnounce = async (_url, request) => swarm.announce(this, request);
    this.#syncClock();
  }

  get torrent(): KnownTorrent {
    const { state } = this;
    if (!isKnown(state)) throw new Error('its content is not known');
    return state;
  }

  get state(): TorrentState {
    if (this.#torrent === undefined) throw new Error('the node has not started');
    return this.#torrent;
  }

  async start(): Promise<void> {
    this.#syncClock();
    const { metainfo } = this.swarm.torrent;
    const { seed = true, learnsAfterMs = 0 } = this.options;
    if (learnsAfterMs === 0) this.#torrent = await this.engine.add(metainfo, { seed });
    else {
      this.#torrent = await this.engine.addUnknown(metainfo, { seed });
      this.clock.after(learnsAfterMs, () => this.#learn(metainfo));
    }
    const jitter = seededRandom(this.swarm.seed + this.engine.random());
    this.clock.after(TICK_MS * jitter(), () => this.#tick());
    this.clock.after(PEER_TICK_MS * jitter(), () => this.#peerTick());
    await settled();
  }

  /** It gets to know its content, from wherever. */
  async #learn(metainfo: Metainfo): Promise<void> {
    if (this.gone) return;
    this.#syncClock();
    this.engine.happen({ type: 'metainfo', torrent: this.state, metainfo });
    await settled();
  }

  /** Makes another node known. */
  meet(other: SimNode): void {
    this.swarm.record(this, 'meet', other.host);
    this.#syncClock();
    const peers = [{ host: other.host, port: SIM_PORT }];
    this.engine.happen({ type: 'add-peers', torrent: this.state, peers });
  }

  /** Leaves cleanly: it is gone once its connections are closed. */
  async leave(): Promise<void> {
    this.swarm.record(this, 'leave');
    this.#syncClock();
    void removed(this.state).then(() => this.#goOnceAlone());
    this.engine.happen({ type: 'remove', torrent: this.state, forget: false });
    await settled();
  }

  /** Its user pauses the torrent. */
  async pause(): Promise<void> {
    this.swarm.record(this, 'pause');
    this.#syncClock();
    void this.engine.control.pause(this.state.id); // It waits for jobs, which take time.
    await settled();
  }

  /** Its user resumes the torrent. */
  async resume(): Promise<void> {
    this.swarm.record(this, 'resume');
    this.#syncClock();
    await this.engine.control.resume(this.state.id);
    await settled();
  }

  #goOnceAlone(): void {
    if (this.connections.size === 0) this.gone = true;
    else this.clock.after(HOP_MS, () => this.#goOnceAlone());
  }

  /** Disappears between two messages, like a machine that lost power. */
  vanish(): void {
    this.swarm.record(this, 'vanish');
    this.gone = true;
  }

  /**
   * The peer thread dies and another takes its place: connections break, and facts and orders on
   * their way are lost.
   */
  loseThread(): void {
    this.swarm.record(this, 'loseThread');
    this.#syncClock();
    this.#threads++;
    this.#facts = [];
    this.#orders = [];
    this.content = undefined;
    for (const connection of [...this.connections.values()]) connection.drop();
    this.connections.clear();
    const { engine } = this;
    engine.threadDies(0);
    engine.happen({ type: 'thread-restarted', thread: 0 });
  }

  // ---- facts up, orders down ----

  report(fact: PeerFact): void {
    if (this.#facts.push(fact) === 1) this.clock.after(HOP_MS, () => this.#handleFacts());
  }

  async #handleFacts(): Promise<void> {
    const facts = this.#facts;
    this.#facts = [];
    if (this.gone) return;
    this.#syncClock();
    for (const fact of facts) this.swarm.note(this, fact.type, fact);
    this.engine.facts(...facts);
    this.#noteEvents();
    // The end of a dial settles a promise.
    if (facts.some(({ type }) => type === 'connected' || type === 'dial-failed')) await settled();
  }

  #onOrder(order: PeerOrder): void {
    if (this.#orders.push(order) === 1) this.clock.after(HOP_MS, () => this.#carryOutOrders());
  }

  #carryOutOrders(): void {
    const orders = this.#orders;
    this.#orders = [];
    if (this.gone) return;
    const touched = new Set<SimConnection>();
    for (const order of orders) {
      this.swarm.note(this, order.type, order);
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
    const { nowMs } = this.clock;
    switch (order.type) {
      case 'open-torrent':
        this.#opened = true;
        this.content = order.torrent.content && contentOf(order.torrent.content);
        return;
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
        for (const connection of [...this.connections.values()])
          connection.close(order.reason, 'the torrent was closed');
        this.report({ type: 'torrent-closed', torrent: order.torrent });
        return;
      case 'dial':
        return this.#dial(order.dial, order.host);
      case 'lease':
        return on(order.lease.connection)?.carryOut((session) => session.lease(order.lease, nowMs));
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
      case 'interest':
        return on(order.connection)?.carryOut((session) =>
          session.setInterested(order.interested, nowMs),
        );
      case 'choke':
        return on(order.connection)?.carryOut((session) => session.setChoked(order.choked));
      case 'close':
        return this.connections.get(order.connection)?.close(order.reason, 'by order');
      case 'listen':
      case 'listen-port':
      case 'stop':
        return;
    }
  }

  // ---- connections ----

  #dial(dial: number, host: string): void {
    this.dials++;
    const target = this.swarm.find(host);
    const fail = (reason: CloseReason, afterMs: number): void =>
      this.clock.after(afterMs, () =>
        this.report({ type: 'dial-failed', dial, reason, detail: '' }),
      );
    const thread = this.#threads;
    if (!target?.dialable || target.gone) return fail('dial-timeout', 10_000);
    // Connect and handshake: the listener connects half a round trip before the dialler.
    const latencyMs = this.swarm.latencyMs(this, target);
    this.clock.after(3 * latencyMs, () => {
      if (this.gone) return;
      if (target.gone) return fail('dial-timeout', 10_000);
      if (!target.#opened || !this.#opened) return fail('remote-closed', latencyMs);
      const theirs = target.#accept(this, undefined);
      theirs.start();
      this.clock.after(latencyMs, () => {
        if (this.gone) return;
        if (thread !== this.#threads) return theirs.close('remote-closed', 'the dialler died');
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
    const connection = new SimConnection(32 * ++this.#counter, this);
    this.connections.set(connection.id, connection);
    this.report({
      type: 'connected',
      connection: connection.id,
      torrent: this.state.id,
      ...(dial === undefined ? {} : { dial }),
      host: peer.host,
      port: dial === undefined ? 50_000 + connection.id : SIM_PORT,
      peerId: peer.engine.state.peerId,
    });
    return connection;
  }

  forget(connection: SimConnection): void {
    this.connections.delete(connection.id);
  }

  // ---- uploads: one block at a time, turn and turn about ----

  serveSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.clock.after(0, () => this.#serveNext());
  }

  #serveNext(): void {
    this.#pumping = false;
    if (this.gone) return;
    const waiting = [...this.connections.values()].filter(
      ({ session, open }) => open && session.serving.waiting > 0,
    );
    const next = waiting.find(({ id }) => id > this.#lastServed) ?? waiting[0];
    if (!next) return;
    this.#lastServed = next.id;
    const { queue } = next.session.serving;
    const piece = queue.pieceAt(queue.first);
    const begin = queue.beginAt(queue.first);
    const lengthBytes = queue.lengthBytesAt(queue.first);
    queue.shift();
    const message = new Uint8Array(PIECE_HEADER_LENGTH_BYTES + lengthBytes);
    writePieceHeader(message, 0, piece, begin, lengthBytes);
    const at = piece * this.swarm.torrent.metainfo.pieceLengthBytes + begin;
    message.set(this.stored.subarray(at, at + lengthBytes), PIECE_HEADER_LENGTH_BYTES);
    if (this.options.spoils?.includes(piece)) message[20] = (message[20] ?? 0) ^ 0xff;
    next.session.noteServed(lengthBytes, this.clock.nowMs);
    this.#pumping = true;
    const uplink = this.options.uplinkBytesPerSec ?? 10_000_000;
    this.clock.after((message.length * 1000) / uplink, () => {
      if (!this.gone && next.open) next.send(message);
      this.#serveNext();
    });
  }

  // ---- verifying ----

  #onJob(pending: PendingJob): void {
    const { job, resolve } = pending;
    const bytes =
      'pieces' in job ? job.pieces.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0) : 0;
    const { hashBytesPerMs, writeBytesPerMs } = this.options;
    const hashMs = bytes / (hashBytesPerMs ?? VERIFY_BYTES_PER_MS);
    const storageMs = bytes / (writeBytesPerMs ?? VERIFY_BYTES_PER_MS);
    // One job per thread at a time; the others wait for the first free thread.
    const { nowMs } = this.clock;
    const next = this.#verifyFreeMs.indexOf(Math.min(...this.#verifyFreeMs));
    const endMs = Math.max(nowMs, this.#verifyFreeMs[next] ?? 0) + 1 + hashMs + storageMs;
    this.#verifyFreeMs[next] = endMs;
    this.clock.after(endMs - nowMs, async () => {
      if (this.gone) return;
      this.#syncClock();
      const result = runVerifyJob(job, this.engine.slab.bytes, this.stored);
      resolve({ ...result, hashMs, storageMs });
      await settled();
      this.#noteEvents();
    });
  }

  // ---- time ----

  async #tick(): Promise<void> {
    if (this.gone) return;
    this.#syncClock();
    // Only the ticks that the engine wants.
    if (this.engine.tickAtMs <= this.clock.nowMs) this.engine.pass(0);
    this.#noteEvents();
    await settled();
    this.clock.after(TICK_MS, () => this.#tick());
  }

  #onTimer(delayMs: number, callback: () => void): () => void {
    let cancelled = false;
    this.clock.after(delayMs, async () => {
      if (cancelled || this.gone) return;
      this.#syncClock();
      callback();
      await settled();
    });
    return () => (cancelled = true);
  }

  #peerTick(): void {
    if (this.gone) return;
    const rows: number[] = [];
    for (const connection of [...this.connections.values()]) connection.tick();
    for (const connection of this.connections.values()) connection.pushTraffic(rows);
    if (rows.length > 0) this.report({ type: 'traffic', rows });
    if (this.#peerTicks++ % 2 === 0) this.#reportLoad();
    this.clock.after(PEER_TICK_MS, () => this.#peerTick());
  }

  #reportLoad(): void {
    const rows: number[] = [];
    for (const { session } of this.connections.values())
      session.download.pushLoad(rows, this.clock.nowMs);
    this.report({ type: 'load', busy: 0, rows });
  }

  #syncClock(): void {
    this.engine.clockMs = this.clock.nowMs;
  }

  #noteEvents(): void {
    const { events } = this.engine;
    if (this.completedMs === undefined && events.some(({ type }) => type === 'complete'))
      this.completedMs = this.clock.nowMs;
    this.engine.events = events.filter(({ type }) => type !== 'stats');
  }
}

function contentOf(content: PeerContent): SessionContent {
  const { pieceCount } = content;
  const bytes = new Uint8Array(content.have, 0, Bitfield.byteLength(pieceCount));
  return { geometry: new Geometry(content), have: new Bitfield(pieceCount, bytes) };
}
