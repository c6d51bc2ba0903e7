// The bitfield against a plain array of booleans, and its place on the wire.
import { expect } from 'chai';
import fc from 'fast-check';
import { Bitfield } from '../../lib/bytes/bitfield';

const runs = { numRuns: 200 };
const bools = fc.array(fc.boolean(), { maxLength: 200 });

function fieldOf(bits: readonly boolean[]): Bitfield {
  const field = new Bitfield(bits.length);
  bits.forEach((bit, index) => bit && field.set(index));
  return field;
}

describe('Bitfield', () => {
  it("the seed's lessons: the high bit of byte 0 is piece 0", () => {
    const field = new Bitfield(10);
    field.set(0);
    expect([...field.bytes]).to.deep.equal([0b1000_0000, 0]);
    field.set(7);
    field.set(9);
    expect([...field.bytes]).to.deep.equal([0b1000_0001, 0b0100_0000]);
    expect(new Bitfield(8, Uint8Array.of(0b0100_0000)).get(1)).to.equal(true);
  });

  it('agrees with an array of booleans', () => {
    fc.assert(
      fc.property(bools, fc.integer({ min: 0, max: 220 }), (bits, from) => {
        const field = fieldOf(bits);
        expect(bits.map((_, index) => field.get(index))).to.deep.equal(bits);
        expect(field.count()).to.equal(bits.filter(Boolean).length);
        expect(field.isFull()).to.equal(bits.every(Boolean));
        expect(field.isEmpty()).to.equal(!bits.some(Boolean));
        expect(field.nextSet(from)).to.equal(bits.findIndex((bit, index) => bit && index >= from));
        expect(Bitfield.spareBitsAreZero(field.bytes, bits.length)).to.equal(true);
      }),
      runs,
    );
  });

  it('clears what it set, and a clone goes its own way', () => {
    fc.assert(
      fc.property(bools, (bits) => {
        const field = fieldOf(bits);
        const copy = field.clone();
        bits.forEach((_, index) => field.clear(index));
        expect(field.isEmpty()).to.equal(true);
        expect(copy.count()).to.equal(bits.filter(Boolean).length);
      }),
      runs,
    );
  });

  it('setAll fills it and leaves the spare bits at zero', () => {
    for (let length = 0; length <= 33; length++) {
      const field = new Bitfield(length);
      field.setAll();
      expect(field.isFull()).to.equal(true);
      expect(field.count()).to.equal(length);
      expect(Bitfield.spareBitsAreZero(field.bytes, length)).to.equal(true);
    }
  });

  it('counts what it has and another has not, wherever the bytes lie', () => {
    const pairs = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(pairs, fc.nat(5), fc.nat(5), (bits, mineAt, theirsAt) => {
        const placed = (own: readonly boolean[], offset: number): Bitfield => {
          const { bytes, length } = fieldOf(own);
          const memory = new Uint8Array(offset + bytes.length);
          memory.set(bytes, offset);
          return new Bitfield(length, memory.subarray(offset));
        };
        const mine = placed(
          bits.map(([one]) => one),
          mineAt,
        );
        const theirs = placed(
          bits.map(([, other]) => other),
          theirsAt,
        );
        const lacking = bits.filter(([one, other]) => one && !other).length;
        expect(mine.countWithout(theirs)).to.equal(lacking);
        expect(mine.count()).to.equal(bits.filter(([one]) => one).length);
        expect(mine.isEmpty()).to.equal(!bits.some(([one]) => one));
      }),
      runs,
    );
  });

  it('knows spare bits that are set, and never counts or finds them', () => {
    const bytes = Uint8Array.of(0, 0b0011_1111);
    expect(Bitfield.spareBitsAreZero(bytes, 10)).to.equal(false);
    expect(Bitfield.spareBitsAreZero(bytes, 16)).to.equal(true);
    expect(Bitfield.spareBitsAreZero(bytes, 17)).to.equal(false);
    const field = new Bitfield(10, bytes);
    expect(field.count()).to.equal(0);
    expect(field.nextSet(0)).to.equal(-1);
    expect(field.isEmpty()).to.equal(true);
  });

  it('finds its only bit, wherever it is', () => {
    for (let bit = 0; bit < 100; bit++) {
      const field = new Bitfield(100);
      field.set(bit);
      expect([field.isEmpty(), field.count()]).to.deep.equal([false, 1]);
    }
  });

  it('copies bytes of a peer without their spare bits', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.nat(7), (bytes, spare) => {
        const length = bytes.length * 8 - spare;
        const copy = Bitfield.withoutSpareBits(bytes, length);
        expect(Bitfield.spareBitsAreZero(copy, length)).to.equal(true);
        const [ours, theirs] = [new Bitfield(length, copy), new Bitfield(length, bytes)];
        for (let bit = 0; bit < length; bit++) expect(ours.get(bit)).to.equal(theirs.get(bit));
      }),
    );
  });

  it('works in place on shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(8), 3, 2);
    const [one, two] = [new Bitfield(12, shared), new Bitfield(12, shared)];
    one.set(11);
    expect(two.get(11)).to.equal(true);
    expect(two.clone().bytes.buffer).to.be.instanceOf(ArrayBuffer);
  });

  it('refuses what does not fit', () => {
    const field = new Bitfield(9);
    for (const index of [-1, 9, NaN]) {
      expect(field.get(index)).to.equal(false);
      expect(() => field.set(index))
        .to.throw()
        .with.property('code', 'bad-bitfield');
      expect(() => field.clear(index))
        .to.throw()
        .with.property('code', 'bad-bitfield');
    }
    expect(() => new Bitfield(9, new Uint8Array(1))).to.throw('takes 2 bytes, not 1');
    expect(() => new Bitfield(9, new Uint8Array(3))).to.throw('takes 2 bytes, not 3');
    for (const length of [-1, 1.5, NaN]) expect(() => new Bitfield(length)).to.throw('cannot have');
  });
});
