import { expect } from 'chai';
import fc from 'fast-check';
import { RateMeter } from '../../../lib/coordinator/swarm/rate-meter';

describe('coordinator/rate-meter', () => {
  it('is zero before anything came', () => {
    expect(new RateMeter().bytesPerSec(5_000)).to.equal(0);
  });

  it('shows a steady rate as it is', () => {
    const meter = new RateMeter();
    for (let ms = 0; ms <= 10_000; ms += 50) meter.add(500, ms);
    expect(meter.bytesPerSec(10_000)).to.be.closeTo(10_000, 1_300);
  });

  it('falls to zero 2 s after the last byte', () => {
    const meter = new RateMeter();
    meter.add(1_000_000, 1_000);
    expect(meter.bytesPerSec(1_000)).to.be.above(0);
    expect(meter.bytesPerSec(3_300)).to.equal(0);
    expect(meter.bytesPerSec(1e9)).to.equal(0);
  });

  it('does not shout about the first bytes: a quarter second is the least it divides by', () => {
    const meter = new RateMeter();
    meter.add(1_000, 777);
    expect(meter.bytesPerSec(777)).to.equal(4_000);
  });

  it('never claims more than came within the window', () => {
    const adds = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 0, max: 1e6 })),
      { minLength: 1, maxLength: 50 },
    );
    fc.assert(
      fc.property(adds, (steps) => {
        const meter = new RateMeter();
        const log: { readonly ms: number; readonly bytes: number }[] = [];
        let nowMs = 10_000;
        for (const [waitMs, bytes] of steps) {
          nowMs += waitMs;
          meter.add(bytes, nowMs);
          log.push({ ms: nowMs, bytes });
          const recent = log.filter(({ ms }) => ms > nowMs - 2_250);
          const total = recent.reduce((sum, one) => sum + one.bytes, 0);
          const rate = meter.bytesPerSec(nowMs);
          expect(rate).to.be.at.least(0);
          expect(rate).to.be.at.most(total * 4 + 1e-6);
        }
      }),
      { numRuns: 200 },
    );
  });
});
