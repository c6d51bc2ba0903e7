// Leases of one session: which block comes next, in which unit, and what is held.

import { expect } from 'chai';
import fc from 'fast-check';
import type { Lease } from '../../lib/messages/peer-thread';
import { LeaseRun, Leases } from '../../lib/peer/leases';
import { unitsOf } from '../support/segments';

function lease(piece: number, generation: number, segments: readonly number[]): Lease {
  const blockCount = unitsOf(segments).length;
  return { connection: 32, epoch: 0, piece, firstBlock: 5, blockCount, generation, segments };
}

describe('peer/leases', () => {
  it('give the units of their segments in order, and -1 where the lease names too few', () => {
    const run = new LeaseRun(lease(0, 1, [7, 2, 3, 1, 9, 0, 4, 1]), 6);
    const taken = Array.from({ length: 6 }, () => [run.nextBlock, run.takeUnit()]);
    expect(taken).to.deep.equal([
      [5, 7],
      [6, 8],
      [7, 3],
      [8, 4],
      [9, -1],
      [10, -1],
    ]);
  });

  it('are found by piece and generation, both', () => {
    const leases = new Leases();
    leases.add(lease(1, 1, [0, 1]), 1);
    leases.add(lease(1, 2, [1, 1]), 1);
    leases.add(lease(2, 2, [2, 1]), 1);
    leases.add(lease(1, 2, [3, 1]), 1);
    expect(leases.matching(1, 2).map((run) => run.takeUnit())).to.deep.equal([1, 3]);
    expect(leases.matching(2, 1)).to.deep.equal([]);
  });

  it('are asked for in the order granted, whichever end first (property)', () => {
    const step = fc.record({
      kind: fc.constantFrom('add', 'take', 'take', 'settle', 'drop', 'drop again'),
      which: fc.nat(),
      blocks: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const leases = new Leases();
        const model: { run: LeaseRun; unsettled: number }[] = [];
        const gone: LeaseRun[] = [];
        for (const { kind, which, blocks } of steps) {
          const at = which % Math.max(1, model.length);
          const one = model[at];
          if (kind === 'add') {
            leases.add(lease(model.length, 1, [0, blocks]), blocks);
            const run = leases.all().at(-1);
            if (run !== undefined) model.push({ run, unsettled: blocks });
          } else if (kind === 'take') {
            const next = model.find(({ run }) => run.takenBlocks < run.blockCount)?.run;
            expect(leases.nextToRequest()).to.equal(next);
            next?.takeUnit();
          } else if (kind === 'drop again') {
            const dropped = gone[which % Math.max(1, gone.length)];
            if (dropped !== undefined) leases.drop(dropped);
          } else if (one !== undefined) {
            const last = kind === 'drop' || one.unsettled === 1;
            if (kind === 'drop') leases.drop(one.run);
            else expect(leases.settle(one.run)).to.equal(last);
            one.unsettled -= 1;
            if (last) gone.push(...model.splice(at, 1).map(({ run }) => run));
          }
          expect(leases.all()).to.deep.equal(model.map(({ run }) => run));
          expect(leases.heldBlocks).to.equal(model.reduce((sum, m) => sum + m.unsettled, 0));
        }
      }),
      { numRuns: 200 },
    );
  });
});
