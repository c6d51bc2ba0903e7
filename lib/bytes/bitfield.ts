// A fixed number of bits in wire order: the high bit of byte 0 is index 0 (BEP 3). They may lie in
// memory shared by several threads; then exactly one thread may write.
import { MillraceError } from '../errors/millrace-error';

/** A set of indexes 0 … length − 1. Bits past `length` in the last byte are never read or set. */
export class Bitfield {
  /** Number of bits. */
  readonly length: number;
  /**
   * The bits, in wire format. Spare bits are zero if they were zero in the constructor's argument.
   */
  readonly bytes: Uint8Array;

  /**
   * `bytes` is used in place, may be a view of a SharedArrayBuffer, and must have exactly
   * `byteLength(length)` bytes. Without it, all bits start at zero.
   */
  constructor(length: number, bytes?: Uint8Array) {
    const needed = Bitfield.byteLength(length);
    if (bytes !== undefined && bytes.length !== needed) {
      throw new MillraceError(
        'bad-bitfield',
        `a bitfield of ${length} bits takes ${needed} bytes, not ${bytes.length}`,
      );
    }
    this.length = length;
    this.bytes = bytes ?? new Uint8Array(needed);
  }

  /** Number of bytes for `length` bits. */
  static byteLength(length: number): number {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new MillraceError('bad-bitfield', `a bitfield cannot have ${length} bits`);
    }
    return Math.ceil(length / 8);
  }

  /** False if a bit past `length` is set (BEP 3 requires zeros), or `bytes` has the wrong size. */
  static spareBitsAreZero(bytes: Uint8Array, length: number): boolean {
    if (bytes.length !== Bitfield.byteLength(length)) return false;
    return ((bytes[bytes.length - 1] ?? 0) & ~lastByteMask(length) & 0xff) === 0;
  }

  /** A copy of a peer's bytes for `length` bits, with the bits past `length` cleared. */
  static withoutSpareBits(bytes: Uint8Array, length: number): Uint8Array {
    const copy = Uint8Array.from(bytes);
    const last = copy.length - 1;
    if (last >= 0) copy[last] = (copy[last] ?? 0) & lastByteMask(length);
    return copy;
  }

  /** False for an index outside the field. */
  get(index: number): boolean {
    if (!(index >= 0 && index < this.length)) return false;
    return ((this.bytes[index >>> 3] ?? 0) & (0x80 >>> (index & 7))) !== 0;
  }

  set(index: number): void {
    this.checkIndex(index);
    this.bytes[index >>> 3] = (this.bytes[index >>> 3] ?? 0) | (0x80 >>> (index & 7));
  }

  clear(index: number): void {
    this.checkIndex(index);
    this.bytes[index >>> 3] = (this.bytes[index >>> 3] ?? 0) & ~(0x80 >>> (index & 7));
  }

  /** Sets every index and leaves the spare bits at zero. */
  setAll(): void {
    if (this.length === 0) return;
    this.bytes.fill(0xff);
    this.bytes[this.bytes.length - 1] = lastByteMask(this.length);
  }

  /** Number of set bits. */
  count(): number {
    if (this.length === 0) return 0;
    const last = this.bytes.length - 1;
    // Counts four bytes per step: a peer with 2,000,000 pieces takes 65,000 steps.
    const words = wordsBefore(this.bytes, last);
    let total = 0;
    for (let at = 0; at < words.length; at++) total += ones(words[at] ?? 0);
    for (let at = 4 * words.length; at < last; at++) total += ones(this.bytes[at] ?? 0);
    return total + ones((this.bytes[last] ?? 0) & lastByteMask(this.length));
  }

  /** Number of bits set here and not in `other`, which has the same length. */
  countWithout(other: ReadonlyBitfield): number {
    if (this.length === 0) return 0;
    const last = this.bytes.length - 1;
    const mine = wordsBefore(this.bytes, last);
    const theirs = wordsBefore(other.bytes, last);
    const words = Math.min(mine.length, theirs.length);
    let total = 0;
    for (let at = 0; at < words; at++) total += ones((mine[at] ?? 0) & ~(theirs[at] ?? 0));
    for (let at = 4 * words; at < last; at++) {
      total += ones((this.bytes[at] ?? 0) & ~(other.bytes[at] ?? 0));
    }
    const lastBits = (this.bytes[last] ?? 0) & ~(other.bytes[last] ?? 0);
    return total + ones(lastBits & lastByteMask(this.length));
  }

  /** Whether every bit is set; true for length 0. */
  isFull(): boolean {
    if (this.length === 0) return true;
    const last = this.bytes.length - 1;
    for (let at = 0; at < last; at++) if (this.bytes[at] !== 0xff) return false;
    const mask = lastByteMask(this.length);
    return ((this.bytes[last] ?? 0) & mask) === mask;
  }

  /** Whether no bit is set. */
  isEmpty(): boolean {
    const words = wordsBefore(this.bytes, this.bytes.length);
    let empty = 0;
    while (empty < words.length && words[empty] === 0) empty++;
    return this.nextSet(32 * empty) === -1;
  }

  /** The first set index at or after `from`, or -1. Empty bytes are skipped. */
  nextSet(from: number): number {
    let index = from < 0 ? 0 : from;
    while (index < this.length) {
      const rest = (this.bytes[index >>> 3] ?? 0) & (0xff >>> (index & 7));
      if (rest !== 0) {
        // clz32 counts the zeros above the highest bit; 24 of them lie above the byte.
        const found = (index & ~7) + Math.clz32(rest) - 24;
        return found < this.length ? found : -1;
      }
      index = (index & ~7) + 8;
    }
    return -1;
  }

  /** A copy in unshared memory. */
  clone(): Bitfield {
    return new Bitfield(this.length, Uint8Array.from(this.bytes));
  }

  private checkIndex(index: number): void {
    if (!(index >= 0 && index < this.length)) {
      throw new MillraceError('bad-bitfield', `bit ${index} is outside a field of ${this.length}`);
    }
  }
}

/** A bitfield that the holder only reads; its owner may change it. */
export type ReadonlyBitfield = Omit<Bitfield, 'set' | 'clear' | 'setAll'>;

/**
 * The bytes before `end` as 32-bit words, without an incomplete last word; empty if not aligned.
 */
function wordsBefore(bytes: Uint8Array, end: number): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0;
  const count = aligned ? Math.min(end, bytes.length) >> 2 : 0;
  return new Int32Array(bytes.buffer, aligned ? bytes.byteOffset : 0, count);
}

/** Number of ones in a 32-bit word: pairs of bits are added, then groups of four, then bytes. */
function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** A mask of the bits of the last byte that belong to a field of `length` > 0 bits. */
function lastByteMask(length: number): number {
  return (0xff << ((8 - (length & 7)) & 7)) & 0xff;
}
