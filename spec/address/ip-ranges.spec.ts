import { expect } from 'chai';
import fc from 'fast-check';
import { IpRanges, RangeList } from '../../lib/address/ip-ranges';

type Range = readonly [first: bigint, last: bigint];
type Family = 4 | 16;

const LARGEST: Readonly<Record<Family, bigint>> = { 4: 2n ** 32n - 1n, 16: 2n ** 128n - 1n };

function pack(address: bigint, length: Family): Uint8Array {
  const digits = address.toString(16).padStart(2 * length, '0');
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

function listOf(ranges: Readonly<Record<Family, readonly Range[]>>): RangeList {
  const list = new RangeList();
  for (const length of [4, 16] as const) {
    for (const [first, last] of ranges[length]) {
      expect(list.add(pack(first, length), pack(last, length))).to.equal(true);
    }
  }
  return list;
}

/** Whether an address is in the set, by looking at every range. */
function isIn(ranges: readonly Range[], address: bigint): boolean {
  return ranges.some(([first, last]) => address >= first && address <= last);
}

/** The fewest ranges that contain the same addresses. */
function fewest(ranges: readonly Range[]): number {
  let count = 0;
  let reached = -2n;
  for (const [first, last] of [...ranges].sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    if (first > reached + 1n) count += 1;
    if (last > reached) reached = last;
  }
  return count;
}

/** Addresses close to the limits of words and of the family, so that ranges often touch. */
function addressOf(length: Family): fc.Arbitrary<bigint> {
  const borders = [0n, 2n ** 16n, 2n ** 32n, 2n ** 64n, 2n ** 96n, 2n ** 127n, LARGEST[length]];
  return fc
    .oneof(
      fc.tuple(fc.constantFrom(...borders), fc.bigInt(-6n, 6n)).map(([base, by]) => base + by),
      fc.bigInt(0n, LARGEST[length]),
    )
    .filter((address) => address >= 0n && address <= LARGEST[length]);
}

function rangesOf(length: Family): fc.Arbitrary<readonly Range[]> {
  const address = addressOf(length);
  return fc.array(
    fc.tuple(address, address).map(([a, b]): Range => (a < b ? [a, b] : [b, a])),
    { maxLength: 20 },
  );
}

/** The ends of all ranges and their neighbours, where a mistake would show. */
function interesting(ranges: readonly Range[], length: Family): readonly bigint[] {
  const near = ranges.flatMap((range) => range.flatMap((edge) => [edge - 1n, edge, edge + 1n]));
  return [...near, 0n, LARGEST[length]].filter((each) => each >= 0n && each <= LARGEST[length]);
}

describe('address: ranges', () => {
  const both = fc.record({ 4: rangesOf(4), 16: rangesOf(16) });

  it('contains the same addresses as a list that is searched from end to end', () => {
    fc.assert(
      fc.property(both, (ranges) => {
        const built = listOf(ranges).build();
        for (const length of [4, 16] as const) {
          for (const address of interesting(ranges[length], length)) {
            expect(built.has(pack(address, length)), address.toString(16)).to.equal(
              isIn(ranges[length], address),
            );
          }
        }
        expect(built.count).to.equal(fewest(ranges[4]) + fewest(ranges[16]));
      }),
      { numRuns: 100 },
    );
  });

  it('finds the addresses that are in no range', () => {
    fc.assert(
      fc.property(both, (ranges) => {
        const others = new RangeList();
        others.addAllBut(listOf(ranges).build());
        const built = others.build();
        for (const length of [4, 16] as const) {
          for (const address of interesting(ranges[length], length)) {
            expect(built.has(pack(address, length)), address.toString(16)).to.equal(
              !isIn(ranges[length], address),
            );
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('is read from the same memory elsewhere', () => {
    const { buffer } = listOf({ 4: [[1n, 5n]], 16: [[7n, 9n]] }).build();
    const there = new IpRanges(buffer);
    expect(there.buffer).to.equal(buffer);
    expect(there.count).to.equal(2);
    expect(there.has(pack(5n, 4))).to.equal(true);
    expect(there.has(pack(9n, 16))).to.equal(true);
    expect(there.has(pack(10n, 16))).to.equal(false);
  });

  it('sorts and finds 300,000 ranges', () => {
    const list = new RangeList();
    const count = 300_000;
    // 7,919 is a prime that does not divide the count: each range once, in a mixed order.
    for (let index = 0; index < count; index += 1) {
      const first = ((index * 7919) % count) * 10_000;
      list.addIpv4(first, first + 99);
    }
    const built = list.build();
    expect(built.count).to.equal(count);
    for (const index of [0, 1, 150_000, count - 1]) {
      expect(built.has(pack(BigInt(index * 10_000 + 99), 4))).to.equal(true);
      expect(built.has(pack(BigInt(index * 10_000 + 100), 4))).to.equal(false);
    }
  });

  it('refuses ranges of two families, in the wrong order, or of no address', () => {
    const list = new RangeList();
    expect(list.add(pack(1n, 4), pack(2n, 16))).to.equal(false);
    expect(list.add(pack(2n, 4), pack(1n, 4))).to.equal(false);
    expect(list.add(new Uint8Array(3), new Uint8Array(3))).to.equal(false);
    expect(list.count).to.equal(0);
    expect(list.build().has(new Uint8Array(3))).to.equal(false);
  });
});
