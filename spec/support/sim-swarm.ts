// A whole swarm in virtual time: nodes, the links between them, and a trace that makes two runs
// comparable. It uses no socket and no thread, and runs as fast as the machine can compute it.

import { inspect } from 'node:util';
import { SimClock } from './sim-clock';
import type { AnnounceReply, AnnounceRequest } from '../../lib/tracker/announce';
import { settled } from './sim-engine';
import { noteSimulation } from './recipes';
import type { Simulation } from './recipes';
import type { EngineEvent } from '../../lib/messages/control';
import type { WireWatch } from './sim-connection';
import { SimNetwork } from './sim-network';
import { SimNode } from './sim-node';
import type { SimNodeOptions } from './sim-options';
import { SIM_PORT } from './sim-peer-thread';
import { simTorrent, seededRandom } from './sim-torrent';
import type { SimTorrent } from './sim-torrent';
import { Trace } from './sim-trace';
import { Buffers } from './sim-uplink';
import type { PeerFact, PeerOrder } from '../../lib/messages/peer-thread';

export interface SimSwarmOptions {
  readonly seed?: number;
  readonly totalLengthBytes: number;
  readonly pieceLengthBytes: number;
  /** Nodes that know the torrent serve its metadata (BEP 9). Default: they reject requests for it. */
  readonly metadata?: boolean;
  /** The torrent is private (BEP 27). */
  readonly private?: boolean;
  /** Nodes find each other through a tracker with this interval; otherwise call `introduceAll`. */
  readonly trackerIntervalSec?: number;
}

/** Sees what the nodes of a swarm do. */
export interface SimObserver {
  onFact(node: SimNode, fact: PeerFact): void;
  onOrder(node: SimNode, order: PeerOrder): void;
  onEvent(node: SimNode, event: EngineEvent): void;
  onLog(node: SimNode, message: string): void;
  /** The coordinator of the node has done what was due. */
  onTick(node: SimNode): void;
}

const TRACKER_URL = 'http://tracker.example/announce';

const ON_ONE_LINE = { breakLength: Infinity, maxArrayLength: Infinity } as const;

export class SimSwarm implements Simulation {
  readonly seed: number;
  readonly clock = new SimClock();
  readonly network: SimNetwork;
  readonly buffers = new Buffers();
  /** Sees all that happens. */
  observer: SimObserver | undefined;
  /** Makes the referee of one end of a connection. */
  watchWire: ((node: SimNode, fast: boolean) => WireWatch) | undefined;
  readonly torrent: SimTorrent;
  readonly servesMetadata: boolean;
  readonly nodes: SimNode[] = [];
  readonly random: () => number;
  readonly startedMs: number;
  #byHost = new Map<string, SimNode>();
  readonly #intervalSec: number | undefined;
  /** Hosts that have announced and not left. */
  readonly #announced = new Set<string>();
  /** What a spec did with the swarm, and when. */
  readonly #journal: string[] = [];
  readonly #trace = new Trace();

  constructor(options: SimSwarmOptions) {
    noteSimulation(this);
    const { seed = 1, ...others } = options;
    this.#journal.push(`swarm ${inspect({ seed, ...others }, ON_ONE_LINE)}`);
    this.seed = seed;
    this.#intervalSec = options.trackerIntervalSec;
    const trackers = this.#intervalSec === undefined ? [] : [[TRACKER_URL]];
    this.torrent = simTorrent({ ...options, trackers, seed: 7 });
    this.servesMetadata = options.metadata ?? false;
    this.random = seededRandom(this.seed);
    this.network = new SimNetwork(this.clock, seededRandom(this.seed + 1));
    this.startedMs = this.clock.nowMs;
  }

  /** Adds a node and starts it; it knows no other node yet. */
  async add(options: SimNodeOptions = {}): Promise<SimNode> {
    const node = new SimNode(this, this.nodes.length + 1, options);
    this.record(node, 'add', inspect(options, ON_ONE_LINE));
    this.nodes.push(node);
    this.#byHost.set(node.host, node);
    await node.start();
    return node;
  }

  /** Makes every node known to every other, as a tracker does. */
  introduceAll(): void {
    this.#journal.push(`${this.#time} introduceAll`);
    const { length } = this.#journal;
    for (const node of this.nodes)
      if (!node.gone) node.meet(...this.nodes.filter((other) => other !== node));
    this.#journal.length = length;
  }

  /** Adds the other nodes to a node that starts again, unless there is a tracker. */
  introduce(node: SimNode): void {
    if (this.#intervalSec === undefined) node.meet(...this.nodes.filter((other) => other !== node));
  }

  /** Records an action of a spec on a node. */
  record(node: SimNode, what: string, more = ''): void {
    this.#journal.push(`${this.#time} ${node.host} ${what} ${more}`.trimEnd());
  }

  get #time(): string {
    return `${this.elapsedSec.toFixed(3)} s`;
  }

  /** The steps that reproduce this swarm, and its present state. */
  get recipe(): string {
    return [...this.#journal, `${this.#time} ${this}`].join('\n  ');
  }

  /** The answer of the tracker: other nodes, up to `numWant`, at random if it knows more. */
  announce(node: SimNode, { event, numWant }: AnnounceRequest): AnnounceReply {
    if (event === 'stopped') this.#announced.delete(node.host);
    else this.#announced.add(node.host);
    const others = [...this.#announced].filter((host) => host !== node.host);
    return {
      intervalSec: this.#intervalSec ?? 1800,
      peers: this.#some(others, numWant).map((host) => ({ host, port: SIM_PORT })),
    };
  }

  #some(hosts: string[], count: number): readonly string[] {
    if (hosts.length <= count) return hosts;
    for (let at = 0; at < count; at++) {
      const other = at + Math.floor(this.random() * (hosts.length - at));
      [hosts[at], hosts[other]] = [hosts[other] as string, hosts[at] as string];
    }
    return hosts.slice(0, count);
  }

  find(host: string): SimNode | undefined {
    return this.#byHost.get(host);
  }

  /** Seconds of virtual time so far. */
  get elapsedSec(): number {
    return (this.clock.nowMs - this.startedMs) / 1000;
  }

  /** Runs until `done` holds, or throws after `limitSec` of virtual time. */
  async run(done: () => boolean, limitSec: number): Promise<void> {
    // A journal orders inputs and promises, so each promise gets time to settle.
    const isRecorded = this.nodes.some(({ options }) => options.record);
    while (!done()) {
      if (this.elapsedSec > limitSec) throw new Error(`not done after ${limitSec} s: ${this}`);
      const step = this.clock.step();
      // A promise that is awaited costs a turn of the microtasks, so only where there is one.
      if (!(typeof step === 'boolean' ? step : await step))
        throw new Error('nothing will ever happen again');
      if (isRecorded) await settled();
    }
  }

  /** Runs until every present node has every piece. */
  runUntilComplete(limitSec: number): Promise<void> {
    let at = 0; // The nodes before it are done, and stay so.
    const done = (): boolean => {
      for (let node = this.nodes[at]; node; node = this.nodes[++at])
        if (!node.gone && node.completedMs === undefined) return false;
      return true;
    };
    return this.run(done, limitSec);
  }

  async runFor(sec: number): Promise<void> {
    const end = this.elapsedSec + sec;
    await this.run(() => this.elapsedSec >= end, end + 1);
  }

  /** A message between the threads of a node becomes part of the trace. */
  noteFact(node: SimNode, fact: PeerFact): void {
    this.#trace.note(this.clock.nowMs, node.host, fact);
    this.observer?.onFact(node, fact);
  }

  noteOrder(node: SimNode, order: PeerOrder): void {
    this.#trace.note(this.clock.nowMs, node.host, order);
    this.observer?.onOrder(node, order);
  }

  /** What happened, in two numbers. */
  get trace(): string {
    return this.#trace.text;
  }

  toString(): string {
    return this.nodes
      .map(({ host, gone, state }) => {
        const phase = gone ? 'gone' : state.phase;
        const left = state.content?.possession.missingWantedPieces ?? 'unknown';
        return `${host} ${phase} ${left} left, ${state.peers.size} peers`;
      })
      .join('; ');
  }
}
