// The requests that a peer has not answered yet, in the order sent, as numbers in a ring: nothing is
// allocated per request. And the memory of those taken back, whose blocks may still come.

import { MillraceError } from '../errors/millrace-error';
import type { LeaseRun } from './leases';
import { MAX_DEPTH_BLOCKS } from './pipeline';

/** A power of two, twice the depth: holes left by answers out of order rarely force a compaction. */
const CAPACITY = 2 * MAX_DEPTH_BLOCKS;
const MASK = CAPACITY - 1;

/** Positions are handles: valid until the next `push` or `remove`. */
export class Outstanding {
  private readonly pieces = new Int32Array(CAPACITY);
  private readonly begins = new Int32Array(CAPACITY);
  private readonly lengths = new Int32Array(CAPACITY);
  private readonly units = new Int32Array(CAPACITY);
  private readonly sentAtMs = new Float64Array(CAPACITY);
  /** Undefined marks a hole. */
  private readonly runs: (LeaseRun | undefined)[] = new Array<LeaseRun | undefined>(CAPACITY).fill(
    undefined,
  );
  private head = 0;
  private tail = 0;
  private live = 0;

  get count(): number {
    return this.live;
  }

  /** First and past-the-last position, holes included, for a walk in the order sent. */
  get first(): number {
    return this.head;
  }
  get end(): number {
    return this.tail;
  }

  push(run: LeaseRun, begin: number, lengthBytes: number, unit: number, nowMs: number): void {
    if (this.tail - this.head === CAPACITY) this.compact();
    const at = this.tail & MASK;
    this.pieces[at] = run.piece;
    this.begins[at] = begin;
    this.lengths[at] = lengthBytes;
    this.units[at] = unit;
    this.sentAtMs[at] = nowMs;
    this.runs[at] = run;
    this.tail += 1;
    this.live += 1;
  }

  /** Position of a request, or -1. Peers answer in order: nearly always the first look finds it. */
  find(piece: number, begin: number): number {
    for (let position = this.head; position < this.tail; position++) {
      const at = position & MASK;
      if (this.begins[at] === begin && this.pieces[at] === piece && this.runs[at] !== undefined) {
        return position;
      }
    }
    return -1;
  }

  remove(position: number): void {
    this.runs[position & MASK] = undefined;
    this.live -= 1;
    while (this.head < this.tail && this.runs[this.head & MASK] === undefined) this.head += 1;
  }

  /** The lease of a request; undefined for a hole. */
  run(position: number): LeaseRun | undefined {
    return this.runs[position & MASK];
  }
  begin(position: number): number {
    return this.begins[position & MASK] ?? 0;
  }
  lengthBytes(position: number): number {
    return this.lengths[position & MASK] ?? 0;
  }
  unit(position: number): number {
    return this.units[position & MASK] ?? 0;
  }
  sentMs(position: number): number {
    return this.sentAtMs[position & MASK] ?? 0;
  }

  private compact(): void {
    if (this.live === CAPACITY) {
      throw new MillraceError('unexpected', `more than ${CAPACITY} requests at one peer`);
    }
    let target = this.head;
    for (let position = this.head; position < this.tail; position++) {
      const from = position & MASK;
      const run = this.runs[from];
      if (run === undefined) continue;
      const to = target & MASK;
      if (to !== from) {
        this.pieces[to] = this.pieces[from] ?? 0;
        this.begins[to] = this.begins[from] ?? 0;
        this.lengths[to] = this.lengths[from] ?? 0;
        this.units[to] = this.units[from] ?? 0;
        this.sentAtMs[to] = this.sentAtMs[from] ?? 0;
        this.runs[to] = run;
        this.runs[from] = undefined;
      }
      target += 1;
    }
    this.tail = target;
  }
}

/** Two depths' worth: what was taken back, asked again and taken back again within a round trip. */
const FORGIVEN_CAPACITY = 2 * MAX_DEPTH_BLOCKS;

/** Requests that we took back (cancel, time-out, choke): their blocks may be on the way already. */
export class Forgiven {
  private readonly pieces = new Int32Array(FORGIVEN_CAPACITY).fill(-1);
  private readonly begins = new Int32Array(FORGIVEN_CAPACITY);
  private next = 0;
  /** How many were overwritten unanswered: that many blocks are forgiven unseen. */
  private overwritten = 0;

  remember(piece: number, begin: number): void {
    if (this.pieces[this.next] !== -1) this.overwritten += 1;
    this.pieces[this.next] = piece;
    this.begins[this.next] = begin;
    this.next = (this.next + 1) % FORGIVEN_CAPACITY;
  }

  /** Whether this block was once asked for; each request forgives one block only. */
  take(piece: number, begin: number): boolean {
    for (let at = 0; at < FORGIVEN_CAPACITY; at++) {
      if (this.pieces[at] === piece && this.begins[at] === begin) {
        this.pieces[at] = -1;
        return true;
      }
    }
    if (this.overwritten === 0) return false;
    this.overwritten -= 1;
    return true;
  }
}
