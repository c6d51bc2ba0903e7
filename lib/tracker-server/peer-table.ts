// PURE. The peers of one torrent and one address family in a tracker: packed contiguously, seeds
// first, so that a reply is a copy of bytes and a peer takes few bytes.

import { PEER_ID_LENGTH_BYTES } from '../bytes/lengths';
import { COMPACT_IPV4_BYTES } from '../address/compact-peers';

const FIRST_CAPACITY = 2;

export class PeerTable {
  /** Length of an address and a port in bytes: 6 or 18. */
  private readonly stride: number;
  /** Slot of a peer by its address and port. */
  private readonly slots = new Map<number | string, number>();
  /** Slots 0 … seeds − 1 hold seeds, those up to `count` − 1 all others. */
  private seedCount = 0;
  private pausedCount = 0;
  private capacity = FIRST_CAPACITY;
  private compact: Uint8Array;
  private ids = new Uint8Array(FIRST_CAPACITY * PEER_ID_LENGTH_BYTES);
  private seenMs = new Float64Array(FIRST_CAPACITY);
  private pausedFlags = new Uint8Array(FIRST_CAPACITY);

  constructor(stride: number) {
    this.stride = stride;
    this.compact = new Uint8Array(FIRST_CAPACITY * stride);
  }

  get count(): number {
    return this.slots.size;
  }

  get seeds(): number {
    return this.seedCount;
  }

  /** Partial seeds (BEP 21). */
  get paused(): number {
    return this.pausedCount;
  }

  /** The slot of this peer, or −1. `peer` is packed: address and port. */
  find(peer: Uint8Array): number {
    return this.slots.get(this.keyOf(peer, 0)) ?? -1;
  }

  isSeed(slot: number): boolean {
    return slot < this.seedCount;
  }

  /** Adds a peer that is not in the table. */
  add(peer: Uint8Array, peerId: Uint8Array, seed: boolean, paused: boolean, nowMs: number): void {
    const slot = this.slots.size;
    if (slot === this.capacity) this.grow();
    this.compact.set(peer, slot * this.stride);
    this.slots.set(this.keyOf(peer, 0), slot);
    this.pausedFlags[slot] = 0;
    this.update(slot, peerId, seed, paused, nowMs);
  }

  /** Updates the peer in `slot`, which may move. */
  update(slot: number, peerId: Uint8Array, seed: boolean, paused: boolean, nowMs: number): void {
    this.ids.set(peerId, slot * PEER_ID_LENGTH_BYTES);
    this.seenMs[slot] = nowMs;
    const flag = paused ? 1 : 0;
    this.pausedCount += flag - (this.pausedFlags[slot] ?? 0);
    this.pausedFlags[slot] = flag;
    if (seed === slot < this.seedCount) return;
    if (seed) {
      this.swap(slot, this.seedCount);
      this.seedCount += 1;
    } else {
      this.seedCount -= 1;
      this.swap(slot, this.seedCount);
    }
  }

  remove(slot: number): void {
    this.pausedCount -= this.pausedFlags[slot] ?? 0;
    let hole = slot;
    if (hole < this.seedCount) {
      this.seedCount -= 1;
      this.swap(hole, this.seedCount);
      hole = this.seedCount;
    }
    const last = this.slots.size - 1;
    this.swap(hole, last);
    this.slots.delete(this.keyOf(this.compact, last * this.stride));
    // A swarm that has shrunk must free its memory.
    if (this.capacity > 4 * FIRST_CAPACITY && last < this.capacity / 4)
      this.resize(this.capacity / 2);
  }

  /** The packed address and port in a slot: a view, valid until the next change. */
  peerAt(slot: number): Uint8Array {
    return this.compact.subarray(slot * this.stride, (slot + 1) * this.stride);
  }

  /**
   * Removes each peer whose last announce was at `deadMs` or before, and calls `onRemove` first.
   * Returns the oldest last announce among the others; `Infinity` if there is none. Linear time.
   */
  expire(deadMs: number, onRemove: (peer: Uint8Array) => void): number {
    let oldestMs = Infinity;
    // From the end: a peer that a removal moves into a slot was already visited, or will be.
    for (let slot = this.slots.size - 1; slot >= 0; slot -= 1) {
      const seenMs = this.seenMs[slot] ?? 0;
      if (seenMs > deadMs) {
        oldestMs = Math.min(oldestMs, seenMs);
        continue;
      }
      onRemove(this.peerAt(slot));
      this.remove(slot);
    }
    return oldestMs;
  }

  /**
   * Writes up to `wanted` packed peers into `target`, starting at random places; never the one in
   * `skip` (−1: none). With seeds, these are half of the result if there are enough of both kinds.
   * `ids`, if given, receives the peer ids in the same order. Returns the number of bytes written.
   */
  choose(
    target: Uint8Array,
    wanted: number,
    skip: number,
    withSeeds: boolean,
    random: () => number,
    ids?: Uint8Array[],
  ): number {
    const { count, seeds } = this;
    const others = count - seeds - (skip >= seeds ? 1 : 0);
    const usableSeeds = withSeeds ? seeds - (skip >= 0 && skip < seeds ? 1 : 0) : 0;
    const fromSeeds = Math.min(usableSeeds, Math.max(wanted >> 1, wanted - others));
    const fromOthers = Math.min(others, wanted - fromSeeds);
    this.copy(target, 0, fromSeeds, 0, seeds, skip, random, ids);
    this.copy(target, fromSeeds, fromOthers, seeds, count, skip, random, ids);
    return (fromSeeds + fromOthers) * this.stride;
  }

  /** Copies `amount` peers of the slots `from` … `to` − 1, wrapping around. */
  private copy(
    chosen: Uint8Array,
    at: number,
    amount: number,
    from: number,
    to: number,
    skip: number,
    random: () => number,
    ids: Uint8Array[] | undefined,
  ): void {
    if (amount === 0) return;
    const stride = this.stride;
    let slot = from + Math.min(Math.floor(random() * (to - from)), to - from - 1);
    let target = at * stride;
    for (let left = amount; left > 0;) {
      if (slot !== skip) {
        const source = slot * stride;
        for (let byte = 0; byte < stride; byte += 1) {
          chosen[target + byte] = this.compact[source + byte] ?? 0;
        }
        ids?.push(this.ids.slice(slot * PEER_ID_LENGTH_BYTES, (slot + 1) * PEER_ID_LENGTH_BYTES));
        target += stride;
        left -= 1;
      }
      slot += 1;
      if (slot === to) slot = from;
    }
  }

  /** Six bytes fit into a number exactly; eighteen become a string. */
  private keyOf(bytes: Uint8Array, at: number): number | string {
    if (this.stride === COMPACT_IPV4_BYTES) {
      const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      const middle = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
      return (
        high * 2 ** 32 + middle * 2 ** 16 + (((bytes[at + 4] ?? 0) << 8) | (bytes[at + 5] ?? 0))
      );
    }
    return Buffer.from(bytes.buffer, bytes.byteOffset + at, this.stride).toString('latin1');
  }

  private swap(a: number, b: number): void {
    if (a === b) return;
    const stride = this.stride;
    const keyA = this.keyOf(this.compact, a * stride);
    const keyB = this.keyOf(this.compact, b * stride);
    swapBytes(this.compact, a * stride, b * stride, stride);
    swapBytes(this.ids, a * PEER_ID_LENGTH_BYTES, b * PEER_ID_LENGTH_BYTES, PEER_ID_LENGTH_BYTES);
    swapBytes(this.pausedFlags, a, b, 1);
    const seenMs = this.seenMs[a] ?? 0;
    this.seenMs[a] = this.seenMs[b] ?? 0;
    this.seenMs[b] = seenMs;
    this.slots.set(keyA, b);
    this.slots.set(keyB, a);
  }

  private grow(): void {
    // Grows by half once it is large: doubling 10,000 peers would waste half a megabyte.
    this.resize(this.capacity < 64 ? this.capacity * 2 : Math.ceil(this.capacity * 1.5));
  }

  private resize(capacity: number): void {
    this.capacity = Math.floor(capacity);
    this.compact = resized(this.compact, this.capacity * this.stride);
    this.ids = resized(this.ids, this.capacity * PEER_ID_LENGTH_BYTES);
    this.pausedFlags = resized(this.pausedFlags, this.capacity);
    const seenMs = new Float64Array(this.capacity);
    seenMs.set(this.seenMs.subarray(0, this.capacity));
    this.seenMs = seenMs;
  }
}

function resized(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}

function swapBytes(bytes: Uint8Array, a: number, b: number, length: number): void {
  for (let at = 0; at < length; at += 1) {
    const kept = bytes[a + at] ?? 0;
    bytes[a + at] = bytes[b + at] ?? 0;
    bytes[b + at] = kept;
  }
}
