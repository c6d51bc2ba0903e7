// Hexadecimal there and back.
import { expect } from 'chai';
import fc from 'fast-check';
import { fromHex, toHex } from '../../lib/bytes/hex';

const bytes = fc.uint8Array({ maxLength: 40 });

describe('hex', () => {
  it('goes there and back, in either case', () => {
    fc.assert(
      fc.property(bytes, (input) => {
        expect(fromHex(toHex(input))).to.deep.equal(input);
        expect(fromHex(toHex(input).toUpperCase())).to.deep.equal(input);
      }),
      { numRuns: 200 },
    );
    expect(toHex(Uint8Array.of(0, 255, 16))).to.equal('00ff10');
  });

  it('refuses other text', () => {
    for (const text of ['a', 'zz', '0x', '12 ', '12\n3']) {
      expect(() => fromHex(text), text)
        .to.throw()
        .with.property('code', 'bad-hex');
    }
  });
});
