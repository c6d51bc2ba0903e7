// The order of bytes, against that of Buffer.
import { expect } from 'chai';
import fc from 'fast-check';
import { bytesEqual, compareBytes, isZero } from '../../lib/bytes/compare';

const bytes = fc.uint8Array({ maxLength: 40 });

describe('compare', () => {
  it('orders as Buffer does and knows equals', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).to.equal(Buffer.compare(a, b));
        expect(bytesEqual(a, b)).to.equal(Buffer.compare(a, b) === 0);
        expect(bytesEqual(a, Uint8Array.from(a))).to.equal(true);
      }),
      { numRuns: 200 },
    );
  });

  it('knows bytes that are all zero', () => {
    expect(isZero(new Uint8Array())).to.equal(true);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40, max: 1 }), (some) => {
        expect(isZero(some)).to.equal(!some.includes(1));
      }),
    );
  });
});
