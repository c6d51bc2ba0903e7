// Free units, and the owner of the slab, which joins them with the block table.

import { expect } from 'chai';
import fc from 'fast-check';
import { MillraceError } from '../../lib/errors/millrace-error';
import { BlockTable, CLAIMED, HERE, MISSING, STALE } from '../../lib/memory/block-table';
import { appendSegment } from '../../lib/memory/segments';
import { SlabOwner } from '../../lib/memory/slab-owner';
import { UnitAllocator } from '../../lib/memory/unit-allocator';
import { unitsOf } from '../support/segments';

describe('unit allocator', () => {
  it('hands out the lowest addresses first, as few pairs as they allow', () => {
    const units = new UnitAllocator(100);
    expect(units.allocate(10)).to.deep.equal([0, 10]);
    expect(units.allocate(40)).to.deep.equal([10, 40]);
    units.free(2, 3);
    units.free(31, 2);
    expect(units.allocate(7)).to.deep.equal([2, 3, 31, 2, 50, 2]);
    expect(units.freeUnits).to.equal(48);
  });

  it('answers undefined, and takes nothing, when too few are free', () => {
    const units = new UnitAllocator(33);
    expect(units.allocate(34)).to.equal(undefined);
    expect(units.freeUnits).to.equal(33);
    expect(units.allocate(33)).to.deep.equal([0, 33]);
    expect(units.allocate(1)).to.equal(undefined);
    expect(units.allocate(0)).to.deep.equal([]);
  });

  it('throws when a unit is freed twice or does not exist', () => {
    const units = new UnitAllocator(40);
    units.allocate(5);
    units.free(0, 5);
    for (const unit of [4, 39, 40, 63, 64, 1000, -1]) {
      expect(() => units.free(unit, 1), String(unit))
        .to.throw(MillraceError, `slab unit ${unit} was freed while it is not taken`)
        .with.property('code', 'unexpected');
    }
    expect(units.freeUnits).to.equal(40);
  });

  it('never hands a unit out twice, and gets every one back (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 130 }),
        fc.array(fc.record({ take: fc.nat(40), drop: fc.nat() }), { maxLength: 60 }),
        (count, steps) => {
          const units = new UnitAllocator(count);
          const taken = new Set<number>();
          const pieces: number[][] = [];
          for (const { take, drop } of steps) {
            const segments = units.allocate(take);
            expect(segments === undefined).to.equal(take > count - taken.size);
            if (segments !== undefined) {
              const free = Array.from({ length: count }, (_, i) => i).filter((i) => !taken.has(i));
              expect(unitsOf(segments)).to.deep.equal(free.slice(0, take));
              for (const unit of unitsOf(segments)) taken.add(unit);
              pieces.push(segments);
            }
            if (drop % 2 === 0 && pieces.length > 0) {
              const [piece = []] = pieces.splice(drop % pieces.length, 1);
              for (const unit of unitsOf(piece)) taken.delete(unit);
              for (let i = 0; i < piece.length; i += 2)
                units.free(piece[i] ?? 0, piece[i + 1] ?? 0);
            }
            expect(units.freeUnits).to.equal(count - taken.size);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('segments', () => {
  it('grows the last pair where units follow on', () => {
    const segments: number[] = [];
    for (const [first, count] of [
      [1, 2],
      [3, 1],
      [7, 1],
      [6, 1],
    ] as const) {
      appendSegment(segments, first, count);
    }
    expect(segments).to.deep.equal([1, 3, 7, 1, 6, 1]);
  });
});

describe('slab owner', () => {
  function setUp(units: number): { table: BlockTable; owner: SlabOwner } {
    const table = new BlockTable(new SharedArrayBuffer(BlockTable.byteLength(units)));
    return { table, owner: new SlabOwner(table) };
  }

  it('attaches units that are missing at the piece’s generation', () => {
    const { table, owner } = setUp(4);
    expect(owner.attach(3, 11)).to.deep.equal([0, 3]);
    expect([0, 1, 2, 3].map((unit) => table.stateOf(unit, 11))).to.deep.equal([
      MISSING,
      MISSING,
      MISSING,
      STALE,
    ]);
    expect(owner.attach(2, 12)).to.equal(undefined);
    expect(owner.freeUnits).to.equal(1);
  });

  it('attaches and detaches the units of a later piece, and no others', () => {
    const { table, owner } = setUp(5);
    owner.attach(2, 11);
    const segments = owner.attach(2, 12) ?? [];
    expect(segments).to.deep.equal([2, 2]);
    const states = (generation: number) =>
      [0, 1, 2, 3, 4].map((unit) => table.stateOf(unit, generation) === MISSING);
    expect(states(11)).to.deep.equal([true, true, false, false, false]);
    expect(states(12)).to.deep.equal([false, false, true, true, false]);
    expect(owner.detach(segments)).to.equal(0);
    expect(owner.freeUnits).to.equal(3);
    expect(states(11)).to.deep.equal([true, true, false, false, false]);
    expect(states(12)).to.deep.equal([false, false, false, false, false]);
  });

  it('quarantines what is being written, and frees it when the writer is done', () => {
    const { table, owner } = setUp(2);
    const segments = owner.attach(2, 5) ?? [];
    expect(table.claim(1, 5, 0, 32)).to.equal(CLAIMED);
    expect(owner.detach(segments)).to.equal(1);
    expect(owner.freeUnits).to.equal(1);
    expect(owner.retryQuarantined()).to.equal(0);
    expect(owner.attach(2, 6)).to.equal(undefined);
    table.publish(1, 5, 0);
    expect(table.stateOf(1, 5)).to.equal(HERE);
    expect(owner.retryQuarantined()).to.equal(1);
    expect(owner.quarantinedUnits).to.equal(0);
    expect(owner.attach(2, 6)).to.deep.equal([0, 2]);
  });

  it('gets the quarantined units of a dead thread back after the reclaim', () => {
    const { table, owner } = setUp(1);
    owner.attach(1, 5);
    table.claim(0, 5, 3, 35);
    owner.detach([0, 1]);
    expect(table.reclaimThread(3)).to.equal(1);
    expect(table.claim(0, 5, 0, 32)).to.equal(CLAIMED); // an old order may still come: let it
    expect(owner.retryQuarantined()).to.equal(0);
    table.publish(0, 5, 0);
    expect(owner.retryQuarantined()).to.equal(1);
    expect(table.claim(0, 5, 0, 32)).to.equal(STALE);
  });
});
