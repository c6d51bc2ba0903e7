// A host and its port as people write them.

import { expect } from 'chai';
import fc from 'fast-check';
import { isIPv6 } from 'node:net';
import { parseHostPort } from '../../lib/address/host-port';
import { hostPort } from '../../lib/address/text';

describe('address: a host and its port', () => {
  it('reads back what is written', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
        fc.integer({ min: 1, max: 65_535 }),
        (host, port) => {
          expect(parseHostPort(hostPort(host, port))).to.deep.equal({ host, port });
        },
      ),
    );
  });

  it('takes a host alone, and an IPv6 address with its zone', () => {
    expect(parseHostPort('peer.example')).to.deep.equal({ host: 'peer.example' });
    expect(parseHostPort('[::1]')).to.deep.equal({ host: '::1' });
    expect(parseHostPort('[fe80::1%eth0]:6881')).to.deep.equal({
      host: 'fe80::1%eth0',
      port: 6881,
    });
  });

  for (const text of [
    '',
    ':1',
    'a:',
    'a:0',
    'a:65536',
    'a:123456',
    'a:1x',
    'a b:1',
    'a/b:1',
    '::1',
    '::1:6881',
    '[::1',
    '::1]:1',
    '[]:1',
    '[host]:1',
    '[192.0.2.1]:1',
    '[[::1]]:1',
  ]) {
    it(`refuses "${text}"`, () => {
      expect(parseHostPort(text)).to.equal(undefined);
    });
  }

  it('has an IPv6 address in every pair of brackets, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'[]:.%/1fg 0') }), (text) => {
        const found = parseHostPort(text);
        if (found === undefined) return;
        expect(text.startsWith('[')).to.equal(found.host.includes(':'));
        if (text.startsWith('[')) expect(isIPv6(found.host.split('%')[0] ?? '')).to.equal(true);
      }),
    );
  });
});
