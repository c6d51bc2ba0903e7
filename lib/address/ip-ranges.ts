// PURE. A set of IP addresses as sorted ranges in shared memory: built once, read by every thread
// without a copy. A check is one binary search, without allocation.

/** An address in words of 32 bits: one for IPv4, four for IPv6. */
const FAMILIES = [1, 4] as const;
type Width = (typeof FAMILIES)[number];

/** The number of ranges of each family precedes the ranges. */
const HEADER_WORDS = FAMILIES.length;

/** Ranges in the order of their addition: they may overlap. */
class Ranges {
  readonly width: Width;
  count = 0;
  /** The words of the first and the last address of each range. */
  words: Uint32Array;

  constructor(width: Width, capacity = 64) {
    this.width = width;
    this.words = new Uint32Array(capacity * 2 * width);
  }

  /** Returns the index of the first word of the new range. */
  grow(): number {
    const at = this.count * 2 * this.width;
    this.count += 1;
    if (at === this.words.length) {
      const more = new Uint32Array(2 * at);
      more.set(this.words);
      this.words = more;
    }
    return at;
  }

  /** The same addresses in the fewest ranges, in ascending order. */
  merged(): Ranges {
    const { width, words } = this;
    const merged = new Ranges(width, Math.max(1, this.count));
    const order = isAscending(this) ? undefined : ascending(this);
    let last = -1;
    for (let index = 0; index < this.count; index += 1) {
      const from = (order?.[index] ?? index) * 2 * width;
      const lastAt = last * 2 * width + width;
      if (last >= 0 && !isBeyond(words, from, merged.words, lastAt, width)) {
        if (compare(words, from + width, merged.words, lastAt, width) > 0)
          copy(words, from + width, merged.words, lastAt, width);
        continue;
      }
      copy(words, from, merged.words, merged.grow(), 2 * width);
      last += 1;
    }
    return merged;
  }
}

/** Addresses and ranges of both families, in any order, from which `IpRanges` are made. */
export class RangeList {
  private readonly ipv4 = new Ranges(1);
  private readonly ipv6 = new Ranges(4);

  /** Number of additions. */
  get count(): number {
    return this.ipv4.count + this.ipv6.count;
  }

  /** Adds the IPv4 addresses from `first` to `last`, as unsigned numbers. */
  addIpv4(first: number, last: number): void {
    const at = this.ipv4.grow();
    this.ipv4.words[at] = first;
    this.ipv4.words[at + 1] = last;
  }

  /**
   * Adds the packed addresses from `first` to `last`. Returns false if they are not of one family,
   * or in the wrong order.
   */
  add(first: Uint8Array, last: Uint8Array): boolean {
    const { length } = first;
    if (length !== last.length || (length !== 4 && length !== 16)) return false;
    if (Buffer.compare(first, last) > 0) return false;
    if (length === 4) this.addIpv4(wordAt(first, 0), wordAt(last, 0));
    else {
      const at = this.ipv6.grow();
      for (let word = 0; word < 4; word += 1) {
        this.ipv6.words[at + word] = wordAt(first, 4 * word);
        this.ipv6.words[at + 4 + word] = wordAt(last, 4 * word);
      }
    }
    return true;
  }

  /** Adds every address of both families that is not in `ranges`. */
  addAllBut(ranges: IpRanges): void {
    for (const [family, width] of FAMILIES.entries()) {
      const list = width === 1 ? this.ipv4 : this.ipv6;
      const next = new Uint32Array(width);
      const { words, count } = ranges.family(family);
      for (let index = 0; index < count; index += 1) {
        const at = index * 2 * width;
        if (compare(next, 0, words, at, width) < 0) {
          const to = list.grow();
          copy(next, 0, list.words, to, width);
          copy(words, at, list.words, to + width, width);
          step(list.words, to + width, width, -1);
        }
        copy(words, at + width, next, 0, width);
        step(next, 0, width, 1);
        if (next.every((word) => word === 0)) break; // The range ended with the last address.
        if (index + 1 === count) addRest(list, next);
      }
      if (count === 0) addRest(list, next);
    }
  }

  build(): IpRanges {
    const families = [this.ipv4.merged(), this.ipv6.merged()];
    const lengths = families.map(({ count, width }) => count * 2 * width);
    const length = lengths.reduce((sum, each) => sum + each, HEADER_WORDS);
    const buffer = new SharedArrayBuffer(4 * length);
    const words = new Uint32Array(buffer);
    let at = HEADER_WORDS;
    for (const [family, { count, words: from }] of families.entries()) {
      words[family] = count;
      words.set(from.subarray(0, lengths[family]), at);
      at += lengths[family] ?? 0;
    }
    return new IpRanges(buffer);
  }
}

/** Addresses from `next` to the last one of the family. */
function addRest(list: Ranges, next: Uint32Array): void {
  const { width } = list;
  const to = list.grow();
  copy(next, 0, list.words, to, width);
  list.words.fill(0xffff_ffff, to + width, to + 2 * width);
}

/** A set of addresses in shared memory that is never written again. */
export class IpRanges {
  /** Can be sent to other threads: `new IpRanges(buffer)` there reads the same memory. */
  readonly buffer: SharedArrayBuffer;
  private readonly ipv4: Uint32Array;
  private readonly ipv6: Uint32Array;
  private readonly wanted = new Uint32Array(4);

  /** `buffer` must come from `RangeList.build`. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    const words = new Uint32Array(buffer);
    const split = HEADER_WORDS + 2 * (words[0] ?? 0);
    this.ipv4 = words.subarray(HEADER_WORDS, split);
    this.ipv6 = words.subarray(split);
  }

  /** Number of ranges, after overlapping and adjacent ones were merged. */
  get count(): number {
    return this.ipv4.length / 2 + this.ipv6.length / 8;
  }

  /** Whether the set contains an address of 4 or 16 bytes; false for any other length. */
  has(packed: Uint8Array): boolean {
    if (packed.length === 4) return this.hasIpv4(wordAt(packed, 0));
    if (packed.length !== 16) return false;
    const { wanted } = this;
    for (let word = 0; word < 4; word += 1) wanted[word] = wordAt(packed, 4 * word);
    return this.hasWanted();
  }

  /** For `RangeList`: the words of a family. */
  family(index: number): { readonly words: Uint32Array; readonly count: number } {
    const words = index === 0 ? this.ipv4 : this.ipv6;
    return { words, count: words.length / (index === 0 ? 2 : 8) };
  }

  private hasIpv4(address: number): boolean {
    const words = this.ipv4;
    let low = 0;
    let high = words.length >> 1;
    // The first range that begins after the address.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((words[2 * middle] ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    return low > 0 && address <= (words[2 * low - 1] ?? 0);
  }

  private hasWanted(): boolean {
    const { ipv6: words, wanted } = this;
    let low = 0;
    let high = words.length >> 3;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(words, 8 * middle, wanted, 0, 4) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compare(wanted, 0, words, 8 * low - 4, 4) <= 0;
  }
}

/** Reads four bytes in network order as an unsigned number. */
function wordAt(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return ((high << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}

function compare(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number, width: number): number {
  for (let word = 0; word < width; word += 1) {
    const difference = (a[aAt + word] ?? 0) - (b[bAt + word] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether there is an address between the end of one range and the start of another. */
function isBeyond(
  firsts: Uint32Array,
  firstAt: number,
  lasts: Uint32Array,
  lastAt: number,
  width: Width,
): boolean {
  if (compare(firsts, firstAt, lasts, lastAt, width) <= 0) return false;
  for (let word = width - 1; word >= 0; word -= 1) {
    const difference = (firsts[firstAt + word] ?? 0) - (lasts[lastAt + word] ?? 0);
    // Adjacent addresses differ by 1 in this word, or it wraps from 0xffffffff to 0 and the word before decides.
    if (difference === 1) return compare(firsts, firstAt, lasts, lastAt, word) !== 0;
    if (difference !== -0xffff_ffff) return true;
  }
  return true;
}

function copy(from: Uint32Array, at: number, to: Uint32Array, toAt: number, count: number): void {
  for (let word = 0; word < count; word += 1) to[toAt + word] = from[at + word] ?? 0;
}

/** Adds 1 or -1 to an address, modulo the size of its family. */
function step(words: Uint32Array, at: number, width: Width, by: 1 | -1): void {
  const carries = by === 1 ? 0 : 0xffff_ffff;
  for (let word = at + width - 1; word >= at; word -= 1) {
    words[word] = (words[word] ?? 0) + by;
    if (words[word] !== carries) return;
  }
}

function isAscending({ count, words, width }: Ranges): boolean {
  for (let at = 2 * width; at < count * 2 * width; at += 2 * width) {
    if (compare(words, at - 2 * width, words, at, width) > 0) return false;
  }
  return true;
}

const DIGITS = 0x1_0000;

/** The ranges by their first address: a radix sort, by 16 bits at a time from the lowest. */
function ascending({ count, words, width }: Ranges): Uint32Array {
  let order = Uint32Array.from({ length: count }, (_, index) => index);
  let next = new Uint32Array(count);
  const ends = new Uint32Array(DIGITS);
  for (let digit = 0; digit < 2 * width; digit += 1) {
    const word = width - 1 - (digit >> 1);
    const shift = (digit & 1) * 16;
    const digitOf = (range: number): number =>
      ((words[range * 2 * width + word] ?? 0) >>> shift) & (DIGITS - 1);
    ends.fill(0);
    for (const range of order) ends[digitOf(range)] = (ends[digitOf(range)] ?? 0) + 1;
    for (let each = 1; each < DIGITS; each += 1)
      ends[each] = (ends[each] ?? 0) + (ends[each - 1] ?? 0);
    for (let index = count - 1; index >= 0; index -= 1) {
      const range = order[index] ?? 0;
      const end = (ends[digitOf(range)] ?? 0) - 1;
      ends[digitOf(range)] = end;
      next[end] = range;
    }
    [order, next] = [next, order];
  }
  return order;
}
