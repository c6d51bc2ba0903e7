// Pending requests, oldest first, as numbers in linked slots. A cancel finds its request through a
// hash table, at the same cost for one pending request or two thousand. Most peers never cancel, so
// the table is built for the first cancel and kept until the queue is empty.

import { MillraceError } from '../errors/millrace-error';

/** Most peers never have more pending requests than this: 32 × 24 bytes. */
const INITIAL_CAPACITY = 32;

/** Links are 16-bit numbers. */
const MAX_CAPACITY = 2 ** 15;

/** No slot. */
const NONE = -1;

/** A slot number is a handle on a request, valid until the request is removed. */
export class RequestQueue {
  private readonly multipliers: readonly [number, number, number];
  private capacity = INITIAL_CAPACITY;
  private pieces = new Int32Array(INITIAL_CAPACITY);
  private begins = new Int32Array(INITIAL_CAPACITY);
  private lengths = new Int32Array(INITIAL_CAPACITY);
  /**
   * The neighbours of each request in order of age; `newer` of an unused slot is the next unused
   * one.
   */
  private older = new Int16Array(INITIAL_CAPACITY);
  private newer = new Int16Array(INITIAL_CAPACITY);
  private indexed = false;
  // The hash table contains the oldest of all requests for the same bytes; the others are linked to
  // it in a row. So repeated requests do not make a bucket longer.
  private buckets = new Int16Array(INITIAL_CAPACITY);
  private nextInBucket = new Int16Array(INITIAL_CAPACITY);
  private nextSame = new Int16Array(INITIAL_CAPACITY);
  /** The end of the row; valid for its oldest request. */
  private lastSame = new Int16Array(INITIAL_CAPACITY);
  private oldest = NONE;
  private newest = NONE;
  /** Slots below it are in use or in the list of unused ones; those above were never used. */
  private touched = 0;
  private unused = NONE;
  private count = 0;

  /** `seed`: any 32 bits unknown to the peer, which could otherwise fill one bucket on purpose. */
  constructor(seed: number) {
    // Multiply-shift hashing: random odd factors, and the high bits of the sum.
    this.multipliers = [scramble(seed) | 1, scramble(seed + 1) | 1, scramble(seed + 2) | 1];
  }

  get length(): number {
    return this.count;
  }

  /** The oldest request, or -1. */
  get first(): number {
    return this.oldest;
  }
  /** The next younger request, or -1. */
  next(slot: number): number {
    return this.newer[slot] ?? NONE;
  }

  pieceAt(slot: number): number {
    return this.pieces[slot] ?? 0;
  }
  beginAt(slot: number): number {
    return this.begins[slot] ?? 0;
  }
  lengthBytesAt(slot: number): number {
    return this.lengths[slot] ?? 0;
  }

  push(piece: number, begin: number, lengthBytes: number): void {
    if (this.count === this.capacity) this.grow();
    const slot = this.takeSlot();
    this.pieces[slot] = piece;
    this.begins[slot] = begin;
    this.lengths[slot] = lengthBytes;
    this.append(slot);
    if (this.indexed) this.index(slot);
  }

  /** Removes the oldest request for exactly these bytes; false if there is none. */
  cancel(piece: number, begin: number, lengthBytes: number): boolean {
    if (this.count === 0) return false;
    if (!this.indexed) this.indexAll();
    const slot = this.find(this.bucketOf(piece, begin, lengthBytes), piece, begin, lengthBytes);
    if (slot === NONE) return false;
    this.remove(slot);
    return true;
  }

  /** Removes the oldest request. */
  shift(): void {
    if (this.oldest !== NONE) this.remove(this.oldest);
  }

  clear(): void {
    this.oldest = this.newest = this.unused = NONE;
    this.touched = this.count = 0;
    this.indexed = false;
  }

  /** Removes every request for which `test` returns true; it is called from the oldest on. */
  removeIf(test: (slot: number) => boolean): void {
    for (let slot = this.oldest; slot !== NONE;) {
      const next = this.next(slot);
      if (test(slot)) this.remove(slot);
      slot = next;
    }
  }

  private takeSlot(): number {
    const slot = this.unused;
    if (slot === NONE) return this.touched++;
    this.unused = this.next(slot);
    return slot;
  }

  private append(slot: number): void {
    this.older[slot] = this.newest;
    this.newer[slot] = NONE;
    if (this.newest === NONE) this.oldest = slot;
    else this.newer[this.newest] = slot;
    this.newest = slot;
    this.count += 1;
  }

  /** Removes a request that is the oldest for its bytes. */
  private remove(slot: number): void {
    if (this.indexed) this.unindex(slot);
    const older = this.older[slot] ?? NONE;
    const newer = this.next(slot);
    if (older === NONE) this.oldest = newer;
    else this.newer[older] = newer;
    if (newer === NONE) this.newest = older;
    else this.older[newer] = older;
    this.newer[slot] = this.unused;
    this.unused = slot;
    this.count -= 1;
    if (this.count === 0) this.indexed = false;
  }

  /** Each request is indexed at most once, so the total cost is linear. */
  private indexAll(): void {
    this.buckets.fill(NONE);
    this.indexed = true;
    for (let slot = this.oldest; slot !== NONE; slot = this.next(slot)) this.index(slot);
  }

  private index(slot: number): void {
    const piece = this.pieceAt(slot);
    const begin = this.beginAt(slot);
    const lengthBytes = this.lengthBytesAt(slot);
    const bucket = this.bucketOf(piece, begin, lengthBytes);
    this.nextSame[slot] = NONE;
    const same = this.find(bucket, piece, begin, lengthBytes);
    if (same === NONE) {
      this.lastSame[slot] = slot;
      this.nextInBucket[slot] = this.buckets[bucket] ?? NONE;
      this.buckets[bucket] = slot;
    } else {
      this.nextSame[this.lastSame[same] ?? same] = slot;
      this.lastSame[same] = slot;
    }
  }

  /** Removes the oldest request of its row; the next one of the row replaces it. */
  private unindex(slot: number): void {
    const bucket = this.bucketOf(this.pieceAt(slot), this.beginAt(slot), this.lengthBytesAt(slot));
    let before = NONE;
    for (let at = this.buckets[bucket] ?? NONE; at !== slot && at !== NONE;) {
      before = at;
      at = this.nextInBucket[at] ?? NONE;
    }
    let successor = this.nextSame[slot] ?? NONE;
    const nextInBucket = this.nextInBucket[slot] ?? NONE;
    if (successor === NONE) successor = nextInBucket;
    else {
      this.lastSame[successor] = this.lastSame[slot] ?? successor;
      this.nextInBucket[successor] = nextInBucket;
    }
    if (before === NONE) this.buckets[bucket] = successor;
    else this.nextInBucket[before] = successor;
  }

  private find(bucket: number, piece: number, begin: number, lengthBytes: number): number {
    let slot = this.buckets[bucket] ?? NONE;
    while (
      slot !== NONE &&
      (this.begins[slot] !== begin ||
        this.pieces[slot] !== piece ||
        this.lengths[slot] !== lengthBytes)
    ) {
      slot = this.nextInBucket[slot] ?? NONE;
    }
    return slot;
  }

  private bucketOf(piece: number, begin: number, lengthBytes: number): number {
    const [a, b, c] = this.multipliers;
    const sum = Math.imul(piece, a) + Math.imul(begin, b) + Math.imul(lengthBytes, c);
    return (sum >>> 0) >>> (Math.clz32(this.capacity) + 1);
  }

  private grow(): void {
    if (this.capacity === MAX_CAPACITY) {
      throw new MillraceError('unexpected', `more than ${MAX_CAPACITY} requests wait`);
    }
    const requests: number[] = [];
    for (let slot = this.oldest; slot !== NONE; slot = this.next(slot)) {
      requests.push(this.pieceAt(slot), this.beginAt(slot), this.lengthBytesAt(slot));
    }
    const capacity = 2 * this.capacity;
    this.capacity = capacity;
    this.pieces = new Int32Array(capacity);
    this.begins = new Int32Array(capacity);
    this.lengths = new Int32Array(capacity);
    this.older = new Int16Array(capacity);
    this.newer = new Int16Array(capacity);
    this.buckets = new Int16Array(capacity);
    this.nextInBucket = new Int16Array(capacity);
    this.nextSame = new Int16Array(capacity);
    this.lastSame = new Int16Array(capacity);
    this.clear();
    for (let at = 0; at < requests.length; at += 3) {
      this.push(requests[at] ?? 0, requests[at + 1] ?? 0, requests[at + 2] ?? 0);
    }
  }
}

/** Spreads 32 bits over 32 (the finalizer of MurmurHash3). */
function scramble(value: number): number {
  let bits = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
