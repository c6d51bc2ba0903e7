// The decoder: what it reads, what it refuses and where, and that no input crashes it.
import { expect } from 'chai';
import fc from 'fast-check';
import { decode, decodePrefix } from '../../lib/bencode/decode';
import { BencodeDictionary } from '../../lib/bencode/value';
import { MillraceError } from '../../lib/errors/millrace-error';

function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

function dictionary(text: string): BencodeDictionary {
  const value = decode(ascii(text));
  if (!(value instanceof BencodeDictionary)) throw new Error('not a dictionary');
  return value;
}

describe('decode', () => {
  it('reads integers exactly', () => {
    expect(decode(ascii('i0e'))).to.equal(0);
    expect(decode(ascii('i-42e'))).to.equal(-42);
    expect(decode(ascii('i9007199254740991e'))).to.equal(Number.MAX_SAFE_INTEGER);
    expect(decode(ascii('i-9007199254740991e'))).to.equal(Number.MIN_SAFE_INTEGER);
    expect(decode(ascii('i9007199254740992e'))).to.equal(9007199254740992n);
    expect(decode(ascii('i-18446744073709551616e'))).to.equal(-18446744073709551616n);
  });

  it('reads strings as views of the input, plain arrays even of a Buffer', () => {
    const input = Buffer.from('l4:spam0:e');
    const [spam, empty] = decode(input) as Uint8Array[];
    expect(spam).to.deep.equal(ascii('spam'));
    expect(empty).to.deep.equal(ascii(''));
    expect(spam?.buffer).to.equal(input.buffer);
    expect(Object.getPrototypeOf(spam)).to.equal(Uint8Array.prototype);
  });

  it('reads dictionaries, sorted or not, and keeps the bytes of every value', () => {
    const value = dictionary('d4:spaml1:ai7ee3:cowd1:x0:ee');
    expect(value.keys()).to.deep.equal(['spam', 'cow']);
    expect(value.size).to.equal(2);
    expect(value.raw('spam')).to.deep.equal(ascii('l1:ai7ee'));
    expect(value.dict('cow')?.raw('x')).to.deep.equal(ascii('0:'));
    expect(value.raw('none')).to.equal(undefined);
    expect(value.get('none')).to.equal(undefined);
    expect(value.has('__proto__')).to.equal(false);
  });

  it('has typed getters that answer undefined for other kinds', () => {
    const value = dictionary('d1:ai5e1:b2:xy1:cle1:dde1:ei99999999999999999999ee');
    expect(value.integer('a')).to.equal(5);
    expect(value.text('b')).to.equal('xy');
    expect(value.list('c')).to.deep.equal([]);
    expect(value.dict('d')?.size).to.equal(0);
    expect(value.integer('e')).to.equal(undefined);
    expect([value.text('a'), value.integer('b'), value.list('d'), value.dict('c')]).to.deep.equal(
      Array(4).fill(undefined),
    );
  });

  it('finds every key of a large dictionary', () => {
    const names = Array.from({ length: 500 }, (_, index) => `key ${index}`);
    const text = `d${names.map((name, index) => `${name.length}:${name}i${index}e`).join('')}e`;
    const value = dictionary(text);
    names.forEach((name, index) => {
      expect(value.integer(name)).to.equal(index);
      expect(value.raw(name)).to.deep.equal(ascii(`i${index}e`));
    });
  });

  it('keeps keys apart that are not UTF-8', () => {
    // é in UTF-8, é in Latin-1, another lone byte, and the bytes of the replacement character.
    const value = dictionary(
      'd2:\xc3\xa9i1e1:\xe9i2e1:\xeai3e3:\xef\xbf\xbdi4e3:\xef\xbb\xbfi5e0:i6ee',
    );
    expect(value.size).to.equal(6);
    expect(value.integer('é')).to.equal(1);
    expect(new Set(value.keys()).size).to.equal(6);
    expect(value.integer('\udce9')).to.equal(2);
  });

  it('reads text that is not UTF-8 as Latin-1', () => {
    expect(dictionary('d1:a4:caf\xe9e').text('a')).to.equal('café');
    expect(dictionary('d1:a5:caf\xc3\xa9e').text('a')).to.equal('café');
  });

  it('decodePrefix returns where the value ends', () => {
    const input = ascii('xxd8:msg_typei1ee\x00\xffbytes');
    const { value, end } = decodePrefix(input, 2);
    expect(value).to.be.instanceOf(BencodeDictionary);
    expect((value as BencodeDictionary).raw('msg_type')).to.deep.equal(ascii('i1e'));
    expect(input.subarray(end)).to.deep.equal(ascii('\x00\xffbytes'));
  });

  const refused: [string, string, number, string][] = [
    ['nothing at all', '', 0, 'ends inside a value'],
    ['a web page', '<html>', 0, 'no value starts'],
    ['trailing bytes', 'i1ex', 3, 'bytes follow'],
    ['a leading zero', 'i01e', 0, 'leading zero'],
    ['zero twice', 'i00e', 0, 'leading zero'],
    ['negative zero', 'i-0e', 0, 'negative zero'],
    ['an integer without digits', 'ie', 1, 'no digit'],
    ['a lone minus', 'i-e', 2, 'no digit'],
    ['a plus', 'i+1e', 1, 'no digit'],
    ['a fraction', 'i1.5e', 2, 'must end with "e"'],
    ['a huge integer', `i${'9'.repeat(21)}e`, 0, '20 digits'],
    ['a string length with a leading zero', '01:a', 0, 'leading zero'],
    ['a string longer than the input', '5:abcd', 0, '4 are left'],
    ['a string of a petabyte', '999999999999999:a', 0, '1 are left'],
    ['an absurd string length', `${'9'.repeat(400)}:a`, 0, 'absurd'],
    ['a negative string length', '-1:a', 0, 'no value starts'],
    ['a string without a colon', '3abc', 1, 'followed by ":"'],
    ['a list cut short', 'l1:a', 4, 'ends inside a list'],
    ['a dictionary cut short', 'd1:ai1e', 7, 'ends inside a dictionary'],
    ['a key without a value', 'd1:ae', 4, 'no value starts'],
    ['a key that is no string', 'di1ei2ee', 1, 'key must be a byte string'],
    ['the same key twice', 'd1:ai1e1:ai2ee', 7, 'same key twice'],
    ['a key of 5,000 bytes', `d5000:${'k'.repeat(5000)}i1ee`, 1, 'key is longer'],
    ['65 levels', `${'l'.repeat(65)}${'e'.repeat(65)}`, 64, 'deeper than 64'],
    ['a million levels', 'l'.repeat(1_000_000), 64, 'deeper than 64'],
  ];
  for (const [what, text, offset, rule] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => decode(ascii(text)))
        .to.throw(MillraceError, rule)
        .that.deep.includes({ code: 'bad-bencode' })
        .and.has.nested.property('details.offset', offset);
    });
  }

  it('refuses the same key twice in a large dictionary', () => {
    const keys = Array.from({ length: 20 }, (_, index) => `2:${index + 10}0:`).join('');
    expect(() => decode(ascii(`d${keys}2:100:e`))).to.throw('same key twice');
  });

  it('reads 64 levels by default, and up to the given limits of levels and items', () => {
    expect(() => decode(ascii(`${'l'.repeat(64)}${'e'.repeat(64)}`))).not.to.throw();
    expect(() => decode(ascii('llee'), { maxDepth: 1 })).to.throw('deeper than 1');
    expect(() => decode(ascii('l'.repeat(99_999)), { maxDepth: 1e9 })).to.throw('deeper than 512');
    expect(() => decode(ascii('li1ei2ee'), { maxItems: 3 })).not.to.throw();
    expect(() => decode(ascii('li1ei2ei3ee'), { maxItems: 3 })).to.throw('more values');
    expect(() => decode(ascii('d1:a0:1:b0:e'), { maxItems: 4 })).to.throw('more values');
    expect(() => decode(ascii(`l${'0:'.repeat(1_048_577)}e`))).to.throw('more values');
  });

  it('answers any bytes with a value or its own error', () => {
    const alphabet = fc.constantFrom(...'dlie0123456789:-ab\xff');
    const nearly = fc.array(alphabet, { maxLength: 60 }).map((parts) => ascii(parts.join('')));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), nearly), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).to.be.instanceOf(MillraceError).with.property('code', 'bad-bencode');
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
