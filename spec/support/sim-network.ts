// The network between simulated nodes: delay, jitter, the speed of each line, and partitions. Messages of
// one direction of a connection never overtake each other, as in TCP.

import type { SimClock } from './sim-clock';
import type { SimNode } from './sim-node';

/** One direction of a connection. */
export interface Flow {
  /** When its last message arrives. */
  lastMs: number;
}

interface Parcel {
  readonly from: SimNode;
  readonly to: SimNode;
  readonly flow: Flow;
  readonly lengthBytes: number;
  readonly arrive: () => void;
}

const DEFAULT_LATENCY_MS = 10;

export class SimNetwork {
  readonly #clock: SimClock;
  readonly #random: () => number;
  /** Nodes that reach each other only; undefined without a partition. */
  #island: ReadonlySet<SimNode> | undefined;
  /** What waits for the end of the partition: TCP sends it again. */
  #held: Parcel[] = [];

  constructor(clock: SimClock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  latencyMs(a: SimNode, b: SimNode): number {
    const { latencyMs: here = DEFAULT_LATENCY_MS } = a.options;
    const { latencyMs: there = DEFAULT_LATENCY_MS } = b.options;
    return (here + there) / 2;
  }

  /** Sends something; it arrives unless the receiver is gone. */
  send(parcel: Parcel): void {
    const { from, to, flow, lengthBytes } = parcel;
    let atMs = this.#clock.nowMs + this.latencyMs(from, to);
    const jitterMs = (from.options.jitterMs ?? 0) + (to.options.jitterMs ?? 0);
    if (jitterMs > 0) atMs += this.#random() * jitterMs;
    flow.lastMs = atMs = to.downlink.end(Math.max(atMs, flow.lastMs), lengthBytes);
    this.#clock.at(atMs, () => this.#arrive(parcel));
  }

  #arrive(parcel: Parcel): void {
    if (parcel.to.gone) return;
    if (this.reaches(parcel.from, parcel.to)) parcel.arrive();
    else this.#held.push(parcel);
  }

  reaches(a: SimNode, b: SimNode): boolean {
    return this.#island === undefined || this.#island.has(a) === this.#island.has(b);
  }

  /** From now on these nodes and the others cannot reach each other. */
  part(island: Iterable<SimNode>): void {
    this.heal();
    this.#island = new Set(island);
  }

  /** The end of the partition: what was sent meanwhile arrives. */
  heal(): void {
    this.#island = undefined;
    for (const parcel of this.#held.splice(0)) this.send(parcel);
  }
}

/** A line that receives one message after the other. */
export class Downlink {
  readonly #bytesPerMs: number;
  #freeMs = 0;

  constructor(bytesPerSec = Infinity) {
    this.#bytesPerMs = bytesPerSec / 1000;
  }

  /** When a message that comes at that time has been received. */
  end(atMs: number, lengthBytes: number): number {
    if (this.#bytesPerMs === Infinity) return atMs;
    this.#freeMs = Math.max(atMs, this.#freeMs) + lengthBytes / this.#bytesPerMs;
    return this.#freeMs;
  }
}
