// The encoder: canonical form, and that it and the decoder are each other's inverse.
import { expect } from 'chai';
import fc from 'fast-check';
import { decode } from '../../lib/bencode/decode';
import { encode } from '../../lib/bencode/encode';
import type { Encodable } from '../../lib/bencode/encode';
import { BencodeDictionary } from '../../lib/bencode/value';
import type { BencodeValue } from '../../lib/bencode/value';

function text(value: Encodable): string {
  return Buffer.from(encode(value)).toString('latin1');
}

/** Decoded values as plain ones: a dictionary becomes a map, which compares deeply. */
function plain(value: BencodeValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof BencodeDictionary)) return value;
  return new Map(value.keys().map((key) => [key, plain(value.get(key) ?? 0)]));
}

const { tree } = fc.letrec<{ tree: Encodable; leaf: Encodable }>((tie) => ({
  leaf: fc.oneof(
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(10n ** 20n) + 1n, max: 10n ** 20n - 1n }),
    fc.uint8Array({ maxLength: 20 }),
    fc.string({ unit: 'grapheme', maxLength: 10 }),
  ),
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    tie('leaf'),
    fc.array(tie('tree'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 8 }), tie('tree'), { maxKeys: 12 }),
    fc
      .uniqueArray(fc.tuple(fc.uint8Array({ maxLength: 6 }), tie('tree')), {
        maxLength: 12,
        selector: ([key]) => key.join(),
      })
      .map((entries) => new Map(entries)),
  ),
}));

describe('encode', () => {
  it('writes the forms of BEP 3', () => {
    expect(text('spam')).to.equal('4:spam');
    expect(text('é')).to.equal('2:\xc3\xa9');
    expect(text(-3)).to.equal('i-3e');
    expect(text(-0)).to.equal('i0e');
    expect(text(2n ** 64n)).to.equal('i18446744073709551616e');
    expect(text(['spam', 1, []])).to.equal('l4:spami1elee');
    expect(text({ spam: 'eggs', cow: 'moo', none: undefined })).to.equal(
      'd3:cow3:moo4:spam4:eggse',
    );
  });

  it('sorts keys as raw bytes, where strings would sort otherwise', () => {
    // U+FF5E comes before U+1F600 as bytes, after it as UTF-16.
    expect(text({ '😀': 1, '～': 2, b: 3, a: 4, B: 5 })).to.equal(
      'd1:Bi5e1:ai4e1:bi3e3:\xef\xbd\x9ei2e4:\xf0\x9f\x98\x80i1ee',
    );
  });

  it('is undone by decode, and doing it again gives the same bytes', () => {
    fc.assert(
      fc.property(tree, (value) => {
        const bytes = encode(value);
        const decoded = decode(bytes);
        expect(encode(decoded)).to.deep.equal(bytes);
        const again = decode(encode(decoded));
        expect(plain(again)).to.deep.equal(plain(decoded));
      }),
      { numRuns: 300 },
    );
  });

  it('gives back what went in', () => {
    const value = { list: [1, -2, 2n ** 60n], nested: { bytes: Uint8Array.of(0, 255) }, empty: '' };
    const decoded = decode(encode(value)) as BencodeDictionary;
    expect(decoded.list('list')).to.deep.equal([1, -2, 2n ** 60n]);
    expect(decoded.dict('nested')?.bytes('bytes')).to.deep.equal(Uint8Array.of(0, 255));
    expect(decoded.text('empty')).to.equal('');
  });

  it('refuses what bencode cannot say', () => {
    const loop: Encodable[] = [];
    loop.push(loop);
    const twice = new Map<string | Uint8Array, number>([
      ['a', 1],
      [Uint8Array.of(0x61), 2],
    ]);
    for (const value of [1.5, NaN, Infinity, 2 ** 53, 10n ** 20n, loop, twice]) {
      expect(() => encode(value))
        .to.throw()
        .with.property('code', 'bad-bencode');
    }
  });

  it('writes large values in one buffer of their own', () => {
    const bytes = encode(Array.from({ length: 100_000 }, (_, index) => index));
    expect(bytes.buffer.byteLength).to.equal(bytes.length);
    expect(decode(bytes)).to.have.length(100_000);
  });
});
