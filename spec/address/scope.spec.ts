import { expect } from 'chai';
import fc from 'fast-check';
import { BlockList } from 'node:net';
import { isDialable, isLoopback, scopeOf, scopeOfText } from '../../lib/address/scope';
import type { AddressScope } from '../../lib/address/scope';
import { formatAddress, parseAddress } from '../../lib/address/text';

/** By another's arithmetic: the networks of each scope, the first that holds an address counts. */
const NETWORKS: readonly (readonly [AddressScope, 'ipv4' | 'ipv6', readonly string[]])[] = [
  ['loopback', 'ipv4', ['127.0.0.0/8']],
  ['link-local', 'ipv4', ['169.254.0.0/16']],
  ['metadata', 'ipv4', ['100.100.100.200/32', '192.0.0.192/32', '168.63.129.16/32']],
  [
    'private',
    'ipv4',
    ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15'],
  ],
  ['nowhere', 'ipv4', ['0.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4']],
  ['loopback', 'ipv6', ['::1/128']],
  ['nowhere', 'ipv6', ['::/128', 'ff00::/8']],
  ['link-local', 'ipv6', ['fe80::/10']],
  ['metadata', 'ipv6', ['fd00:ec2::254/128', 'fd20:ce::254/128']],
  ['private', 'ipv6', ['fc00::/7', 'fec0::/10']],
];
const LISTS = NETWORKS.map(([scope, family, networks]) => {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    list.addSubnet(address, Number(bits), family);
  }
  return { scope, family, list };
});

function expected(address: string, family: 'ipv4' | 'ipv6'): AddressScope {
  const found = LISTS.find((each) => each.family === family && each.list.check(address, family));
  return found?.scope ?? 'public';
}

/** Addresses of every kind, the edges of each network among them. */
const ipv4 = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc
    .tuple(
      fc.constantFrom(
        '127.0.0.1',
        '126.255.255.255',
        '128.0.0.0',
        '169.253.255.255',
        '169.254.169.254',
        '169.255.0.0',
        '172.15.255.255',
        '172.16.0.0',
        '172.31.255.255',
        '172.32.0.0',
        '100.63.255.255',
        '100.64.0.0',
        '100.100.100.200',
        '100.127.255.255',
        '100.128.0.0',
        '9.255.255.255',
        '10.0.0.0',
        '192.168.0.1',
        '192.169.0.0',
        '198.17.255.255',
        '198.19.255.255',
        '198.20.0.0',
        '223.255.255.255',
        '224.0.0.0',
        '255.255.255.255',
        '0.0.0.0',
        '0.255.255.255',
        '1.0.0.0',
        '168.63.129.16',
        '192.0.0.192',
      ),
    )
    .map(([text]) => parseAddress(text) ?? new Uint8Array(4)),
);

const at = (prefix: readonly number[], four: Uint8Array, tail = 0): Uint8Array => {
  const packed = new Uint8Array(16);
  packed.set(prefix);
  packed.set(four, 16 - 4 - tail);
  return packed;
};

/** Every way to write an IPv4 address as an IPv6 one that some system takes for it. */
const FORMS: Readonly<Record<string, (four: Uint8Array) => Uint8Array>> = {
  mapped: (four) => at([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], four),
  translated: (four) => at([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], four),
  NAT64: (four) => at([0, 0x64, 0xff, 0x9b], four),
  'NAT64 of one’s own, /96': (four) => at([0, 0x64, 0xff, 0x9b, 0, 1], four),
  'NAT64 of one’s own, /48': ([a = 0, b = 0, c = 0, d = 0]) =>
    at([0, 0x64, 0xff, 0x9b, 0, 1, a, b, 0, c, d], new Uint8Array(4)),
  '6to4': (four) => at([0x20, 0x02, ...four], Uint8Array.of(0, 0, 0, 1)),
  Teredo: (four) =>
    at(
      [0x20, 0x01],
      four.map((byte) => byte ^ 0xff),
    ),
};

describe('address: the scope of an address', () => {
  it('of IPv4 is that of the network that holds it', () => {
    fc.assert(
      fc.property(ipv4, (packed) => {
        expect(scopeOf(packed), packed.join('.')).to.equal(expected(packed.join('.'), 'ipv4'));
      }),
      { numRuns: 1000 },
    );
  });

  it('of IPv6 is that of the network that holds it', () => {
    const first = fc.constantFrom(0x20, 0x26, 0xfc, 0xfd, 0xfe, 0xff, 0x3f);
    const ipv6 = fc
      .tuple(first, fc.uint8Array({ minLength: 15, maxLength: 15 }))
      .map(([head, rest]) => Uint8Array.of(head, ...rest))
      // Those that carry an IPv4 address have a property of their own.
      .filter(([a, b, c, d]) => !(a === 0x20 && (b === 2 || (b === 1 && c === 0 && d === 0))));
    fc.assert(
      fc.property(ipv6, (packed) => {
        const text = formatAddress(packed) ?? '';
        expect(scopeOf(packed), text).to.equal(expected(text, 'ipv6'));
      }),
      { numRuns: 1000 },
    );
    for (const text of ['::', '::1', 'fd00:ec2::254', 'fd00:ec2::253', 'fd20:ce::254', 'fe80::1']) {
      expect(scopeOfText(text), text).to.equal(expected(text, 'ipv6'));
    }
  });

  for (const [form, embed] of Object.entries(FORMS)) {
    it(`of IPv4 inside IPv6 is that of the IPv4 address: ${form}`, () => {
      fc.assert(
        fc.property(ipv4, (four) => {
          // With the prefix of 48 bits and nothing behind it, zeros say the other form.
          if (form.endsWith('/48') && four.every((byte) => byte === 0)) return;
          const packed = embed(four);
          expect(scopeOf(packed), formatAddress(packed)).to.equal(expected(four.join('.'), 'ipv4'));
        }),
        { numRuns: 300 },
      );
    });
  }

  it('is read of text with brackets and zones; names and other lengths have none', () => {
    expect(scopeOfText('[::1]')).to.equal('loopback');
    expect(scopeOfText('fe80::1%eth0')).to.equal('link-local');
    expect(scopeOfText('::ffff:127.0.0.1')).to.equal('loopback');
    expect(scopeOfText('::7f00:1')).to.equal('loopback');
    for (const name of ['localhost', '', '127.1', '0x7f.0.0.1']) {
      expect(scopeOfText(name), name).to.equal(undefined);
    }
    for (const length of [0, 3, 5, 15, 17]) {
      expect(scopeOf(new Uint8Array(length).fill(8)), String(length)).to.equal('nowhere');
    }
  });

  it('recognises the hosts that are this machine', () => {
    for (const host of [
      'localhost',
      'a.localhost',
      '127.3.2.1',
      '[::1]',
      '::1',
      '::ffff:127.0.0.1',
    ]) {
      expect(isLoopback(host), host).to.equal(true);
    }
    for (const host of ['', 'localhost.example', '128.0.0.1', '::2', '0.0.0.0', '[::1', '127.1']) {
      expect(isLoopback(host), host).to.equal(false);
    }
  });

  it('decides where peers may be dialled', () => {
    const dialable = (text: string): boolean => isDialable(parseAddress(text) ?? new Uint8Array());
    for (const text of ['8.8.8.8', '10.0.0.1', '127.0.0.1', 'fe80::1', '2001:db8::1']) {
      expect(dialable(text), text).to.equal(true);
    }
    for (const text of [
      '0.0.0.0',
      '::',
      '224.0.0.1',
      'ff02::1',
      '100.100.100.200',
      'fd00:ec2::254',
    ]) {
      expect(dialable(text), text).to.equal(false);
    }
  });
});
