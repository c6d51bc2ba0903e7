// The coordinator's engine with every outlet under a spec's control: a clock that the spec moves,
// seeded dice, orders and events in plain lists, verify jobs that wait until the spec answers them.

import { expect } from 'chai';
import type { Clock } from '../../lib/coordinator/outlets/clock';
import { engineControl } from '../../lib/coordinator/control';
import type { Engine, Turn, VerifyOutlet } from '../../lib/coordinator/engine';
import type { Happening } from '../../lib/coordinator/happenings';
import { initialState } from '../../lib/coordinator/initial-state';
import { Loop } from '../../lib/coordinator/loop';
import { isKnown } from '../../lib/coordinator/state';
import type { KnownTorrent, TorrentState } from '../../lib/coordinator/state';
import type { EngineState } from '../../lib/coordinator/engine-state';
import { newTurn } from '../../lib/coordinator/turn';
import { MillraceError } from '../../lib/errors/millrace-error';
import { BlockTable, GenerationCounter } from '../../lib/memory/block-table';
import { Slab } from '../../lib/memory/slab';
import type {
  AddRequest,
  EngineControl,
  EngineEvent,
  EngineSettings,
  TorrentOptions,
} from '../../lib/messages/control';
import type { LogLevel } from '../../lib/text/log-levels';
import type { PeerFact, PeerOrder } from '../../lib/messages/peer-thread';
import type { VerifyJob, VerifyResult } from '../../lib/messages/verify';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import type { AnnounceReply, AnnounceRequest } from '../../lib/tracker/announce';
import { Recorder } from './journal/recorder';
import { NO_THREADS } from './no-threads';
import { SimDisk } from './sim-disk';
import { JOBS_PER_WORKER } from '../../lib/verify/gate';
import { MIB, seededRandom } from './sim-torrent';

export const SIM_SETTINGS: EngineSettings = {
  peerThreads: 1,
  verifyThreads: 2,
  memoryBytes: 8 * MIB,
  port: undefined,
  host: undefined,
  maxConnections: 200,
  maxConnectionsPerTorrent: 100,
  connectionsPerAddress: 8,
  multiplePerAddress: false,
  maxHalfOpen: 32,
  dialsPerSec: 50,
  uploadSlots: 16,
  seedChoking: 'round-robin',
  limits: {
    maxConnections: 264,
    maxHandshakes: 128,
    dialTimeoutMs: 10_000,
    handshakeTimeoutMs: 10_000,
    requestTimeoutMs: 20_000,
    idleTimeoutMs: 240_000,
    keepAliveMs: 110_000,
    requestQueue: 500,
    uploadBufferBytes: 16 * MIB,
  },
  trace: undefined,
  logLevel: 'silent',
  version: '0.0.0',
};

export type JobPriority = 'live' | 'sync' | 'background';

/** A verify job without an answer yet. */
export interface PendingJob {
  readonly job: VerifyJob;
  readonly priority: JobPriority;
  resolve(result: VerifyResult): void;
  reject(error: Error): void;
}

/** An announce that waits for the spec's answer. */
export interface HeldAnnounce {
  readonly url: string;
  readonly event: AnnounceRequest['event'];
  readonly signal: AbortSignal;
  answer(reply?: Partial<AnnounceReply>): void;
  fail(error: Error): void;
}

export type Order<Type extends PeerOrder['type']> = Extract<PeerOrder, { readonly type: Type }>;
export type Event<Type extends EngineEvent['type']> = Extract<EngineEvent, { readonly type: Type }>;

export interface SimEngineOptions {
  readonly seed?: number;
  readonly settings?: Partial<EngineSettings>;
  /** Keeps a journal of the run. */
  readonly record?: boolean;
  /** Receives orders as they come; default: the list `orders`. */
  readonly onOrder?: (thread: number, order: PeerOrder) => void;
  /** Receives jobs as they come; default: the list `jobs`. */
  readonly onJob?: (job: PendingJob) => void;
  /** Receives log records of every level. */
  readonly onLog?: (level: LogLevel, message: string) => void;
  /** Runs timers; default: they fire as `pass` moves the clock. */
  readonly onTimer?: Clock['after'];
}

/** What a spec may say of a torrent that it adds. */
export type SimRequest = TorrentOptions & Pick<AddRequest, 'peers'>;

/** The engines of the test that runs. */
const engines: SimEngine[] = [];

// The loop logs what a handler throws and goes on. A test that means to see that takes it out of `logs`.
if (typeof afterEach === 'function')
  afterEach('no handler has failed', () => {
    const failures = engines
      .splice(0)
      .flatMap(({ logs }) => logs)
      .filter(({ message }) => message.includes('could not be handled'));
    expect(failures).to.deep.equal([]);
  });

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

export class SimEngine implements Engine {
  readonly state: EngineState;
  readonly slab: Slab;
  readonly table: BlockTable;
  readonly generations: GenerationCounter;
  readonly turn: Turn;
  /** What the app thread calls; it starts and stops no real threads. */
  readonly control: EngineControl;
  /** Defined where the run is recorded. */
  readonly recorder: Recorder | undefined;
  readonly verify: VerifyOutlet;
  readonly disk = new SimDisk();
  readonly clock: Clock;
  readonly #timers = new Set<Timer>();
  /** Orders since the last `takeOrders`. */
  orders: { readonly thread: number; readonly order: PeerOrder }[] = [];
  events: EngineEvent[] = [];
  /** Records of level warn and above; specs expect to know each of them. */
  readonly logs: { readonly level: LogLevel; readonly message: string }[] = [];
  jobs: PendingJob[] = [];
  readonly announces: { readonly url: string; readonly request: AnnounceRequest }[] = [];
  handlesClosed = 0;
  /** What came by the loop so far; of a recorded run, from outside. */
  readonly happened = new Set<Happening['type']>();
  /** What trackers answer; default: no peers. */
  answerAnnounce: (url: string, request: AnnounceRequest) => Promise<AnnounceReply> = () =>
    Promise.resolve({ intervalSec: 1800, peers: [] });
  clockMs = 1_000_000;
  /** How far the time of day is ahead of the clock. */
  wallAheadMs = 0;
  /** When the engine wants its next tick; `Infinity` when it wants none. */
  tickAtMs = Infinity;
  readonly #loop: Loop;
  readonly #options: SimEngineOptions;
  readonly #random: () => number;
  #nextTorrent = 1;

  constructor(options: SimEngineOptions = {}) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 1);
    const settings = { ...SIM_SETTINGS, ...options.settings };
    const slabBytes = settings.memoryBytes + settings.memoryBytes / 4;
    this.slab = Slab.allocate(slabBytes);
    this.table = new BlockTable(
      new SharedArrayBuffer(BlockTable.byteLength(this.slab.unitCount)),
      this.slab.unitCount,
    );
    this.clock = {
      nowMs: () => this.clockMs,
      wallMs: () => this.clockMs + this.wallAheadMs,
      after: options.onTimer ?? ((delayMs, callback) => this.#after(delayMs, callback)),
      soon: (callback) => this.#after(0, callback),
    };
    this.verify = {
      maxJobs: settings.verifyThreads * JOBS_PER_WORKER,
      submit: (job, priority) =>
        new Promise<VerifyResult>((resolve, reject) => {
          const pending = { job, priority, resolve, reject };
          if (options.onJob) options.onJob(pending);
          else this.jobs.push(pending);
        }),
      closeHandles: () => void this.handlesClosed++,
    };
    const start = {
      settings,
      peerId: Buffer.from(`-MR0000-sim${String(options.seed ?? 1).padStart(9, '0')}`),
      maxBytes: settings.memoryBytes,
      minVerifyThreads: settings.verifyThreads,
    };
    this.#loop = new Loop(this);
    this.recorder = options.record
      ? new Recorder(
          {
            ...start,
            peerId: start.peerId.toString('hex'),
            unitCount: this.table.unitCount,
            maxJobs: this.verify.maxJobs,
          },
          this,
        )
      : undefined;
    this.state = this.recorder?.engine.state ?? initialState({ ...start, table: this.table });
    this.generations = this.recorder?.engine.generations ?? new GenerationCounter();
    this.turn = this.recorder?.engine.turn ?? newTurn();
    this.control = this.recorder?.control ?? engineControl(this, NO_THREADS);
    if (typeof afterEach === 'function') engines.push(this);
  }

  order(thread: number, order: PeerOrder): void {
    if (this.#options.onOrder) this.#options.onOrder(thread, order);
    else this.orders.push({ thread, order });
  }

  emit(event: EngineEvent): void {
    this.events.push(event);
  }

  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#options.onLog?.(level, message);
    if (level === 'warn' || level === 'error' || level === 'fatal')
      this.logs.push({ level, message: `${message} ${JSON.stringify(fields)}` });
  }

  announce(url: string, request: AnnounceRequest, signal: AbortSignal): Promise<AnnounceReply> {
    this.announces.push({ url, request });
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () =>
        reject(new MillraceError('aborted', 'the announce was given up')),
      );
      this.answerAnnounce(url, request).then(resolve, reject);
    });
  }

  nowMs(): number {
    return this.clockMs;
  }

  random(): number {
    return this.#random();
  }

  paceDial(dial: () => Promise<void>): void {
    void dial();
  }

  paceAnnounce(announce: () => Promise<void>): void {
    void announce();
  }

  tickBy(atMs: number): void {
    this.tickAtMs = Math.min(this.tickAtMs, atMs);
  }

  happen(happening: Happening): void {
    this.happened.add(happening.type);
    if (this.recorder) this.recorder.happen(happening);
    else this.#loop.happen(happening);
  }

  // ---- for specs ----

  /** From now on each dial waits until the spec calls its function in the returned list. */
  holdDials(): (() => Promise<void>)[] {
    const waiting: (() => Promise<void>)[] = [];
    this.paceDial = (dial) => void waiting.push(dial);
    return waiting;
  }

  /**
   * From now on trackers answer when the spec decides. Aborted announces can still be answered:
   * their answer may already be on its way from the socket.
   */
  holdAnnounces(): HeldAnnounce[] {
    const held: HeldAnnounce[] = [];
    this.announce = (url, request, signal) => {
      this.announces.push({ url, request });
      return new Promise((resolve, fail) => {
        const answer = (reply: Partial<AnnounceReply> = {}): void =>
          resolve({ intervalSec: 1800, peers: [], ...reply });
        held.push({ url, event: request.event, signal, answer, fail });
      });
    };
    return held;
  }

  /** Facts of one batch, as a peer thread would send them. */
  facts(...facts: readonly PeerFact[]): void {
    const [first] = facts;
    const thread = first && 'connection' in first ? first.connection % 32 : 0;
    this.happen({ type: 'facts', thread, facts });
  }

  /** A peer thread dies; the log record of it is expected and removed. */
  threadDies(thread: number): void {
    const records = this.logs.length;
    const error = new MillraceError('thread-died', 'out of memory');
    this.happen({ type: 'thread-died', thread, error });
    this.logs.splice(records, 1);
  }

  #after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.clockMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Number of pending timers. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Moves the clock and fires timers, but does not tick. */
  passTimers(ms: number): void {
    this.clockMs += ms;
    for (const timer of [...this.#timers].sort((a, b) => a.atMs - b.atMs)) {
      if (timer.atMs <= this.clockMs && this.#timers.delete(timer)) timer.callback();
    }
  }

  /** Moves the clock, fires timers and ticks at the end. */
  pass(ms: number): void {
    this.passTimers(ms);
    this.tickAtMs = Infinity;
    this.happen({ type: 'tick', loopBusy: 0, processBusy: 0 });
  }

  /** Adds a torrent that is stored in memory; its recheck waits in `jobs`. */
  async add(metainfo: Metainfo, request: Partial<SimRequest> = {}): Promise<KnownTorrent> {
    const id = this.#nextTorrent++;
    const torrent = await this.#addById(id, addRequest(metainfo, request));
    if (!isKnown(torrent)) throw new Error('the torrent has no content');
    return torrent;
  }

  /** Adds a torrent of which only the info hash and the trackers are known. */
  addUnknown(metainfo: Metainfo, request: Partial<SimRequest> = {}): Promise<TorrentState> {
    const known = addRequest(metainfo, request);
    return this.#addById(this.#nextTorrent++, { ...known, metainfo: undefined });
  }

  async #addById(id: number, request: AddRequest): Promise<TorrentState> {
    await this.control.add(id, request);
    const torrent = this.state.torrents.get(id);
    if (torrent === undefined) throw new Error('the torrent was not added');
    return torrent;
  }

  ordersOf<Type extends PeerOrder['type']>(type: Type, connection?: number): Order<Type>[] {
    return this.orders
      .map(({ order }) => order)
      .filter((order): order is Order<Type> => order.type === type)
      .filter((order) => connection === undefined || connectionOf(order) === connection);
  }

  /** The orders since the last call. */
  takeOrders(): PeerOrder[] {
    const orders = this.orders.map(({ order }) => order);
    this.orders = [];
    return orders;
  }

  eventsOf<Type extends EngineEvent['type']>(type: Type): Event<Type>[] {
    return this.events.filter((event): event is Event<Type> => event.type === type);
  }

  /** True when nothing is committed and no unit is in use or in quarantine. */
  get memoryIsBack(): boolean {
    const { budget, slab } = this.state;
    return (
      budget.committedBytes === 0 &&
      slab.quarantinedUnits === 0 &&
      slab.freeUnits === this.table.unitCount
    );
  }
}

/** The request of an app: a download that is stored in memory, unless `request` overrides it. */
export function addRequest(metainfo: Metainfo, request: Partial<SimRequest> = {}): AddRequest {
  const { infoHash, name, trackers } = metainfo;
  const { peers = [], ...wanted } = request;
  const options = {
    output: '/nowhere',
    force: false,
    adopt: false,
    followLinks: false,
    download: true,
    recheck: false,
    seed: true,
    superSeed: false,
    announceToAll: 'none' as const,
    storage: { module: 'memory' },
    ...wanted,
  };
  return { infoHash, name, trackers, metainfo, maxMetadataBytes: 2 ** 25, peers, options };
}

function connectionOf(order: PeerOrder): number | undefined {
  if (order.type === 'lease') return order.lease.connection;
  return 'connection' in order ? order.connection : undefined;
}

/** Lets every promise that can settle settle. */
export function settled(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}
