// The unanswered requests to a peer, in the order of sending, as numbers in a ring: nothing is
// allocated per request. Also remembers cancelled requests, whose blocks may still arrive.

import { MillraceError } from '../errors/millrace-error';
import type { LeaseRun } from './leases';
import { MAX_DEPTH_BLOCKS } from './pipeline';

/**
 * Most peers never get a deep pipeline, and those that only download from us get none: 32 × 28
 * bytes.
 */
const INITIAL_CAPACITY = 32;

/**
 * A power of two, twice the depth: holes left by answers out of order rarely require a compaction.
 */
const MAX_CAPACITY = 2 * MAX_DEPTH_BLOCKS;

/** A position is a handle that is valid until the next `push` or `remove`. */
export class Outstanding {
  private capacity = INITIAL_CAPACITY;
  private mask = INITIAL_CAPACITY - 1;
  private pieces = new Int32Array(INITIAL_CAPACITY);
  private begins = new Int32Array(INITIAL_CAPACITY);
  private lengths = new Int32Array(INITIAL_CAPACITY);
  private units = new Int32Array(INITIAL_CAPACITY);
  private sentAtMs = new Float64Array(INITIAL_CAPACITY);
  /** Undefined marks a hole. */
  private runs = emptyRuns(INITIAL_CAPACITY);
  private head = 0;
  private tail = 0;
  private live = 0;

  get count(): number {
    return this.live;
  }

  /** First and past-the-last position, including holes, for iteration in the order of sending. */
  get first(): number {
    return this.head;
  }
  get end(): number {
    return this.tail;
  }

  push(run: LeaseRun, begin: number, lengthBytes: number, unit: number, nowMs: number): void {
    if (this.tail - this.head === this.capacity) this.makeRoom();
    const at = this.tail & this.mask;
    this.pieces[at] = run.piece;
    this.begins[at] = begin;
    this.lengths[at] = lengthBytes;
    this.units[at] = unit;
    this.sentAtMs[at] = nowMs;
    this.runs[at] = run;
    this.tail += 1;
    this.live += 1;
  }

  /**
   * Position of a request, or -1. Peers answer in order, so the first comparison nearly always
   * matches.
   */
  find(piece: number, begin: number): number {
    for (let position = this.head; position < this.tail; position++) {
      const at = position & this.mask;
      if (this.begins[at] === begin && this.pieces[at] === piece && this.runs[at] !== undefined) {
        return position;
      }
    }
    return -1;
  }

  remove(position: number): void {
    this.runs[position & this.mask] = undefined;
    this.live -= 1;
    while (this.head < this.tail && this.runs[this.head & this.mask] === undefined) this.head += 1;
  }

  /** The lease of a request; undefined for a hole. */
  run(position: number): LeaseRun | undefined {
    return this.runs[position & this.mask];
  }
  begin(position: number): number {
    return this.begins[position & this.mask] ?? 0;
  }
  lengthBytes(position: number): number {
    return this.lengths[position & this.mask] ?? 0;
  }
  unit(position: number): number {
    return this.units[position & this.mask] ?? 0;
  }
  sentMs(position: number): number {
    return this.sentAtMs[position & this.mask] ?? 0;
  }

  /** Doubles a ring that is half full; otherwise compacts it, because the holes are room enough. */
  private makeRoom(): void {
    if (this.live === MAX_CAPACITY) {
      throw new MillraceError('unexpected', `more than ${MAX_CAPACITY} requests at one peer`);
    }
    if (this.capacity < MAX_CAPACITY && 2 * this.live >= this.capacity) this.grow();
    else this.compact();
  }

  private grow(): void {
    const { pieces, begins, lengths, units, sentAtMs, runs, mask } = this;
    this.capacity *= 2;
    this.mask = this.capacity - 1;
    this.pieces = new Int32Array(this.capacity);
    this.begins = new Int32Array(this.capacity);
    this.lengths = new Int32Array(this.capacity);
    this.units = new Int32Array(this.capacity);
    this.sentAtMs = new Float64Array(this.capacity);
    this.runs = emptyRuns(this.capacity);
    for (let position = this.head; position < this.tail; position++) {
      const from = position & mask;
      const to = position & this.mask;
      this.pieces[to] = pieces[from] ?? 0;
      this.begins[to] = begins[from] ?? 0;
      this.lengths[to] = lengths[from] ?? 0;
      this.units[to] = units[from] ?? 0;
      this.sentAtMs[to] = sentAtMs[from] ?? 0;
      this.runs[to] = runs[from];
    }
  }

  private compact(): void {
    let target = this.head;
    for (let position = this.head; position < this.tail; position++) {
      const from = position & this.mask;
      const run = this.runs[from];
      if (run === undefined) continue;
      const to = target & this.mask;
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

function emptyRuns(capacity: number): (LeaseRun | undefined)[] {
  return new Array<LeaseRun | undefined>(capacity).fill(undefined);
}

/**
 * Twice the depth: requests that were cancelled, repeated and cancelled again within a round trip.
 */
const FORGIVEN_CAPACITY = 2 * MAX_DEPTH_BLOCKS;

/** Requests that we withdrew (cancel, timeout, choke): their answers may already be in flight. */
export class Forgiven {
  /** Empty until something is withdrawn: many peers never time out or choke us. */
  private pieces = new Int32Array(0);
  private begins = new Int32Array(0);
  private next = 0;
  /**
   * Number of entries that were overwritten unanswered: that many blocks are accepted unchecked.
   */
  private overwritten = 0;

  remember(piece: number, begin: number): void {
    if (this.pieces.length === 0) {
      this.pieces = new Int32Array(FORGIVEN_CAPACITY).fill(-1);
      this.begins = new Int32Array(FORGIVEN_CAPACITY);
    }
    if (this.pieces[this.next] !== -1) this.overwritten += 1;
    this.pieces[this.next] = piece;
    this.begins[this.next] = begin;
    this.next = (this.next + 1) % FORGIVEN_CAPACITY;
  }

  /** Whether this block was requested before; each request allows one answer. */
  take(piece: number, begin: number): boolean {
    return this.takeKnown(piece, begin) || this.takeOverwritten();
  }

  /** The same, but only if its entry was not overwritten. */
  takeKnown(piece: number, begin: number): boolean {
    for (let at = 0; at < this.pieces.length; at++) {
      if (this.pieces[at] === piece && this.begins[at] === begin) {
        this.pieces[at] = -1;
        return true;
      }
    }
    return false;
  }

  /** The block may have been requested before: an entry was overwritten unanswered. */
  takeOverwritten(): boolean {
    if (this.overwritten === 0) return false;
    this.overwritten -= 1;
    return true;
  }
}
