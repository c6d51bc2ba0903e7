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
    expect(() => ring.push(lease, most, 1, 1, 1))
      .to.throw('requests at one peer')
      .with.property('code', 'unexpected');
  });

  it('moves the rest together where answers out of order left more holes than requests', () => {
    const ring = new Outstanding();
    const leases = Array.from({ length: 32 }, (_, n) => run(n));
    const push = (n: number): void =>
      ring.push(leases[n] ?? run(n), 10 + n, 100 + n, 200 + n, 300 + n);
    for (let n = 0; n < 32; n++) push(n);
    // The first stays, so that the ring of 32 is full of holes.
    for (let n = 1; n < 26; n++) ring.remove(ring.find(n, 10 + n));
    ring.remove(ring.find(28, 38));
    push(32);
    const rest = [0, 26, 27, 29, 30, 31, 32];
    expect(contents(ring)).to.deep.equal(rest.map((n) => 10 + n));
    expect(ring.count).to.equal(rest.length);
    expect(ring.end - ring.first, 'no hole is left').to.equal(rest.length);
    for (const n of rest) {
      const position = ring.find(n, 10 + n);
      expect(ring.run(position)?.piece).to.equal(n);
      expect(ring.lengthBytes(position)).to.equal(100 + n);
      expect(ring.unit(position)).to.equal(200 + n);
      expect(ring.sentMs(position)).to.equal(300 + n);
    }
  });

  it('finds nothing that was answered, and begins with what was not', () => {
    const ring = new Outstanding();
    for (let n = 0; n < 3; n++) ring.push(run(n), n, 1, 1, 1);
    ring.remove(ring.find(1, 1));
    expect(ring.find(1, 1)).to.equal(-1);
    expect(ring.find(9, 2), 'of another piece').to.equal(-1);
    ring.remove(ring.find(0, 0));
    expect(ring.first, 'behind the hole').to.equal(2);
    ring.remove(ring.find(2, 2));
    expect(ring.first).to.equal(ring.end);
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
