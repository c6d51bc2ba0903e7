import { expect } from 'chai';
import fc from 'fast-check';
import { LeaseRun } from '../../lib/peer/leases';
import { Forgiven, Outstanding } from '../../lib/peer/outstanding';
import { MAX_DEPTH_BLOCKS } from '../../lib/peer/pipeline';

const run = (piece: number): LeaseRun =>
  new LeaseRun(
    { piece, generation: 1, epoch: 0, firstBlock: 0, blockCount: 1, segments: [0, 1] } as never,
    1,
  );

function contents(ring: Outstanding): number[] {
  const begins: number[] = [];
  for (let position = ring.first; position < ring.end; position++) {
    if (ring.run(position) !== undefined) begins.push(ring.begin(position));
  }
  return begins;
}

describe('peer/outstanding', () => {
  it('takes twice the greatest depth, and refuses one more', () => {
    const ring = new Outstanding();
    const lease = run(3);
    const most = 2 * MAX_DEPTH_BLOCKS;
    for (let n = 0; n < most; n++) ring.push(lease, n, 100 + n, 200 + n, 300 + n);
    expect(ring.count).to.equal(most);
    for (const n of [0, 31, 32, 33, most - 1]) {
      const position = ring.find(3, n);
      expect(ring.run(position)).to.equal(lease);
      expect(ring.lengthBytes(position)).to.equal(100 + n);
      expect(ring.unit(position)).to.equal(200 + n);
      expect(ring.sentMs(position)).to.equal(300 + n);
    }
    expect(() => ring.push(lease, most, 1, 1, 1)).to.throw('requests at one peer');
  });

  it('keeps the order sent, however it grows and compacts (property)', () => {
    // Mostly pushes in bursts, and removals anywhere: holes, doublings and compactions all occur.
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ remove: fc.integer({ min: 0, max: 1_000 }), times: fc.integer({ max: 50 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const ring = new Outstanding();
        const lease = run(0);
        let model: number[] = [];
        let next = 0;
        for (const one of steps) {
          if ('push' in one) {
            for (let n = 0; n < one.push && model.length < 2 * MAX_DEPTH_BLOCKS; n++) {
              ring.push(lease, next, 1, next, next);
              model.push(next++);
            }
          } else {
            for (let n = 0; n < one.times && model.length > 0; n++) {
              const victim = model[(one.remove * (n + 1)) % model.length] ?? 0;
              ring.remove(ring.find(0, victim));
              model = model.filter((begin) => begin !== victim);
            }
          }
          expect(ring.count).to.equal(model.length);
          expect(contents(ring)).to.deep.equal(model);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('peer/outstanding: what is forgiven', () => {
  it('forgives nothing before anything was taken back', () => {
    expect(new Forgiven().take(0, 0)).to.equal(false);
  });

  it('forgives each request once', () => {
    const forgiven = new Forgiven();
    forgiven.remember(1, 16_384);
    expect(forgiven.take(1, 0)).to.equal(false);
    expect(forgiven.take(1, 16_384)).to.equal(true);
    expect(forgiven.take(1, 16_384)).to.equal(false);
  });

  it('forgives unseen as many as it could not keep', () => {
    const forgiven = new Forgiven();
    for (let n = 0; n < 2 * MAX_DEPTH_BLOCKS + 2; n++) forgiven.remember(n, 0);
    expect(forgiven.take(0, 0)).to.equal(true);
    expect(forgiven.take(1, 0)).to.equal(true);
    expect(forgiven.take(99_999, 0)).to.equal(false);
    expect(forgiven.take(2, 0)).to.equal(true);
  });
});
