// What shares the places of one address: the same household, however its address is written.

import { expect } from 'chai';
import fc from 'fast-check';
import { householdOf, householdOfHost, shareOf } from '../../lib/address/household';
import { parseAddress } from '../../lib/address/text';

describe('address: what counts as one', () => {
  const SAME: readonly (readonly [string, string])[] = [
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
    ['2001:db8::1', '2001:0DB8:0:0:1:2:3:4'],
    ['fe80::1%eth0', 'fe80::2'],
    ['192.0.2.1', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::1'],
    ['::2', '0:0:0:0:1::'],
  ];
  for (const [a, b] of SAME)
    it(`${a} with ${b}`, () => {
      expect(shareOf(a)).to.equal(shareOf(b));
    });

  it('no others', () => {
    const hosts = ['192.0.2.1', '192.0.2.2', '2001:db8:1:2::1', '2001:db8:1:3::1', 'a.example'];
    expect(new Set(hosts.map(shareOf))).to.have.property('size', hosts.length);
  });

  it('is the same of the text and of the bytes', () => {
    for (const host of ['192.0.2.1', '255.255.255.255', '2001:db8::1', 'fe80::1%eth0', '[::2]']) {
      const packed = parseAddress(host.replace(/^\[|\]$/g, '').replace(/%.*/, ''));
      expect(householdOfHost(host), host).to.equal(householdOf(packed ?? new Uint8Array()));
    }
  });

  it('and loopback never', () => {
    for (const host of [
      '127.0.0.1',
      '127.9.9.9',
      '::1',
      '::ffff:127.0.0.1',
      'localhost',
      'a.localhost',
    ])
      expect(shareOf(host), host).to.equal(undefined);
  });

  it('is one for any two IPv6 addresses whose first 64 bits are equal, however written', () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const groups = (length: number) => fc.array(group, { minLength: length, maxLength: length });
    const hex = (values: readonly number[]) => values.map((each) => each.toString(16)).join(':');
    fc.assert(
      fc.property(groups(4), groups(4), fc.nat(7), fc.nat(8), (prefix, rest, at, zeros) => {
        const all = [...prefix, ...rest];
        fc.pre(all.some((each) => each !== 0));
        const plain = shareOf(hex(all));
        expect(plain).to.equal(shareOf(hex([...prefix, 1, 2, 3, 4])));
        // The same address with a run of zeros cut short.
        const end = Math.min(8, at + zeros);
        const cut = all.map((each, index) => (index >= at && index < end ? 0 : each));
        fc.pre(end > at && cut.some((each) => each !== 0));
        const short = `${hex(cut.slice(0, at))}::${hex(cut.slice(end))}`;
        if (short !== '::1') expect(shareOf(short), short).to.equal(shareOf(hex(cut)));
      }),
    );
  });
});
