// The block table: a 32-bit word of shared memory for each slab unit, with the state of its block.
// Peer threads claim and publish, the coordinator assigns and revokes. Every change is a
// compare-and-exchange against the expected word, so a late writer fails.

import { MillraceError } from '../errors/millrace-error';

// A word is { generation: 25 bits, thread: 5 bits, state: 2 bits }, high to low.
const STATE_MASK = 0b11;
const THREAD_SHIFT = 2;
const THREAD_MASK = 0b11111;
const GENERATION_SHIFT = 7;

/** Peer threads are numbered 0 … 31: five bits of the word. */
export const MAX_THREADS = THREAD_MASK + 1;

/**
 * Generations are 1 … 2^25 − 1; 0 means that the unit belongs to no piece.
 *
 * They wrap around. At 1 GiB/s of the smallest pieces (16 KiB, one generation each: 65,536 a
 * second) that takes 2^25 / 65,536 = 512 s. A stale claim could succeed only if the same number
 * came up again for the same unit while the order with that number still waits in a mailbox, which
 * is emptied many times a second.
 */
export const MAX_GENERATION = 2 ** 25 - 1;

/** The block is not here, and no thread is writing it. */
export const MISSING = 0;
/** A writer holds the unit during one synchronous copy. */
export const ARRIVING = 1;
/** The complete block is here. */
export const HERE = 2;
/** The unit does not have that generation: it belongs to another piece, or to none. */
export const STALE = 3;

/** The result of `stateOf`: MISSING, ARRIVING, HERE or STALE. */
export type UnitState = typeof MISSING | typeof ARRIVING | typeof HERE | typeof STALE;

/** The claim succeeded: copy, then publish, in the same synchronous step. */
export const CLAIMED = 0;
/** Another connection is writing this block now. */
export const BUSY = 1;

/** The result of `claim`: CLAIMED, BUSY, HERE (another connection was faster) or STALE. */
export type ClaimResult = typeof CLAIMED | typeof BUSY | typeof HERE | typeof STALE;

/** Consecutive units. */
export interface UnitRange {
  readonly first: number;
  readonly count: number;
}

export class BlockTable {
  readonly buffer: SharedArrayBuffer;
  readonly unitCount: number;
  private readonly words: Int32Array;
  // The connection that filled each unit. Unshared semantics suffice: written by the holder of the
  // claim, and made visible by the exchange that publishes the word.
  private readonly owners: Int32Array;

  /** Bytes of shared memory for a table of `units` units: a word and an owner each. */
  static byteLength(units: number): number {
    return units * 2 * Int32Array.BYTES_PER_ELEMENT;
  }

  constructor(
    buffer: SharedArrayBuffer,
    units: number = Math.floor(buffer.byteLength / BlockTable.byteLength(1)),
  ) {
    this.buffer = buffer;
    this.unitCount = units;
    this.words = new Int32Array(buffer, 0, units);
    this.owners = new Int32Array(buffer, units * Int32Array.BYTES_PER_ELEMENT, units);
  }

  /**
   * For a writer: takes a unit that is missing at exactly this generation. After CLAIMED the caller
   * must copy and publish before it returns to its event loop; after any other result it must not
   * touch the unit.
   */
  claim(unit: number, generation: number, thread: number, connection: number): ClaimResult {
    // 0 is no generation: without this check a zero would match a unit that belongs to no piece.
    if (!(generation > 0 && generation <= MAX_GENERATION)) return STALE;
    const expected = generation << GENERATION_SHIFT;
    const seen = Atomics.compareExchange(
      this.words,
      unit,
      expected,
      expected | (thread << THREAD_SHIFT) | ARRIVING,
    );
    if (seen === expected) {
      this.owners[unit] = connection;
      return CLAIMED;
    }
    if (seen >>> GENERATION_SHIFT !== generation) return STALE;
    return (seen & STATE_MASK) === HERE ? HERE : BUSY;
  }

  /** For a writer: the complete block is in the unit that this thread claimed. */
  publish(unit: number, generation: number, thread: number): void {
    const held = (generation << GENERATION_SHIFT) | (thread << THREAD_SHIFT) | ARRIVING;
    if (Atomics.compareExchange(this.words, unit, held, held ^ ARRIVING ^ HERE) !== held) {
      throw broken(`thread ${thread} published unit ${unit} without holding it`);
    }
  }

  /** For the coordinator: assigns a free unit to a piece. */
  assign(unit: number, generation: number): void {
    if (!(Number.isInteger(generation) && generation > 0 && generation <= MAX_GENERATION)) {
      throw broken(`${generation} is not a generation`);
    }
    const word = generation << GENERATION_SHIFT;
    if (!(unit < this.unitCount) || Atomics.compareExchange(this.words, unit, 0, word) !== 0) {
      throw broken(`unit ${unit} was assigned while it is not free`);
    }
  }

  /**
   * For the coordinator: takes a unit from its piece, in any state. Returns false while a writer is
   * copying: the unit must not be assigned yet, and `revoke` must be called again later.
   */
  revoke(unit: number): boolean {
    let seen = Atomics.load(this.words, unit);
    for (;;) {
      if ((seen & STATE_MASK) === ARRIVING) return false;
      // A writer may claim or publish in between; each round starts from the newer word.
      const now = Atomics.compareExchange(this.words, unit, seen, 0);
      if (now === seen) return true;
      seen = now;
    }
  }

  /** The state of the block, for a piece at `generation`. */
  stateOf(unit: number, generation: number): UnitState {
    const word = Atomics.load(this.words, unit);
    if (word >>> GENERATION_SHIFT !== generation) return STALE;
    return (word & STATE_MASK) as UnitState;
  }

  /**
   * The connection that filled a unit. Valid only for a unit seen as HERE; else it may be outdated.
   */
  ownerOf(unit: number): number {
    return this.owners[unit] ?? 0;
  }

  /**
   * For the coordinator, only after that thread's exit event: units that it was writing are missing
   * again, at the same generation. Returns their number.
   */
  reclaimThread(thread: number, range: UnitRange = { first: 0, count: this.unitCount }): number {
    let reclaimed = 0;
    for (let unit = range.first; unit < range.first + range.count; unit++) {
      const word = Atomics.load(this.words, unit);
      if ((word & STATE_MASK) !== ARRIVING) continue;
      if (((word >>> THREAD_SHIFT) & THREAD_MASK) !== thread) continue;
      const missing = (word >>> GENERATION_SHIFT) << GENERATION_SHIFT;
      if (Atomics.compareExchange(this.words, unit, word, missing) === word) reclaimed++;
    }
    return reclaimed;
  }
}

/** Hands out generations 1, 2, … `MAX_GENERATION`, 1, … */
export class GenerationCounter {
  private last: number;

  constructor(last = 0) {
    this.last = last;
  }

  next(): number {
    this.last = this.last >= MAX_GENERATION ? 1 : this.last + 1;
    return this.last;
  }
}

function broken(what: string): MillraceError {
  return new MillraceError('unexpected', `the block table's rules were broken: ${what}`);
}
