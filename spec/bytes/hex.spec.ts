// Hexadecimal there and back.
import { expect } from 'chai';
import fc from 'fast-check';
import { fromHex, isSha1Hex, toHex } from '../../lib/bytes/hex';

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

  it('knows a SHA-1 by its 40 digits', () => {
    const digest = fc.uint8Array({ minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(digest, (input) => {
        expect(isSha1Hex(toHex(input))).to.equal(true);
        expect(isSha1Hex(toHex(input).toUpperCase())).to.equal(true);
      }),
    );
    for (const text of ['', 'a'.repeat(39), 'a'.repeat(41), 'g'.repeat(40), `${'a'.repeat(40)}\n`])
      expect(isSha1Hex(text), text).to.equal(false);
  });
});
