// The free units of the slab. Used only by the coordinator, in its own memory: other threads see
// units only through leases and the block table.

import { MillraceError } from '../errors/millrace-error';
import { appendSegment } from './segments';

const BITS = 32;
const FULL = 0xffff_ffff;

/** A bitmap of free units, allocated from the lowest address up. */
export class UnitAllocator {
  readonly unitCount: number;
  // Bit set: taken. Bits past the last unit stay clear, because no more units are allocated than
  // exist.
  private readonly taken: Uint32Array;
  private freeCount: number;
  // No word below this one has a free bit.
  private lowest = 0;

  constructor(unitCount: number) {
    this.unitCount = unitCount;
    this.taken = new Uint32Array(Math.ceil(unitCount / BITS));
    this.freeCount = unitCount;
  }

  get freeUnits(): number {
    return this.freeCount;
  }

  /**
   * Takes `count` units as pairs (first unit, count), or undefined if fewer are free. Always the
   * lowest ones, so that as few pages of the slab as possible are touched; they need not be
   * adjacent.
   */
  allocate(count: number): number[] | undefined {
    if (count > this.freeCount) return undefined;
    const segments: number[] = [];
    let wanted = count;
    let word = this.lowest;
    for (; wanted > 0; word++) {
      let taken = this.taken[word] ?? FULL;
      while (taken !== FULL && wanted > 0) {
        const bit = 31 - Math.clz32(~taken & (taken + 1)); // The lowest clear bit.
        taken = (taken | (1 << bit)) >>> 0;
        appendSegment(segments, word * BITS + bit, 1);
        wanted--;
      }
      this.taken[word] = taken;
      if (taken !== FULL) break;
    }
    this.lowest = word;
    this.freeCount -= count;
    return segments;
  }

  /** Frees consecutive units. Throws if one of them is not taken: memory is never freed twice. */
  free(first: number, count: number): void {
    for (let unit = first; unit < first + count; unit++) {
      const word = Math.floor(unit / BITS);
      const mask = 1 << (unit % BITS);
      const taken = this.taken[word];
      if (taken === undefined || (taken & mask) === 0) {
        throw new MillraceError('unexpected', `slab unit ${unit} was freed while it is not taken`);
      }
      this.taken[word] = taken & ~mask;
      this.freeCount++;
      if (word < this.lowest) this.lowest = word;
    }
  }
}
