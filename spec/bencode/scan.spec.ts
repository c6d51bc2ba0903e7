// The scanner beside the decoder: one grammar, the same refusals, the same values in the same
// places.
import { expect } from 'chai';
import fc from 'fast-check';
import { decodePrefix } from '../../lib/bencode/decode';
import { encode } from '../../lib/bencode/encode';
import { Scanner } from '../../lib/bencode/scan';
import { BencodeDictionary } from '../../lib/bencode/value';
import { MillraceError } from '../../lib/errors/millrace-error';

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

/** Where it ends, or the rule that it breaks. */
function outcome(read: () => number): number | string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return error.message;
  }
}

describe('Scanner', () => {
  it('ends where the decoder ends, and refuses what it refuses', () => {
    const alphabet = fc.constantFrom(...'ddllieee0123456789::-ab', '1:a', '0:', 'i7e', 'd1:a');
    const nearly = fc.array(alphabet, { maxLength: 30 }).map((parts) => ascii(parts.join('')));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), nearly), (bytes) => {
        const decoded = outcome(() => decodePrefix(bytes).end);
        const scanned = outcome(() => new Scanner(bytes).value(0).end);
        // A key that is not read may occur twice.
        if (typeof decoded === 'string' && decoded.includes('same key twice')) return;
        expect(scanned).to.equal(decoded);
      }),
      { numRuns: 5_000 },
    );
  });

  it('finds in a dictionary what the decoder finds', () => {
    const value = fc.oneof(
      fc.maxSafeInteger(),
      fc.bigInt(-(2n ** 63n), 2n ** 63n),
      fc.uint8Array({ maxLength: 30 }),
      fc.array(fc.string({ maxLength: 5 }), { maxLength: 4 }),
      fc.dictionary(fc.string({ maxLength: 3 }), fc.integer(), { maxKeys: 3 }),
    );
    const key = fc.oneof(fc.constantFrom('a', 'b', 'ab', ''), fc.string({ maxLength: 4 }));
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 8 }), fc.nat(5), (entries, before) => {
        const bytes = Buffer.concat([Buffer.alloc(before, 'x'), encode(entries), ascii('rest')]);
        const scanner = new Scanner(bytes);
        const decoded = decodePrefix(bytes, before).value as BencodeDictionary;
        const found = scanner.dictionary(before, ['a', 'ab', '', 'none']);
        for (const name of ['a', 'ab', '', 'none'] as const) {
          const span = found[name];
          expect(span && scanner.bytes.subarray(span.start, span.end)).to.deep.equal(
            decoded.raw(name),
          );
          const plain = decoded.get(name);
          const number = typeof plain === 'number' || typeof plain === 'bigint';
          expect(scanner.integer(span)).to.equal(number ? plain : undefined);
          expect(scanner.string(span)).to.deep.equal(decoded.bytes(name));
          expect(scanner.isDictionary(span)).to.equal(plain instanceof BencodeDictionary);
          expect(scanner.isList(span)).to.equal(Array.isArray(plain));
          if (!scanner.isList(span)) continue;
          // Reading an item moves the scanner on; the next one is found all the same.
          const items = [...scanner.list(span.start)].map((item) => scanner.string(item));
          expect(items).to.deep.equal(decoded.list(name));
          const read: unknown[] = [];
          for (const item of scanner.list(span.start)) read.push(scanner.string(item));
          expect(read).to.deep.equal(items);
        }
      }),
    );
  });

  it('refuses a key twice that is asked for', () => {
    const bytes = ascii('d1:ai1e1:bi2e1:ai3ee');
    expect(() => new Scanner(bytes).dictionary(0, ['a'])).to.throw('byte 13: a dictionary has the');
    expect(new Scanner(bytes).dictionary(0, ['b'])).to.deep.equal({ b: { start: 10, end: 13 } });
  });

  it('keeps to 64 levels', () => {
    const nested = (levels: number): Uint8Array => ascii('l'.repeat(levels) + 'e'.repeat(levels));
    expect(new Scanner(nested(64)).value(0).end).to.equal(128);
    expect(() => new Scanner(nested(65)).value(0)).to.throw('deeper than 64');
    expect(() => new Scanner(ascii('l'.repeat(1_000_000))).value(0)).to.throw('deeper than 64');
  });
});
