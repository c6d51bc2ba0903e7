// A random walk: peers, threads, workers, disks, trackers and the user do what they please at a desk with two
// torrents. A walk is a list of steps, so that one that fails can be shrunk and printed.

import fc from 'fast-check';
import { ipFilterBuffer } from './ip-filter-buffer';
import type { Lease, PeerFact } from '../../lib/messages/peer-thread';
import type { CloseReason } from '../../lib/messages/close-reasons';
import type { VerifyResult } from '../../lib/messages/verify';
import { noteSimulation } from './recipes';
import type { Simulation } from './recipes';
import { SimDesk, isOpen } from './sim-desk';
import type { DeskTorrent, UnknownTorrent } from './sim-desk';
import { ThreadBooks } from './thread-books';
import { ON_DISK } from './sim-disk';
import type { Held } from './sim-disk';
import { settled } from './sim-engine';
import type { HeldAnnounce, PendingJob, SimEngine } from './sim-engine';
import { KIB, simTorrent } from './sim-torrent';
import type { SimTorrentOptions } from './sim-torrent';
import { runVerifyJob, storageKeyOf } from './sim-verify';

const PIECES = 8;
const PIECE = 96 * KIB;
const THREADS = 2;

/** What may happen, and how often. */
const WEIGHTS = {
  connect: 12,
  credit: 18,
  deliver: 30,
  choke: 6,
  have: 3,
  interest: 2,
  gossip: 3,
  late: 3,
  close: 5,
  dialTurn: 5,
  dialEnd: 5,
  announce: 4,
  job: 16,
  save: 6,
  look: 4,
  stat: 3,
  file: 2,
  disk: 1,
  readFailed: 1,
  threadDies: 1,
  threadIsBack: 2,
  workerDies: 1,
  addPeers: 3,
  filter: 2,
  stats: 1,
  limits: 2,
  rates: 4,
  pass: 9,
  pause: 3,
  superSeed: 1,
  resume: 4,
  remove: 1,
  add: 3,
  learn: 5,
  open: 5,
  metadata: 12,
} as const;

type What = keyof typeof WEIGHTS;

/** What happens, and numbers by which its details are chosen. */
export type WalkStep = readonly [What, number, number, number];

export interface WalkOptions {
  readonly seed: number;
  /** Leave the swarm once a torrent is complete. */
  readonly seedsStay: boolean;
  /** Torrents are added without their content, which is learnt and opened when a step says so. */
  readonly contentIsLate: boolean;
  readonly paddingBytes: number;
  /** A file that nobody knows lies where the second torrent is to be stored, this long. */
  readonly strangerBytes: number | undefined;
  readonly record?: boolean;
}

export const WALK: fc.Arbitrary<WalkStep[]> = fc.array(
  fc.tuple(
    fc.oneof(
      ...Object.entries(WEIGHTS).map(([what, weight]) => ({
        weight,
        arbitrary: fc.constant(what as What),
      })),
    ),
    fc.nat(999),
    fc.nat(999),
    fc.nat(999),
  ),
  { minLength: 0, maxLength: 200, size: 'max' },
);

export const WALK_OPTIONS: fc.Arbitrary<WalkOptions> = fc.record({
  seed: fc.integer({ min: 1, max: 1e6 }),
  seedsStay: fc.boolean(),
  contentIsLate: fc.boolean(),
  // Of the last piece, and of two blocks of the one before it.
  paddingBytes: fc.constantFrom(0, 140 * KIB),
  strangerBytes: fc.constantFrom(undefined, undefined, 1000, PIECES * PIECE + 7),
});

export class Walk implements Simulation {
  readonly desk: SimDesk;
  readonly #options: WalkOptions;
  readonly #log: string[] = [];
  /** Torrents by their place; undefined while one is being added, or is gone. */
  readonly #places: (UnknownTorrent | undefined)[] = [undefined, undefined];
  readonly #adding = new Set<number>();
  /** What of each torrent was stored when it was removed. */
  readonly #left: (readonly number[])[] = [[], []];
  readonly #peers: number[] = [];
  readonly #credit = new Map<number, number>();
  readonly #dials: (() => Promise<void>)[];
  readonly #announces: HeldAnnounce[];
  #openings: Held<void>[] = [];
  #saves: Held<void>[] = [];
  #looks: Held<SimEngine['disk']['file']>[] = [];
  #stats: Held<void>[] = [];
  /** Dials that a thread was ordered to make and has not answered. */
  #ordersSeen = 0;
  #dialling: { readonly dial: number; readonly thread: number; readonly torrent: number }[] = [];
  #hosts = 0;
  /** Requests for metadata that were answered. */
  readonly #answered = new Set<object>();
  readonly #books = new ThreadBooks();

  private constructor(options: WalkOptions) {
    this.#options = options;
    noteSimulation(this);
    this.desk = new SimDesk({
      seed: options.seed,
      record: options.record ?? false,
      settings: { memoryBytes: 384 * KIB, peerThreads: THREADS },
    });
    const { engine } = this.desk;
    this.#dials = engine.holdDials();
    this.#announces = engine.holdAnnounces();
    if (options.strangerBytes !== undefined)
      engine.disk.stranger = { sizeBytes: options.strangerBytes };
    this.#hold();
  }

  /** Two torrents, of which nothing is stored. */
  static async begin(options: WalkOptions): Promise<Walk> {
    const walk = new Walk(options);
    await walk.#add(0);
    await walk.#add(1);
    return walk;
  }

  /** Its options and steps, and the errors that the app got. */
  get recipe(): string {
    const errors = this.engine.eventsOf('error').map((event) => JSON.stringify(event));
    return [`walk ${JSON.stringify(this.#options)}`, ...this.#log, ...errors].join('\n  ');
  }

  get engine(): SimEngine {
    return this.desk.engine;
  }

  /** The present torrents. */
  get #present(): UnknownTorrent[] {
    return this.#places.filter((torrent) => torrent !== undefined);
  }

  /** Those whose content is known. */
  get torrents(): DeskTorrent[] {
    return this.#present.filter(isOpen);
  }

  /** Jobs of a torrent's pieces that are not answered. */
  jobsOf({ state }: DeskTorrent): number {
    return this.engine.jobs.filter(
      ({ job }) => job.type === 'pieces' && job.storage.key === state.content.storage.key,
    ).length;
  }

  async take([what, a, b, c]: WalkStep): Promise<void> {
    const place = a % this.#places.length;
    const torrent = this.#places[place];
    this.#noteDials();
    this.#log.push(`${what} ${a} ${b} ${c}`);
    const down = new Set(this.engine.state.downThreads);
    await this.#happen(what, place, torrent, a, b, c);
    await settled();
    if (this.desk.reportEarly()) await settled();
    this.#noteLostOrders(down);
    this.#noteDials();
    this.#books.expectRight(this.engine);
  }

  /** An order to a thread that is down is lost; a connection of it is gone, so nothing is closed there. */
  #noteLostOrders(down: ReadonlySet<number>): void {
    const { state, orders } = this.engine;
    for (const { thread, order } of orders.slice(this.#ordersSeen))
      if (down.has(thread) && state.downThreads.has(thread))
        throw new Error(`thread ${thread} is down and was ordered ${order.type}`);
  }

  async #happen(
    what: What,
    place: number,
    torrent: UnknownTorrent | undefined,
    a: number,
    b: number,
    c: number,
  ): Promise<void> {
    const { engine, desk } = this;
    const { control } = desk;
    switch (what) {
      case 'connect':
        return torrent && this.#connect(torrent, b, c);
      case 'credit':
      case 'deliver':
      case 'choke':
      case 'have':
      case 'interest':
      case 'gossip':
      case 'late':
      case 'close': {
        const peer = this.#peers[a % this.#peers.length];
        if (peer !== undefined && engine.state.peers.has(peer)) this.#peerDoes(what, peer, b, c);
        return;
      }
      case 'dialTurn':
        return void takeOut(this.#dials, a)?.();
      case 'dialEnd': {
        const dialled = takeOut(this.#dialling, a);
        if (dialled) this.#endDial(dialled, b, c);
        return;
      }
      case 'announce': {
        const held = takeOut(this.#announces, a);
        if (b % 3 === 0) held?.fail(new Error('no route'));
        else held?.answer({ peers: [{ host: `10.6.0.${c % 200}`, port: 6881 }] });
        return;
      }
      case 'job': {
        const pending = takeOut(engine.jobs, a);
        if (pending) this.#answerJob(pending, b, c);
        return;
      }
      case 'save':
        return answer(takeOut(this.#saves, a), undefined, b % 8 === 0);
      case 'look':
        return answer(takeOut(this.#looks, a), engine.disk.file, b % 8 === 0);
      case 'stat':
        return answer(takeOut(this.#stats, a), undefined, b % 8 === 0);
      case 'file':
        return this.#changeFile(b);
      case 'disk':
        engine.disk.failing =
          b % 2 === 0 ? {} : { [b % 3 ? 'remove' : 'release']: new Error('EIO') };
        return;
      case 'readFailed':
        return torrent && isOpen(torrent) ? this.#failRead(torrent, b) : undefined;
      case 'threadDies':
        return this.#killThread(b % THREADS);
      case 'threadIsBack':
        if (engine.state.downThreads.has(b % THREADS)) desk.threadIsBack(b % THREADS);
        return;
      case 'workerDies':
        engine.happen({ type: 'verify-thread-died', reason: 'out of memory' });
        return;
      case 'addPeers':
        return ignore(
          torrent &&
            control.addPeers(torrent.state.id, [{ host: `10.5.0.${b % 200}`, port: 1 + c }]),
        );
      case 'filter':
        return ignore(
          control.setIpFilter(b % 2 === 0 ? undefined : ipFilterBuffer(`10.5.0.${b % 200}/28`)),
        );
      case 'stats':
        engine.happen({ type: 'stats-wanted', torrent: torrent?.state.id ?? 77 });
        engine.happen({ type: 'listening', port: 1024 + b });
        return;
      case 'limits':
        return ignore(this.#setLimits(torrent, b, c));
      case 'rates': {
        const rows = [
          torrent?.state.id ?? 77,
          c % 2,
          b % 4,
          b % 7 === 0 ? Infinity : b,
          c,
          c - 500,
        ];
        const thread = b % THREADS;
        if (engine.state.downThreads.has(thread)) return;
        return engine.happen({ type: 'facts', thread, facts: [{ type: 'rates', rows }] });
      }
      case 'pass':
        return engine.pass(b % 10 === 0 ? 40_000 : b * 8);
      case 'pause':
        return ignore(torrent && control.pause(torrent.state.id));
      case 'superSeed':
        return ignore(torrent && control.superSeed(torrent.state.id, b % 3 > 0));
      case 'resume':
        return ignore(torrent && control.resume(torrent.state.id));
      case 'remove':
        if (torrent) this.#remove(place, torrent, b % 2 === 0);
        return;
      case 'add':
        if (torrent === undefined) ignore(this.#add(place));
        return;
      case 'learn':
        if (torrent) this.#learn(torrent, b % 5 === 0);
        return;
      case 'metadata':
        return torrent && this.#giveMetadata(torrent, b, c);
      case 'open':
        return answer(takeOut(this.#openings, a), undefined, b % 4 === 0);
    }
  }

  /** All that waits is answered, threads are up, and peers are gone; then honest peers bring what is missing. */
  async finish(): Promise<void> {
    const { engine, desk } = this;
    engine.disk.failing = {};
    for (let thread = 0; thread < THREADS; thread++)
      if (engine.state.downThreads.has(thread)) desk.threadIsBack(thread);
    await this.#answerAll();
    for (const peer of [...engine.state.peers.keys()]) desk.close(peer);
    for (const place of this.#places.keys())
      if (this.#places[place] === undefined) ignore(this.#add(place));
    await this.#answerAll();
    for (let attempt = 0; attempt < 4; attempt++) {
      for (const torrent of this.#present) {
        ignore(desk.control.resume(torrent.state.id));
        this.#learn(torrent, false);
        await settled();
      }
      await this.#answerAll();
      for (const torrent of this.torrents) await this.#bring(torrent);
      const whole = this.torrents.filter(({ state }) => state.content.possession.hasAll);
      if (whole.length === this.#places.length) break;
    }
    this.#books.expectRight(engine);
    engine.pass(3_000);
    await this.#answerAll();
  }

  /** The engine closes. */
  async close(): Promise<void> {
    const { engine, desk } = this;
    let isClosed = false;
    void desk.control.close().then(() => (isClosed = true));
    for (let rounds = 0; rounds < 10 && !isClosed; rounds++) {
      await this.#answerAll();
      for (const peer of [...engine.state.peers.keys()]) desk.close(peer);
      engine.pass(2_000);
      await settled();
    }
    if (!isClosed) throw new Error('the engine did not close');
  }

  async #bring(torrent: DeskTorrent): Promise<void> {
    if (torrent.state.phase !== 'downloading') return;
    const honest = this.desk.connect(torrent, { host: `10.8.0.${this.#hosts++}` });
    this.desk.want(honest, 10_000, 1e8);
    await this.desk.serveAll(honest);
    this.engine.pass(6_000);
    await this.desk.serveAll(honest);
    await this.#answerAll();
    this.desk.close(honest);
    await settled();
  }

  async #answerAll(): Promise<void> {
    for (let rounds = 0; rounds < 100; rounds++) {
      await this.desk.answerJobs();
      const { file } = this.engine.disk;
      const waiting = [
        this.#openings,
        this.#saves,
        this.#looks,
        this.#stats,
        this.#announces,
        this.#dials,
      ];
      this.#noteDials();
      if (waiting.every((held) => held.length === 0) && this.#dialling.length === 0) return;
      for (const held of this.#openings.splice(0)) held.answer();
      for (const held of this.#saves.splice(0)) held.answer();
      for (const held of this.#looks.splice(0)) held.answer(file);
      for (const held of this.#stats.splice(0)) held.answer();
      for (const held of this.#announces.splice(0)) held.answer();
      for (const turn of this.#dials.splice(0)) void turn();
      for (const dialled of this.#dialling.splice(0)) this.#endDial(dialled, 0, 0);
      await settled();
    }
    throw new Error('the desk is never done');
  }

  #hold(): void {
    const { disk } = this.engine;
    if (this.#options.contentIsLate) this.#openings = disk.holdOpenings();
    this.#saves = disk.holdSaves();
    this.#looks = disk.holdLooks();
    this.#stats = disk.holdStats();
  }

  // ---- the user ----

  #setLimits(torrent: UnknownTorrent | undefined, b: number, c: number): Promise<void> {
    const rate = (value: number): number | undefined =>
      value % 3 === 0 ? undefined : value % 3 === 1 ? Infinity : 1024 * (1 + value);
    const limits = {
      downLimitBytesPerSec: rate(b),
      upLimitBytesPerSec: rate(c),
      peerDownLimitBytesPerSec: rate(b >> 2),
      peerUpLimitBytesPerSec: rate(c >> 2),
    };
    const id = b % 2 === 0 ? torrent?.state.id : undefined;
    const period = { fromMinute: b, toMinute: c + 1, days: [1, 3], downLimitBytesPerSec: 5_000 };
    return this.desk.control.setLimits(id, limits, c % 5 === 0 ? [period] : undefined);
  }

  async #add(place: number): Promise<void> {
    if (this.#adding.has(place)) return;
    this.#adding.add(place);
    const isOnDisk = place === 1;
    const torrent: SimTorrentOptions = {
      totalLengthBytes: PIECES * PIECE - 5_000,
      pieceLengthBytes: PIECE,
      seed: 2 + place,
      paddingBytes: isOnDisk ? 0 : this.#options.paddingBytes,
      ...(isOnDisk && {
        trackers: [['http://a.example/', 'http://b.example/'], ['udp://c.example:1']],
        emptyFiles: ['empty'],
      }),
    };
    try {
      const { desk } = this;
      const left = this.#left[place];
      const { seedsStay, contentIsLate } = this.#options;
      const request = { ...(isOnDisk && { ...ON_DISK, force: true }), seed: seedsStay };
      this.#places[place] = contentIsLate
        ? await desk.addUnknown(torrent, left, request)
        : await desk.begin(torrent, left, request);
    } finally {
      this.#adding.delete(place);
    }
  }

  /** Metainfo comes: of the torrent, or of another one. */
  #learn({ state: torrent, metainfo }: UnknownTorrent, isWrong: boolean): void {
    const other = simTorrent({ totalLengthBytes: PIECE, pieceLengthBytes: PIECE, seed: 99 });
    this.engine.happen({
      type: 'metainfo',
      torrent,
      metainfo: isWrong ? other.metainfo : metainfo,
    });
  }

  /** One of its peers offers metadata, or answers a request for it: the whole truth, or not. */
  #giveMetadata(torrent: UnknownTorrent, b: number, c: number): void {
    const { state, metainfo } = torrent;
    if (state.peers.size === 0) this.#connect(torrent, b, c);
    const peers = [...state.peers];
    const connection = peers[b % Math.max(1, peers.length)]?.id;
    const { infoBytes } = metainfo;
    if (connection === undefined || infoBytes === undefined) return;
    const lengths = [infoBytes.length, infoBytes.length, infoBytes.length + 1, 2 ** 30];
    this.engine.facts({ type: 'metadata-offer', connection, totalBytes: lengths[c % 4] });
    const asked = this.engine
      .ordersOf('request-metadata', connection)
      .find((order) => !this.#answered.has(order));
    if (asked === undefined || c % 7 === 0) return;
    this.#answered.add(asked);
    const { piece, totalBytes = infoBytes.length } = asked;
    if (c % 6 === 0) return this.engine.facts({ type: 'metadata-refused', connection, piece });
    const bytes = new Uint8Array(totalBytes);
    bytes.set(infoBytes.subarray(0, totalBytes));
    if (c % 5 === 0) bytes[0] = 0;
    this.engine.facts({ type: 'metadata-piece', connection, piece, totalBytes, bytes });
    const at = this.engine.jobs.findIndex(({ job }) => job.type === 'metadata');
    const [pending] = c % 2 === 0 && at !== -1 ? this.engine.jobs.splice(at, 1) : [];
    if (pending) this.#answerJob(pending, b, c);
  }

  #remove(place: number, torrent: UnknownTorrent, forget: boolean): void {
    this.#places[place] = undefined;
    const { content, metainfo } = torrent;
    const gone = this.desk.control.remove(torrent.state.id, forget);
    const leave = (): void => {
      this.#left[place] = [...Array(metainfo.pieceCount).keys()].filter((piece) => {
        const start = piece * metainfo.pieceLengthBytes;
        const end = start + metainfo.pieceLengthBytes;
        return content.subarray(start, end).equals(torrent.stored.subarray(start, end));
      });
    };
    gone.then(leave, leave);
  }

  // ---- peers and their threads ----

  #connect(torrent: UnknownTorrent, b: number, c: number, dial?: number, thread?: number): void {
    const on = thread ?? c % THREADS;
    if (this.engine.state.downThreads.has(on) || this.#peers.length > 40) return;
    const some = Array.from({ length: PIECES }, (_, piece) => piece).filter(
      (piece) => (b >> piece) & 1,
    );
    this.#peers.push(
      this.desk.connect(torrent, {
        have: b % 2 === 0 ? 'all' : some,
        host: `10.7.0.${this.#hosts++}`,
        unchoke: c % 10 < 7,
        fast: c % 3 === 0,
        thread: on,
        ...(dial !== undefined && { dial }),
      }),
    );
  }

  #peerDoes(what: What, connection: number, b: number, c: number): void {
    const { desk, engine } = this;
    const { epoch, choked } = desk.peer(connection);
    switch (what) {
      case 'credit': {
        const wanted = (this.#credit.get(connection) ?? 0) + 1 + (b % 12);
        this.#credit.set(connection, wanted);
        return desk.want(connection, wanted, c % 2 === 0 ? 0 : 1e8);
      }
      case 'deliver': {
        const leases = desk.leases(connection);
        const lease = leases[Math.max(0, leases.length - 1 - (b % 3))];
        return lease && this.#deliver(lease, b, c);
      }
      case 'choke':
        this.#credit.delete(connection);
        return engine.facts({
          type: 'peer-choke',
          connection,
          choked: !choked,
          epoch: choked ? epoch : epoch + 1,
        });
      case 'have':
        return desk.announce(connection, [b % PIECES, c % PIECES]);
      case 'interest':
        return engine.facts(
          { type: 'peer-interest', connection, interested: b % 2 === 0 },
          { type: 'upload-stalled', connection, stalled: c % 2 === 0 },
        );
      case 'gossip':
        engine.facts(...gossip(connection, b, c));
        if (!desk.peer(connection).answersAll) return;
        return engine.facts(...hints(connection, b, c));
      case 'late': {
        // What it said before its last choke arrives now.
        const old = { connection, epoch: epoch - 1 };
        const [lease] = desk.leases(connection);
        engine.facts({ type: 'appetite', ...old, creditBlocks: 1 + b, rateBytesPerSec: 0 });
        if (!lease) return;
        const { piece, generation, firstBlock, blockCount } = lease;
        const run = { ...old, piece, generation, firstBlock, blockCount };
        return engine.facts(
          { type: 'lease-done', ...run },
          { type: 'lease-returned', why: b % 2 === 0 ? 'late' : 'rejected', ...run },
        );
      }
      default: {
        const reasons: CloseReason[] = ['remote-closed', 'connection-error', 'idle-timeout'];
        return desk.close(connection, reasons[b % reasons.length], c);
      }
    }
  }

  #deliver(lease: Lease, b: number, c: number): void {
    const count = 1 + (c % lease.blockCount);
    this.desk.write(lease, { blocks: count, spoil: b % 10 === 0 });
    if (b % 5 > 0) this.desk.done(lease, lease.firstBlock, count);
    if (b % 3 === 0 && count < lease.blockCount)
      this.desk.giveBack(lease, lease.firstBlock + count, lease.blockCount - count);
  }

  #noteDials(): void {
    const { orders } = this.engine;
    for (const { thread, order } of orders.slice(this.#ordersSeen))
      if (order.type === 'dial')
        this.#dialling.push({ dial: order.dial, thread, torrent: order.torrent });
    for (const { thread, order } of orders.slice(this.#ordersSeen)) this.#books.note(thread, order);
    this.#ordersSeen = orders.length;
  }

  #endDial(
    { dial, thread, torrent: id }: { dial: number; thread: number; torrent: number },
    b: number,
    c: number,
  ): void {
    const torrent = this.#present.find(({ state }) => state.id === id);
    if (b % 2 === 1 && torrent && this.#peers.length <= 40)
      return this.#connect(torrent, c, b, dial, thread);
    const reasons: CloseReason[] = ['dial-timeout', 'dial-failed', 'local-limit', 'banned'];
    const reason = reasons[c % reasons.length] ?? 'dial-failed';
    this.engine.happen({
      type: 'facts',
      thread,
      facts: [{ type: 'dial-failed', dial, reason, detail: '' }],
    });
  }

  #killThread(thread: number): void {
    if (this.engine.state.downThreads.has(thread)) return;
    this.#dialling = this.#dialling.filter((dialled) => dialled.thread !== thread);
    this.#noteDials();
    this.#books.forget(thread);
    this.desk.threadDies(thread);
  }

  #failRead({ state }: DeskTorrent, b: number): void {
    const [file] = state.content.layout.files;
    const code = ['EMFILE', 'short-read', 'EIO'][b % 3] ?? 'EIO';
    this.engine.facts({
      type: 'read-failed',
      torrent: state.id,
      code,
      message: 'it cannot be read',
      path: b % 2 === 0 ? file?.path : undefined,
    });
  }

  // ---- workers and the disk ----

  #answerJob(pending: PendingJob, b: number, c: number): void {
    const { job, resolve, reject } = pending;
    if (b % 20 === 0) return reject(new Error('a worker died'));
    const torrent = this.#stateOf(storageKeyOf(job));
    const result = runVerifyJob(job, this.engine.slab.bytes, torrent?.stored ?? new Uint8Array(0));
    resolve(b % 20 === 1 ? withFailure(result, c) : result);
  }

  /** A torrent that was removed may still have jobs out. */
  #stateOf(key: string | undefined): DeskTorrent | undefined {
    return [...this.desk.torrents.values()].find(({ state }) => state.content.storage.key === key);
  }

  #changeFile(b: number): void {
    const { disk } = this.engine;
    const { file } = disk;
    if (file === undefined) return;
    disk.file =
      b % 3 === 0
        ? { ...file, mtimeNs: file.mtimeNs + 1n }
        : { ...file, inode: file.inode + BigInt(b % 2) };
  }
}

function gossip(connection: number, b: number, c: number): PeerFact[] {
  return [
    { type: 'extended-handshake', connection, client: 'walker', listenPort: 1 + b },
    {
      type: 'peer-exchange',
      connection,
      added: [{ host: `10.8.${b % 7}.${c % 250}`, port: 1 + b, isSeed: c % 5 === 0 }],
      dropped: [{ host: `10.8.${c % 7}.${b % 250}`, port: 1 + c }],
    },
    { type: 'traffic', rows: [connection, b * KIB, c * KIB, 0] },
    { type: 'load', busy: (c % 10) / 10, rows: [connection, b * KIB, c, b % 4] },
    { type: 'rejected', host: '10.9.0.1', port: 1, reason: 'bad-handshake', detail: '' },
  ];
}

function hints(connection: number, b: number, c: number): PeerFact[] {
  const pieces = [b % PIECES, c % PIECES].slice(b % 3);
  return [
    { type: 'allowed-fast', connection, pieces },
    { type: 'suggested', connection, pieces },
  ];
}

function withFailure(result: VerifyResult, c: number): VerifyResult {
  const error = { code: 'ENOSPC', message: 'the disk is full' };
  if (result.outcomes.length === 0) return { ...result, error };
  return {
    ...result,
    again: c % 2 === 0,
    outcomes: result.outcomes.map((outcome, at) =>
      at === c % result.outcomes.length
        ? { type: 'storage-error', piece: outcome.piece, error }
        : outcome,
    ),
  };
}

function takeOut<Item>(items: Item[], a: number): Item | undefined {
  return items.splice(a % Math.max(1, items.length), 1)[0];
}

function answer<Value>(held: Held<Value> | undefined, value: Value, fails: boolean): void {
  if (fails) held?.fail(new Error('the disk is gone'));
  else held?.answer(value);
}

/** Its end says nothing here: what it leads to is looked at after every step. */
function ignore(call: Promise<unknown> | undefined): void {
  call?.catch(() => undefined);
}
