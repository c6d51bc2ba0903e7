import { expect } from 'chai';
import fc from 'fast-check';
import { apportion } from '../../lib/rate/apportion';
import type { Claim } from '../../lib/rate/apportion';

function claims(...shapes: readonly (readonly [weight: number, most: number])[]): Claim[] {
  return shapes.map(([weight, most]) => ({ weight, most, carry: 0, given: 0 }));
}

const given = (all: readonly Claim[]): number[] => all.map((claim) => claim.given);

describe('rate: apportion', () => {
  it('divides by weight', () => {
    const all = claims([1, Infinity], [3, Infinity]);
    expect(apportion(8, all)).to.equal(8);
    expect(given(all)).to.deep.equal([2, 6]);
  });

  it('gives what one cannot use to the others', () => {
    const all = claims([1, 1], [1, Infinity], [1, 2]);
    expect(apportion(9, all)).to.equal(9);
    expect(given(all)).to.deep.equal([1, 6, 2]);
  });

  it('gives each claim all that it can use if there is enough', () => {
    const all = claims([1, 1], [5, 2]);
    expect(apportion(9, all)).to.equal(3);
    expect(apportion(Infinity, all)).to.equal(3);
    expect(given(all)).to.deep.equal([1, 2]);
    const unbounded = claims([1, Infinity]);
    expect(apportion(Infinity, unbounded)).to.equal(Infinity);
  });

  it('gives nothing where there is nothing', () => {
    const all = claims([1, Infinity], [1, 3]);
    expect(apportion(0, all)).to.equal(0);
    expect(given(all)).to.deep.equal([0, 0]);
    expect(apportion(5, [])).to.equal(0);
  });

  it('serves claims in turn where there is less than a block for each', () => {
    const all = claims([1, Infinity], [1, Infinity], [1, Infinity]);
    const turns = new Set<string>();
    for (let round = 0; round < 3; round++) {
      apportion(1, all);
      turns.add(given(all).join(' '));
    }
    expect(turns).to.have.property('size', 3);
  });

  const shape = fc.record({
    weight: fc.integer({ min: 1, max: 20 }),
    most: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant(Infinity)),
  });

  it('gives all blocks or all that can be used, and no claim more than it can use', () => {
    fc.assert(
      fc.property(
        fc.array(shape, { maxLength: 20 }),
        fc.array(fc.nat(200), { maxLength: 10 }),
        (shapes, rounds) => {
          const all = claims(...shapes.map(({ weight, most }) => [weight, most] as const));
          const most = shapes.reduce((sum, each) => sum + each.most, 0);
          for (const blocks of rounds) {
            expect(apportion(blocks, all)).to.equal(Math.min(blocks, most));
            expect(given(all).reduce((sum, each) => sum + each, 0)).to.equal(
              Math.min(blocks, most),
            );
            for (const claim of all) {
              expect(Number.isInteger(claim.given)).to.equal(true);
              expect(claim.given).to.be.within(0, claim.most);
            }
          }
        },
      ),
    );
  });

  it('is exact over time: hungry claims differ from their shares by two blocks at most', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(30), { maxLength: 200 }),
        (weights, rounds) => {
          const all = claims(...weights.map((weight) => [weight, Infinity] as const));
          const sums = weights.map(() => 0);
          let blocks = 0;
          for (const round of rounds) {
            apportion(round, all);
            blocks += round;
            all.forEach((claim, at) => (sums[at] = (sums[at] ?? 0) + claim.given));
          }
          const weight = weights.reduce((sum, each) => sum + each, 0);
          sums.forEach((sum, at) =>
            expect(sum).to.be.closeTo((blocks * (weights[at] ?? 0)) / weight, 2),
          );
        },
      ),
    );
  });
});
