// Base32, as old magnet links write an info hash.
import { expect } from 'chai';
import fc from 'fast-check';
import { fromBase32 } from '../../lib/bytes/base32';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** By the definition: groups of five bits. */
function toBase32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => DIGITS[parseInt(group.padEnd(5, '0'), 2)]).join('');
}

describe('fromBase32', () => {
  it('reads the test vectors of RFC 4648, in either case', () => {
    for (const [text, base32] of [
      ['', ''],
      ['f', 'MY'],
      ['fo', 'MZXQ'],
      ['foo', 'MZXW6'],
      ['foob', 'MZXW6YQ'],
      ['fooba', 'MZXW6YTB'],
      ['foobar', 'MZXW6YTBOI'],
    ] as const) {
      expect(fromBase32(base32)).to.deep.equal(ascii(text));
      expect(fromBase32(base32.toLowerCase())).to.deep.equal(ascii(text));
    }
  });

  it('undoes the definition, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(fromBase32(toBase32(bytes))).to.deep.equal(bytes);
      }),
    );
  });

  it('refuses other digits', () => {
    for (const text of ['MY======', 'M1', 'M0', 'M8', 'M ', 'Mß', 'M💧'])
      expect(fromBase32(text), text).to.equal(undefined);
  });
});
