// Canonical peer priority (BEP 40): the vectors of the BEP and of libtorrent's tests, and properties for any
// two hosts.

import { expect } from 'chai';
import fc from 'fast-check';
import { crc32c, peerPriority } from '../../lib/address/priority';
import { parseAddress } from '../../lib/address/text';

const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');

function priority(one: string, other: string, ports: readonly [number, number] = [1, 2]): number {
  const [a, b] = [parseAddress(one), parseAddress(other)];
  if (!a || !b) throw new Error('no address');
  return peerPriority({ packed: a, port: ports[0] }, { packed: b, port: ports[1] }) ?? -1;
}

describe('address/priority', () => {
  it('hashes by CRC-32C, with the test vectors of RFC 3720', () => {
    expect(crc32c([Buffer.from('123456789')])).to.equal(0xe306_9283);
    expect(crc32c([new Uint8Array(32)])).to.equal(0x8a91_36aa);
    expect(crc32c([new Uint8Array(16).fill(0xff), new Uint8Array(16).fill(0xff)])).to.equal(
      0x62a8_ab43,
    );
  });

  it('agrees with the examples of BEP 40', () => {
    expect(priority('123.213.32.10', '98.76.54.32')).to.equal(0xec2d_7224);
    expect(priority('123.213.32.10', '123.213.32.234')).to.equal(0x9956_8189);
  });

  it('takes ports for one address, whole addresses in a /24, and half of the rest beyond it', () => {
    const vectors = [
      ['230.12.123.3', '230.12.123.3', '012c04d2'],
      ['230.12.123.1', '230.12.123.3', 'e60c7b01e60c7b03'],
      ['230.12.23.1', '230.12.123.3', 'e60c1701e60c7b01'],
      ['230.120.23.1', '230.12.123.3', 'e60c5101e6781501'],
    ] as const;
    for (const [one, other, hashed] of vectors)
      expect(priority(one, other, [1234, 300]), hashed).to.equal(crc32c([hex(hashed)]));
  });

  it('widens the mask of IPv6 from the /48 on, byte by byte', () => {
    const vectors = [
      ['2001:db8:1:ffff::ff', '2001:db8:2:ffff::ff', 6],
      ['2001:db8:1:ff00::ff', '2001:db8:1:fe00::ff', 7],
      ['2001:db8:1:ffff::ff', '2001:db8:1:ff00::ff', 8],
      ['2001:db8:1:ffff::ff', '2001:db8:1:ffff::fe', 16],
    ] as const;
    for (const [one, other, whole] of vectors) {
      const masked = [one, other]
        .map((text) => (parseAddress(text) ?? hex('')).map((b, at) => (at < whole ? b : b & 0x55)))
        .sort(Buffer.compare);
      expect(priority(one, other), one).to.equal(crc32c(masked));
    }
  });

  it('is the same from both sides, and none between families', () => {
    const four = fc.uint8Array({ minLength: 4, maxLength: 4 });
    const six = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const end = fc.record({
      packed: fc.oneof(four, six),
      port: fc.integer({ min: 0, max: 65_535 }),
    });
    fc.assert(
      fc.property(end, end, (one, other) => {
        const found = peerPriority(one, other);
        expect(found).to.equal(peerPriority(other, one));
        expect(found === undefined).to.equal(one.packed.length !== other.packed.length);
      }),
    );
  });
});
