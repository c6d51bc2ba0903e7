// One client of a simulated swarm: the real handlers of the coordinator, a peer thread with real
// sessions, a line to the network, and verify threads that take time.

import { Bitfield } from '../../lib/bytes/bitfield';
import { isKnown } from '../../lib/coordinator/state';
import type { KnownTorrent, TorrentState } from '../../lib/coordinator/state';
import { TICK_MS } from '../../lib/coordinator/tick';
import { removed } from '../../lib/coordinator/torrent/removing';
import type { PeerFact } from '../../lib/messages/peer-thread';
import type { LimitChange } from '../../lib/messages/rates';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import type { SimClock } from './sim-clock';
import type { SimConnection } from './sim-connection';
import { ON_DISK } from './sim-disk';
import { SIM_SETTINGS, SimEngine, settled } from './sim-engine';
import { Downlink } from './sim-network';
import type { SimNodeOptions } from './sim-options';
import { HOP_MS, SIM_PORT, SimPeerThread } from './sim-peer-thread';
import type { SimSwarm } from './sim-swarm';
import { seededRandom } from './sim-torrent';
import { SimUplink } from './sim-uplink';
import { SimWorkers } from './sim-workers';

/** Tick interval of a peer thread. */
const PEER_TICK_MS = 125;

export class SimNode {
  readonly swarm: SimSwarm;
  readonly clock: SimClock;
  readonly host: string;
  readonly options: SimNodeOptions;
  /** The present one; a restart brings another. */
  engine: SimEngine;
  readonly stored: Uint8Array;
  readonly uplink: SimUplink;
  readonly downlink: Downlink;
  readonly workers: SimWorkers;
  /** The present one; each death brings another. */
  thread: SimPeerThread;
  /** How often each fact occurred, by its type and variant; also rare events. */
  readonly seen = new Map<string, number>();
  /** True once it has left the network without a message. */
  gone = false;
  /** True while other nodes can dial it. */
  dialable: boolean;
  /** Dials that it has begun. */
  dials = 0;
  /** Its clock is ahead of that of the swarm: its machine slept. */
  aheadMs = 0;
  /** When its torrent was complete; undefined until then. */
  completedMs: number | undefined;
  #torrent: TorrentState | undefined;
  #connections = 0;
  /** Number of its engine's events that were looked at. */
  #eventsSeen = 0;
  readonly #index: number;
  /** Processes so far. */
  #processes = 0;

  constructor(swarm: SimSwarm, index: number, options: SimNodeOptions) {
    this.swarm = swarm;
    this.#index = index;
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
    this.thread = new SimPeerThread(this);
    this.uplink = new SimUplink(this);
    this.downlink = new Downlink(options.downlinkBytesPerSec);
    this.workers = new SimWorkers(this);
    this.engine = this.#newEngine();
  }

  /** A process starts; its peer id is new. */
  #newEngine(): SimEngine {
    const { options, swarm } = this;
    const { maxConnectionsPerTorrent, limits } = SIM_SETTINGS;
    const engine = new SimEngine({
      seed: swarm.seed * 1000 + this.#index + 100_000_000 * this.#processes++,
      record: options.record ?? false,
      settings: {
        memoryBytes: options.memoryBytes ?? 1024 * 1024,
        uploadSlots: options.uploadSlots ?? 16,
        ...options.rateLimits,
        maxConnectionsPerTorrent: options.maxConnections ?? maxConnectionsPerTorrent,
        limits: { ...limits, requestQueue: options.requestQueue ?? 500 },
      },
      onOrder: (_thread, order) => this.thread.order(order),
      onJob: (job) => this.workers.run(job),
      onTimer: (delayMs, callback) => this.#onTimer(delayMs, callback),
      onLog: (_level, message) => this.swarm.observer?.onLog(this, message),
    });
    engine.answerAnnounce = async (_url, request) => swarm.announce(this, request);
    engine.clockMs = this.nowMs;
    return engine;
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

  get connections(): ReadonlyMap<number, SimConnection> {
    return this.thread.connections;
  }

  /** Numbers of connections belong to thread 0, and none is used twice. */
  nextConnection(): number {
    return 32 * ++this.#connections;
  }

  async start(): Promise<void> {
    this.syncClock();
    const { infoBytes, ...undescribed } = this.swarm.torrent.metainfo;
    const metainfo =
      this.swarm.servesMetadata && infoBytes ? { ...undescribed, infoBytes } : undescribed;
    const { seed = true, superSeed = false, learnsAfterMs = 0, onDisk = false } = this.options;
    const request = { seed, superSeed, ...(onDisk && ON_DISK) };
    if (this.options.magnet) this.#torrent = await this.engine.addUnknown(metainfo, request);
    else if (learnsAfterMs === 0) this.#torrent = await this.engine.add(metainfo, request);
    else {
      this.#torrent = await this.engine.addUnknown(metainfo, request);
      this.later(learnsAfterMs, () => this.#learn(metainfo));
    }
    const jitter = seededRandom(this.swarm.seed + this.engine.random());
    this.later(TICK_MS * jitter(), () => this.#tick());
    this.later(PEER_TICK_MS * jitter(), () => this.#peerTick());
    await settled();
  }

  /** It gets to know its content, from wherever. */
  async #learn(metainfo: Metainfo): Promise<void> {
    this.syncClock();
    this.engine.happen({ type: 'metainfo', torrent: this.state, metainfo });
    await settled();
  }

  /** Makes other nodes known. */
  meet(...others: readonly SimNode[]): void {
    const hosts = others.map(({ host }) => host);
    this.swarm.record(this, 'meet', hosts.join(' '));
    this.syncClock();
    const peers = hosts.map((host) => ({ host, port: SIM_PORT }));
    this.engine.happen({ type: 'add-peers', torrent: this.state, peers });
  }

  /** Leaves cleanly: it is gone once its connections are closed. */
  async leave(): Promise<void> {
    this.swarm.record(this, 'leave');
    this.syncClock();
    void removed(this.state).then(() => this.#goOnceAlone());
    this.engine.happen({ type: 'remove', torrent: this.state, forget: false });
    await settled();
  }

  /** Its user pauses the torrent. */
  async pause(): Promise<void> {
    this.swarm.record(this, 'pause');
    this.syncClock();
    void this.engine.control.pause(this.state.id); // It waits for jobs, which take time.
    await settled();
  }

  /** Its user resumes the torrent. */
  async resume(): Promise<void> {
    this.swarm.record(this, 'resume');
    this.syncClock();
    await this.engine.control.resume(this.state.id);
    await settled();
  }

  /** Its user changes the rate limits of the engine. */
  async setLimits(limits: LimitChange): Promise<void> {
    this.swarm.record(this, 'setLimits', JSON.stringify(limits));
    this.syncClock();
    await this.engine.control.setLimits(undefined, limits, undefined);
    await settled();
  }

  #goOnceAlone(): void {
    if (this.connections.size === 0) this.gone = true;
    else this.later(HOP_MS, () => this.#goOnceAlone());
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
    this.syncClock();
    this.thread.die();
    this.thread = new SimPeerThread(this);
    const { engine } = this;
    engine.threadDies(0);
    engine.happen({ type: 'thread-restarted', thread: 0 });
  }

  /** Its process is killed; `power`: the machine stops, and its connections are not closed. */
  crash({ power }: { readonly power: boolean }): void {
    this.swarm.record(this, 'crash', power ? 'power' : 'kill');
    if (power) this.thread.abandon();
    else this.thread.die();
    this.gone = true;
    this.uplink.clear();
    this.workers.end(power ? () => this.swarm.random() < 0.5 : undefined);
  }

  /** It starts again after a crash, with what its disk holds; `torn`: its record is unreadable. */
  async restart({ torn }: { readonly torn: boolean }): Promise<void> {
    this.swarm.record(this, 'restart', torn ? 'torn' : '');
    const { disk } = this.engine;
    this.gone = false;
    this.completedMs = undefined;
    this.#eventsSeen = 0;
    this.thread = new SimPeerThread(this);
    this.engine = this.#newEngine();
    this.engine.disk.resume = (shape) => disk.resumed(shape, torn);
    if (!torn) this.engine.disk.saved = disk.saved;
    await this.start();
  }

  /** Its machine slept, or its time of day was set. */
  jump(aheadMs: number, wallAheadMs: number): void {
    this.swarm.record(this, 'jump', `${aheadMs} ${wallAheadMs}`);
    this.aheadMs += aheadMs;
    this.engine.wallAheadMs += wallAheadMs;
  }

  /** Starts of its process after the first. */
  get restarts(): number {
    return this.#processes - 1;
  }

  /** The piece is on its disk, byte for byte. */
  hasStored(piece: number): boolean {
    const { metainfo, content } = this.swarm.torrent;
    const start = piece * metainfo.pieceLengthBytes;
    const end = start + metainfo.pieceLengthBytes;
    return content.subarray(start, end).equals(this.stored.subarray(start, end));
  }

  /** Its clock. */
  get nowMs(): number {
    return this.clock.nowMs + this.aheadMs;
  }

  /** Schedules something that happens unless its process has ended by then. */
  later(delayMs: number, run: () => void | Promise<void>): void {
    const process = this.#processes;
    this.clock.after(delayMs, () => (this.gone || process !== this.#processes ? undefined : run()));
  }

  // ---- what its threads report ----

  async handleFacts(facts: readonly PeerFact[]): Promise<void> {
    this.syncClock();
    for (const fact of facts) {
      this.swarm.noteFact(this, fact);
      this.count(nameOf(fact));
    }
    this.engine.facts(...facts);
    this.noteEvents();
    // The end of a dial settles a promise.
    if (facts.some(({ type }) => type === 'connected' || type === 'dial-failed')) await settled();
  }

  count(name: string): void {
    this.seen.set(name, (this.seen.get(name) ?? 0) + 1);
  }

  // ---- time ----

  async #tick(): Promise<void> {
    this.syncClock();
    // Only the ticks that the engine wants.
    if (this.engine.tickAtMs <= this.nowMs) {
      this.engine.pass(0);
      this.swarm.observer?.onTick(this);
      this.noteEvents();
      await settled();
    }
    this.later(TICK_MS, () => this.#tick());
  }

  #onTimer(delayMs: number, callback: () => void): () => void {
    let cancelled = false;
    this.later(delayMs, async () => {
      if (cancelled) return;
      this.syncClock();
      callback();
      await settled();
    });
    return () => (cancelled = true);
  }

  #peerTick(): void {
    this.thread.tick();
    this.later(PEER_TICK_MS, () => this.#peerTick());
  }

  syncClock(): void {
    this.engine.clockMs = this.nowMs;
  }

  /** Looks at the new events of its engine; figures are dropped. */
  noteEvents(): void {
    const { events } = this.engine;
    let kept = this.#eventsSeen;
    for (let at = kept; at < events.length; at++) {
      const event = events[at];
      if (event === undefined || event.type === 'stats') continue;
      this.swarm.observer?.onEvent(this, event);
      if (event.type === 'complete') this.completedMs ??= this.clock.nowMs;
      events[kept++] = event;
    }
    events.length = this.#eventsSeen = kept;
  }
}

/** The type of a fact and its variant. */
export function nameOf(fact: PeerFact): string {
  if (fact.type === 'lease-returned') return `${fact.type} ${fact.why}`;
  if (fact.type === 'closed') return `${fact.type} ${fact.reason}`;
  if (fact.type !== 'peer-bitfield') return fact.type;
  return `${fact.type} ${typeof fact.bits === 'string' ? fact.bits : 'bits'}`;
}
