import { expect } from 'chai';
import fc from 'fast-check';
import { MIB } from '../../../lib/bytes/lengths';
import { Bitfield } from '../../../lib/bytes/bitfield';
import { Durability } from '../../../lib/coordinator/pieces/durability';
import type { SyncBatch } from '../../../lib/coordinator/pieces/durability';

describe('coordinator/durability', () => {
  const fresh = (): Durability => new Durability(new Bitfield(64));

  it('is due 2 s after the first unsynced write', () => {
    const durability = fresh();
    expect(durability.isDue(1e9)).to.equal(false);
    durability.written(0, 1, ['a'], 1_000);
    durability.written(1, 1, ['a'], 2_500);
    expect(durability.isDue(2_999)).to.equal(false);
    expect(durability.isDue(3_000)).to.equal(true);
  });

  it('is due at once when 256 MiB wait', () => {
    const durability = fresh();
    durability.written(0, 255 * MIB, ['a'], 0);
    expect(durability.isDue(0)).to.equal(false);
    durability.written(1, MIB, ['a'], 0);
    expect(durability.isDue(0)).to.equal(true);
  });

  it('syncs each file once, and one batch at a time', () => {
    const durability = fresh();
    durability.written(0, 1, ['a', 'b'], 0);
    durability.written(1, 1, ['b', 'c'], 0);
    const batch = durability.begin();
    expect(batch?.paths).to.deep.equal(['a', 'b', 'c']);
    expect(batch?.pieces).to.deep.equal([0, 1]);
    durability.written(2, 1, ['c'], 0);
    expect(durability.begin(), 'one is running').to.equal(undefined);
    expect(durability.isDue(1e9)).to.equal(false);
    if (batch) durability.succeeded(batch);
    expect([...[0, 1, 2].map((piece) => durability.durable.get(piece))]).to.deep.equal([
      true,
      true,
      false,
    ]);
    expect(durability.begin()?.pieces).to.deep.equal([2]);
  });

  it('has nothing to sync when nothing was written', () => {
    const durability = fresh();
    expect(durability.begin()).to.equal(undefined);
    expect(durability.syncing).to.equal(false);
  });

  it('never tries a failed sync again: the next one would succeed without the lost data', () => {
    const durability = fresh();
    durability.written(7, 1, ['a'], 0);
    expect(durability.begin()?.pieces).to.deep.equal([7]);
    durability.written(8, 1, ['a'], 1_000);
    durability.failed();
    durability.written(9, 1, ['a'], 2_000);
    expect(durability.broken).to.equal(true);
    expect(durability.isDue(1e9)).to.equal(false);
    expect(durability.begin()).to.equal(undefined);
    expect(durability.discard(), 'what came after is in doubt, too').to.deep.equal([8, 9]);
    expect(durability.unsynced).to.equal(0);
    durability.mend();
    expect(durability.begin(), 'nothing is left of them').to.equal(undefined);
    durability.written(7, 1, ['a'], 3_000);
    const again = durability.begin();
    if (again) durability.succeeded(again);
    expect([7, 8, 9].map((piece) => durability.durable.get(piece))).to.deep.equal([
      true,
      false,
      false,
    ]);
  });

  it('calls a piece durable exactly if its write returned before a sync began that has finished', () => {
    type Step =
      | { readonly do: 'write'; readonly piece: number }
      | { readonly do: 'begin' | 'succeed' | 'fail' };
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.integer({ min: 0, max: 63 }).map((piece): Step => ({ do: 'write', piece })),
      fc.constantFrom<Step>({ do: 'begin' }, { do: 'succeed' }, { do: 'fail' }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const durability = fresh();
        const durable = new Set<number>();
        let waiting: number[] = [];
        let covered: number[] = [];
        let batch: SyncBatch | undefined;
        let nowMs = 0;
        for (const one of steps) {
          nowMs += 100;
          if (one.do === 'write') {
            durability.written(one.piece, 1, [`file ${one.piece % 3}`], nowMs);
            waiting.push(one.piece);
          } else if (one.do === 'begin') {
            const begun = durability.begin();
            const expected = batch === undefined && waiting.length > 0;
            expect(begun !== undefined).to.equal(expected);
            if (!begun) continue;
            batch = begun;
            covered = waiting;
            waiting = [];
            for (const piece of covered) expect(begun.paths).to.include(`file ${piece % 3}`);
          } else if (batch) {
            if (one.do === 'succeed') {
              durability.succeeded(batch);
              for (const piece of covered) durable.add(piece);
            } else {
              durability.failed();
              expect(durability.discard()).to.deep.equal(waiting);
              durability.mend();
              waiting = [];
            }
            covered = [];
            batch = undefined;
          }
          for (let piece = 0; piece < 64; piece++)
            expect(durability.durable.get(piece)).to.equal(durable.has(piece));
          expect(durability.unsynced).to.equal(waiting.length);
          expect(durability.syncing).to.equal(batch !== undefined);
        }
      }),
      { numRuns: 200 },
    );
  });
});
