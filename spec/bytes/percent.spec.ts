// Raw bytes in a tracker's URL.
import { expect } from 'chai';
import fc from 'fast-check';
import { fromHex } from '../../lib/bytes/hex';
import { percentDecode, percentEncode } from '../../lib/bytes/percent';

const bytes = fc.uint8Array({ maxLength: 40 });

describe('percentEncode', () => {
  it("the seed's lessons: the raw 20 bytes of an info hash, not hex and not UTF-8", () => {
    // The example of the HTTP tracker convention, with bytes that are letters, signs and neither.
    const infoHash = fromHex('123456789abcdef123456789abcdef123456789a');
    expect(percentEncode(infoHash)).to.equal('%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A');
  });

  it('leaves exactly the unreserved characters of RFC 3986', () => {
    const all = Uint8Array.from({ length: 256 }, (_, value) => value);
    const kept = percentEncode(all).replace(/%[0-9A-F]{2}/g, '');
    expect(kept).to.equal('-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~');
  });

  it('can be undone byte for byte', () => {
    fc.assert(
      fc.property(bytes, (input) => {
        const undone = percentEncode(input).replace(/%(..)/g, (_, hex: string) =>
          String.fromCharCode(parseInt(hex, 16)),
        );
        expect([...undone].map((character) => character.charCodeAt(0))).to.deep.equal([...input]);
      }),
      { numRuns: 200 },
    );
  });
});

describe('percentDecode', () => {
  const text = (input: string): string => Buffer.from(percentDecode(input)).toString('utf8');

  it('undoes the encoding of any bytes', () => {
    fc.assert(
      fc.property(bytes, (input) => {
        expect(percentDecode(percentEncode(input))).to.deep.equal(input);
        expect(percentDecode(percentEncode(input).toLowerCase())).to.deep.equal(
          percentDecode(
            percentEncode(input)
              .toLowerCase()
              .replaceAll(/%../g, (x) => x.toUpperCase()),
          ),
        );
      }),
    );
  });

  it('leaves characters that are not escaped, and escapes that are none', () => {
    expect(text('näh %C3%A4 💧')).to.equal('näh ä 💧');
    for (const odd of ['100%', '%', '%4', '%zz', '%4g', '%%41', 'a%\u00e9b'])
      expect(text(odd), odd).to.equal(odd === '%%41' ? '%A' : odd);
    expect(text('%2541'), 'once only').to.equal('%41');
  });
});
