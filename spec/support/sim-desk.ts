// A coordinator's desk for specs of its handlers: one engine, scripted peers, blocks written into
// the slab by hand, verify jobs answered when the spec says so.

import { removed } from '../../lib/coordinator/torrent/removing';
import { wake } from '../../lib/coordinator/rest';
import { Source, isKnown } from '../../lib/coordinator/state';
import { isInSwarm, transfers } from '../../lib/coordinator/torrent/life';
import type { KnownTorrent, Peer, PieceState, TorrentState } from '../../lib/coordinator/state';
import { CLAIMED } from '../../lib/memory/block-table';
import type { CloseReason } from '../../lib/messages/close-reasons';
import type { EngineControl } from '../../lib/messages/control';
import type { TorrentStats } from '../../lib/messages/stats';
import type { Lease, WhyReturned } from '../../lib/messages/peer-thread';
import type { VerifyJob } from '../../lib/messages/verify';
import { Bitfield } from '../../lib/bytes/bitfield';
import { unitsOf } from './segments';
import { SimEngine, settled } from './sim-engine';
import type { PendingJob, SimEngineOptions, SimRequest } from './sim-engine';
import { KIB, simTorrent } from './sim-torrent';
import type { SimTorrent, SimTorrentOptions } from './sim-torrent';
import { outcomeForAll, runVerifyJob, storageKeyOf } from './sim-verify';

const BLOCK = 16 * KIB;

export interface DeskPeerOptions {
  readonly have?: 'all' | readonly number[];
  readonly host?: string;
  readonly port?: number;
  readonly peerId?: string;
  readonly thread?: number;
  readonly dial?: number;
  /** Both sides have the fast extension (BEP 6); default false. */
  readonly fast?: boolean;
  /** Unchoke us at once; default true. */
  readonly unchoke?: boolean;
  readonly creditBlocks?: number;
  readonly rateBytesPerSec?: number;
}

/** One torrent at a desk: its engine record, its content, what is stored of it. */
export interface DeskTorrent extends SimTorrent {
  readonly state: KnownTorrent;
  readonly stored: Uint8Array;
}

/** The same before its content is known. */
export interface UnknownTorrent extends SimTorrent {
  readonly state: TorrentState;
  readonly stored: Uint8Array;
}

export class SimDesk {
  readonly engine: SimEngine;
  readonly #torrents = new Map<number, UnknownTorrent>();
  /** Of every connection ever made: late writes come after a connection has ended. */
  readonly #torrentOf = new Map<number, UnknownTorrent>();
  /** What peers announced that their threads cannot report: they do not know the content. */
  readonly #early = new Map<number, Bitfield>();
  #nextConnection = 1;

  constructor(options: SimEngineOptions = {}) {
    this.engine = new SimEngine(options);
  }

  /** The torrents whose content is known, removed ones included. */
  get torrents(): ReadonlyMap<number, DeskTorrent> {
    return new Map(
      [...this.#torrents.values()].filter(isOpen).map((each) => [each.state.id, each]),
    );
  }

  /** What the app thread calls. */
  get control(): EngineControl {
    return this.engine.control;
  }

  /** A desk with one torrent of which nothing (or the pieces of `good`) is stored yet. */
  static async with(
    torrent: SimTorrentOptions,
    options: SimEngineOptions & {
      readonly good?: readonly number[];
      readonly request?: Partial<SimRequest>;
    } = {},
  ): Promise<{
    readonly desk: SimDesk;
    readonly engine: SimEngine;
    readonly torrent: DeskTorrent;
  }> {
    const desk = new SimDesk(options);
    const added = await desk.add(torrent, options.good, options.request);
    return { desk, engine: desk.engine, torrent: added };
  }

  async add(
    options: SimTorrentOptions,
    good: readonly number[] = [],
    request: Partial<SimRequest> = {},
  ): Promise<DeskTorrent> {
    const torrent = await this.begin(options, good, request);
    await this.answerJobs();
    return torrent;
  }

  /** As `add`, but the check of stored data waits in `engine.jobs`. */
  async begin(
    options: SimTorrentOptions,
    good: readonly number[] = [],
    request: Partial<SimRequest> = {},
  ): Promise<DeskTorrent> {
    const stored = storedTorrent(options, good);
    const state = await this.engine.add(stored.metainfo, request);
    const torrent = { ...stored, state };
    this.#torrents.set(state.id, torrent);
    await settled();
    return torrent;
  }

  /** Adds a torrent whose content the engine does not know: `learn` tells it. */
  async addUnknown(
    options: SimTorrentOptions,
    good: readonly number[] = [],
    request: Partial<SimRequest> = {},
  ): Promise<UnknownTorrent> {
    const stored = storedTorrent(options, good);
    const state = await this.engine.addUnknown(stored.metainfo, request);
    const torrent = { ...stored, state };
    this.#torrents.set(state.id, torrent);
    await settled();
    return torrent;
  }

  /**
   * The metainfo of the torrent is learnt, which has these connections by then. Its check waits in
   * `engine.jobs`.
   */
  async learn(unknown: UnknownTorrent, connections: readonly number[] = []): Promise<DeskTorrent> {
    const { state, metainfo } = unknown;
    this.engine.happen({ type: 'metainfo', torrent: state, metainfo });
    await settled();
    if (!isOpen(unknown)) throw new Error('its content is still not known');
    for (const connection of connections) this.#torrentOf.set(connection, unknown);
    return unknown;
  }

  /** Answers every waiting verify job, and those that follow. */
  async answerJobs(): Promise<void> {
    await settled();
    while (this.engine.jobs.length > 0) {
      const jobs = this.engine.jobs;
      this.engine.jobs = [];
      for (const { job, resolve } of jobs) {
        const torrent = [...this.torrents.values()].find(
          ({ state }) => state.content.storage.key === storageKeyOf(job),
        );
        resolve(runVerifyJob(job, this.engine.slab.bytes, torrent?.stored ?? new Uint8Array(0)));
      }
      await settled();
    }
  }

  /** The jobs of a type that wait for an answer. */
  jobsOf(type: VerifyJob['type']): PendingJob[] {
    return this.engine.jobs.filter(({ job }) => job.type === type);
  }

  /** Takes the first waiting job of a type, for the spec to answer. */
  takeJob(type: VerifyJob['type']): PendingJob {
    const [pending] = this.jobsOf(type);
    if (pending === undefined) throw new Error(`no job ${type}`);
    this.engine.jobs.splice(this.engine.jobs.indexOf(pending), 1);
    return pending;
  }

  /** A peer brings one piece, up to the job that verifies it. */
  fetch(torrent: DeskTorrent, piece: number): void {
    const peer = this.connect(torrent, { have: [piece], creditBlocks: 4 });
    for (const lease of this.leases(peer)) this.deliver(lease);
  }

  /** The first job with pieces finds all of them good. */
  async verify(): Promise<void> {
    const { job, resolve } = this.takeJob('pieces');
    resolve(outcomeForAll(job, 'good'));
    await settled();
  }

  /** A peer brings one piece, which is good; returns the sync that follows 2 s later. */
  async fetchToSync(torrent: DeskTorrent, piece: number): Promise<PendingJob> {
    this.fetch(torrent, piece);
    await this.verify();
    this.engine.pass(2_000);
    return this.takeJob('sync');
  }

  /** The figures that the app gets on request. */
  stats({ state }: DeskTorrent): TorrentStats {
    this.engine.happen({ type: 'stats-wanted', torrent: state.id });
    const last = this.engine.eventsOf('stats').findLast(({ torrent }) => torrent === state.id);
    if (last === undefined) throw new Error('no figures were reported');
    return last.stats;
  }

  /** Resolves when the torrent is removed, even if its peers are still closing. */
  remove({ state }: { readonly state: TorrentState }, forget = false): Promise<void> {
    const gone = removed(state);
    this.engine.happen({ type: 'remove', torrent: state, forget });
    return gone;
  }

  /**
   * Closes the engine while a torrent is being added, whose storage opens when the returned function is called:
   * until then the other torrents stay.
   */
  closeSlowly(): () => Promise<void> {
    const { disk } = this.engine;
    const open = disk.openState.bind(disk);
    let opened = (): void => undefined;
    disk.openState = (...ref) =>
      new Promise((resolve) => (opened = () => void open(...ref).then(resolve)));
    const { metainfo } = simTorrent({ totalLengthBytes: KIB, pieceLengthBytes: KIB, seed: 99 });
    const added = this.engine.add(metainfo).catch(() => undefined);
    const closed = this.control.close();
    return async () => {
      opened();
      await added;
      await closed;
    };
  }

  /** A peer thread dies; orders to it are lost until `threadIsBack`. */
  threadDies(thread: number): void {
    this.engine.threadDies(thread);
  }

  /** Another thread has taken its place. */
  threadIsBack(thread: number): void {
    this.engine.happen({ type: 'thread-restarted', thread });
  }

  /** Connects a peer; returns its connection number. */
  connect(torrent: UnknownTorrent, options: DeskPeerOptions = {}): number {
    const connection = (options.thread ?? 0) + 32 * this.#nextConnection++;
    this.#torrentOf.set(connection, torrent);
    const { have = 'all', unchoke = true } = options;
    const bits = new Bitfield(torrent.metainfo.pieceCount);
    if (have === 'all') bits.setAll();
    else for (const piece of have) bits.set(piece);
    this.engine.facts({
      type: 'connected',
      connection,
      torrent: torrent.state.id,
      ...(options.dial === undefined ? {} : { dial: options.dial }),
      host: options.host ?? `10.0.0.${this.#nextConnection}`,
      port: options.port ?? 6881,
      peerId: Buffer.from((options.peerId ?? `peer-${connection}`).padEnd(20, '.')),
      fast: options.fast ?? false,
    });
    const { life } = torrent.state;
    if (isInSwarm(life) && !transfers(life)) this.#early.set(connection, bits);
    else this.engine.facts({ type: 'peer-bitfield', connection, bits: bits.bytes });
    if (unchoke) this.engine.facts({ type: 'peer-choke', connection, choked: false, epoch: 0 });
    if (options.creditBlocks !== undefined)
      this.want(connection, options.creditBlocks, options.rateBytesPerSec);
    return connection;
  }

  /** A peer announces pieces. */
  announce(connection: number, pieces: readonly number[]): void {
    const early = this.#early.get(connection);
    if (early === undefined) this.engine.facts({ type: 'peer-have', connection, pieces });
    else for (const piece of pieces) early.set(piece);
  }

  /** Threads that know the content now report what peers announced before. Returns true if any does. */
  reportEarly(): boolean {
    const before = this.#early.size;
    for (const [connection, { bytes: bits }] of this.#early) {
      const peer = this.engine.state.peers.get(connection);
      if (peer !== undefined && !transfers(peer.torrent.life)) continue;
      this.#early.delete(connection);
      if (peer !== undefined) this.engine.facts({ type: 'peer-bitfield', connection, bits });
    }
    return this.#early.size < before;
  }

  /** Adds a source that has everything and is no peer: there is no connect, choke or interest. */
  addSource({ state, ...torrent }: DeskTorrent, creditBlocks: number): number {
    const id = 32 * this.#nextConnection++;
    const host = 'web.example';
    const source = new Source(0, state, { id, name: host, host, port: 80, peerId: '' });
    this.#torrentOf.set(id, { state, ...torrent });
    source.isSeed = true;
    source.choked = false;
    source.usefulPieces = state.content.possession.missingWantedPieces;
    state.content.possession.picker.addSeed();
    this.engine.state.budget.setActive(state.id, state.phase === 'downloading');
    this.engine.state.sources.set(id, source);
    state.sources.add(source);
    wake(this.engine, state);
    this.want(id, creditBlocks);
    return id;
  }

  source(connection: number): Source {
    const source = this.engine.state.sources.get(connection);
    if (source === undefined) throw new Error(`no source ${connection}`);
    return source;
  }

  /** Sets the credit of the source in this epoch, in blocks. */
  want(connection: number, creditBlocks: number, rateBytesPerSec = 0): void {
    const epoch = this.source(connection).epoch;
    this.engine.facts({ type: 'appetite', connection, epoch, creditBlocks, rateBytesPerSec });
  }

  close(connection: number, reason: CloseReason = 'remote-closed', downloadedBytes = 0): void {
    this.engine.facts({
      type: 'closed',
      connection,
      reason,
      detail: '',
      downloadedBytes,
      uploadedBytes: 0,
    });
  }

  peer(connection: number): Peer {
    const peer = this.engine.state.peers.get(connection);
    if (peer === undefined) throw new Error(`no peer ${connection}`);
    return peer;
  }

  piece(torrent: DeskTorrent, index: number): PieceState {
    const piece = torrent.state.content.active.get(index);
    if (piece === undefined) throw new Error(`piece ${index} is not active`);
    return piece;
  }

  /** The leases ordered for a connection so far. */
  leases(connection: number): Lease[] {
    return this.engine.ordersOf('lease', connection).map((order) => order.lease);
  }

  /** Writes blocks of a lease into the slab as the session would; `spoil` makes them wrong. */
  write(
    lease: Lease,
    options: { readonly blocks?: number; readonly spoil?: boolean } = {},
  ): number {
    const torrent = this.#torrentOf.get(lease.connection);
    if (torrent === undefined) throw new Error('no torrent');
    let written = 0;
    const units = unitsOf(lease.segments);
    for (let at = 0; at < (options.blocks ?? lease.blockCount); at++) {
      const start =
        lease.piece * torrent.metainfo.pieceLengthBytes + (lease.firstBlock + at) * BLOCK;
      const pieceEnd = (lease.piece + 1) * torrent.metainfo.pieceLengthBytes;
      const end = Math.min(start + BLOCK, pieceEnd, torrent.content.length);
      const unit = units[at] ?? -1;
      const { table, slab } = this.engine;
      const thread = lease.connection % 32;
      if (table.claim(unit, lease.generation, thread, lease.connection) !== CLAIMED) continue;
      const bytes = Uint8Array.from(torrent.content.subarray(start, end));
      if (options.spoil) bytes[0] = (bytes[0] ?? 0) ^ 0xff;
      slab.copyIn(unit, bytes, 0, bytes.length);
      table.publish(unit, lease.generation, thread);
      written++;
    }
    return written;
  }

  /** Writes a whole lease and reports it done. */
  deliver(lease: Lease, options: { readonly spoil?: boolean } = {}): void {
    this.write(lease, options);
    this.done(lease);
  }

  done(lease: Lease, firstBlock = lease.firstBlock, blockCount = lease.blockCount): void {
    this.engine.facts({ type: 'lease-done', ...partOf(lease, firstBlock, blockCount) });
  }

  giveBack(
    lease: Lease,
    firstBlock = lease.firstBlock,
    blockCount = lease.blockCount,
    why: WhyReturned = 'late',
  ): void {
    this.engine.facts({ type: 'lease-returned', why, ...partOf(lease, firstBlock, blockCount) });
  }

  /**
   * Serves every lease of these connections until nothing new is leased, answering jobs on the way.
   */
  async serveAll(...connections: readonly number[]): Promise<void> {
    let served = 0;
    for (let rounds = 0; rounds < 1000; rounds++) {
      const leases = this.engine
        .ordersOf('lease')
        .map((order) => order.lease)
        .slice(served)
        .filter((lease) => connections.includes(lease.connection));
      served = this.engine.ordersOf('lease').length;
      for (const lease of leases)
        if (this.engine.state.sources.has(lease.connection)) this.deliver(lease);
      await this.answerJobs();
      if (leases.length === 0) return;
    }
    throw new Error('serving never ended');
  }
}

/** Some blocks of a lease, as facts name them. */
function partOf(lease: Lease, firstBlock: number, blockCount: number) {
  const { connection, epoch, piece, generation } = lease;
  return { connection, epoch, piece, generation, firstBlock, blockCount };
}

export function isOpen(torrent: UnknownTorrent): torrent is DeskTorrent {
  return isKnown(torrent.state);
}

/** A torrent made of nothing, some pieces of which are stored. */
function storedTorrent(
  options: SimTorrentOptions,
  good: readonly number[],
): SimTorrent & { readonly stored: Uint8Array } {
  const { metainfo, content } = simTorrent(options);
  const stored = new Uint8Array(content.length);
  for (const piece of good) {
    const start = piece * metainfo.pieceLengthBytes;
    stored.set(content.subarray(start, start + metainfo.pieceLengthBytes), start);
  }
  return { metainfo, content, stored };
}
