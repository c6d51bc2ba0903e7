// The coordinator's side of the slab. It keeps the list of free units consistent with the block
// table: a unit is free in the list exactly when it belongs to no piece in the table.

import type { BlockTable } from './block-table';
import { UnitAllocator } from './unit-allocator';

/** The part of the table that it uses. */
export type UnitTable = Pick<BlockTable, 'unitCount' | 'assign' | 'revoke'>;

export class SlabOwner {
  private readonly table: UnitTable;
  private readonly allocator: UnitAllocator;
  // Units taken from their piece while a thread was copying into them: unavailable until the copy
  // ends.
  private quarantined: number[] = [];

  constructor(table: UnitTable) {
    this.table = table;
    this.allocator = new UnitAllocator(table.unitCount);
  }

  get freeUnits(): number {
    return this.allocator.freeUnits;
  }

  get quarantinedUnits(): number {
    return this.quarantined.length;
  }

  /**
   * Gives a piece `count` units, missing at `generation`, as pairs; undefined if too few are free.
   */
  attach(count: number, generation: number): number[] | undefined {
    const segments = this.allocator.allocate(count);
    if (segments === undefined) return undefined;
    for (let i = 0; i + 1 < segments.length; i += 2) {
      const first = segments[i] ?? 0;
      const end = first + (segments[i + 1] ?? 0);
      for (let unit = first; unit < end; unit++) this.table.assign(unit, generation);
    }
    return segments;
  }

  /**
   * Takes a piece's units back. Units with a copy in progress are quarantined until
   * `retryQuarantined` finds the copy ended. Returns the number of quarantined units.
   */
  detach(segments: readonly number[]): number {
    let quarantined = 0;
    for (let i = 0; i + 1 < segments.length; i += 2) {
      const first = segments[i] ?? 0;
      const end = first + (segments[i + 1] ?? 0);
      for (let unit = first; unit < end; unit++) {
        if (this.release(unit)) continue;
        this.quarantined.push(unit);
        quarantined++;
      }
    }
    return quarantined;
  }

  /**
   * Frees units whose copy has ended. Must be called once per tick, and after `reclaimThread`.
   * Returns their number.
   */
  retryQuarantined(): number {
    const before = this.quarantined.length;
    if (before === 0) return 0;
    this.quarantined = this.quarantined.filter((unit) => !this.release(unit));
    return before - this.quarantined.length;
  }

  private release(unit: number): boolean {
    if (!this.table.revoke(unit)) return false;
    this.allocator.free(unit, 1);
    return true;
  }
}
