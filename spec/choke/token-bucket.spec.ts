import { expect } from 'chai';
import fc from 'fast-check';
import { TokenBucket } from '../../lib/choke/token-bucket';

describe('choke/token-bucket', () => {
  it('keeps the same books as a balance that is topped up by hand', () => {
    const steps = fc.array(fc.tuple(fc.nat(5_000), fc.nat(500)), { maxLength: 50 });
    const rates = fc.record({ perSec: fc.integer({ min: 1, max: 1000 }), burst: fc.nat(2000) });
    fc.assert(
      fc.property(rates, steps, (rate, taken) => {
        const bucket = new TokenBucket(rate);
        let nowMs = 1000;
        let balance = rate.burst;
        for (const [passedMs, tokens] of taken) {
          nowMs += passedMs;
          balance = Math.min(rate.burst, balance + (passedMs * rate.perSec) / 1000);
          expect(bucket.balance(nowMs)).to.be.closeTo(balance, 1e-6);
          bucket.take(tokens, nowMs);
          balance -= tokens;
          expect(bucket.balance(nowMs)).to.be.closeTo(balance, 1e-6);
          expect(bucket.balance(bucket.paidAtMs)).to.be.closeTo(0, 1e-6);
        }
      }),
    );
  });

  it('limits a caller that waits out its debt to the rate and one burst', () => {
    const rate = { perSec: 100, burst: 50 };
    const wishes = fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 20 })));
    fc.assert(
      fc.property(wishes, (steps) => {
        const bucket = new TokenBucket(rate);
        let nowMs = 0;
        let spent = 0;
        for (const [passedMs, tokens] of steps) {
          nowMs = Math.max(nowMs + passedMs, bucket.paidAtMs);
          bucket.take(tokens, nowMs);
          spent += tokens;
          expect(spent).to.be.at.most(50 + (nowMs * 100) / 1000 + 20 + 1e-6);
        }
      }),
    );
  });
});
