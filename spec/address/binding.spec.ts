import { expect } from 'chai';
import { isOwn, ownAddresses, sourceFor, whyNotBind } from '../../lib/address/binding';
import type { Interfaces } from '../../lib/address/binding';

const entry = (address: string): { address: string; family: string } => ({
  address,
  family: address.includes(':') ? 'IPv6' : 'IPv4',
});
const INTERFACES: Interfaces = {
  lo: [entry('127.0.0.1'), entry('::1')],
  tun0: [entry('fe80::7'), entry('10.8.0.2'), entry('10.8.0.3'), entry('2001:db8::2')],
  eth0: [entry('192.0.2.7')],
  down: [entry('fe80::8')],
};

describe('address: binding', () => {
  it('takes the first address of each family that an interface has, and no link-local one', () => {
    const both = { ipv4: '10.8.0.2', ipv6: '2001:db8::2' };
    expect(ownAddresses('tun0', INTERFACES)).to.deep.equal(both);
    expect(ownAddresses('eth0', INTERFACES)).to.deep.equal({ ipv4: '192.0.2.7', ipv6: undefined });
    const none = { ipv4: undefined, ipv6: undefined };
    for (const bind of ['down', 'gone', 'toString', '__proto__'])
      expect(ownAddresses(bind, INTERFACES), bind).to.deep.equal(none);
  });

  it('takes an address as it is', () => {
    expect(ownAddresses('192.0.2.9', {})).to.deep.equal({ ipv4: '192.0.2.9', ipv6: undefined });
    expect(ownAddresses('2001:db8::9', {})).to.deep.equal({ ipv4: undefined, ipv6: '2001:db8::9' });
  });

  it('says why nothing can be bound', () => {
    for (const bind of ['tun0', '192.0.2.7', '2001:db8::2', '127.0.0.9', '::1'])
      expect(whyNotBind(bind, INTERFACES), bind).to.equal(undefined);
    expect(whyNotBind('wg0', INTERFACES)).to.match(/is neither: .*interfaces lo, tun0, eth0, down/);
    expect(whyNotBind('down', INTERFACES)).to.match(/has no address now/);
    expect(whyNotBind('192.0.2.8', INTERFACES)).to.match(/is not: it has .*192\.0\.2\.7/);
  });

  it('makes connections of a family only from an address of that family', () => {
    const own = ownAddresses('tun0', INTERFACES);
    const four = { family: 4, localAddress: '10.8.0.2' };
    const six = { family: 6, localAddress: '2001:db8::2' };
    expect(sourceFor('198.51.100.1', own)).to.deep.equal(four);
    expect(sourceFor('[2001:db8::9]', own)).to.deep.equal(six);
    expect(sourceFor('peer.example', own)).to.deep.equal(four);
    expect(sourceFor('peer.example', own, 6)).to.deep.equal(six);
    const onlySix = { ipv4: undefined, ipv6: '2001:db8::2' };
    expect(sourceFor('peer.example', onlySix)).to.deep.equal(six);
    expect(sourceFor('198.51.100.1', onlySix)).to.equal(undefined);
    expect(sourceFor('peer.example', onlySix, 4)).to.equal(undefined);
  });

  it('knows its own addresses', () => {
    const own = ownAddresses('eth0', INTERFACES);
    expect(isOwn('192.0.2.7', own)).to.equal(true);
    expect(isOwn('192.0.2.8', own)).to.equal(false);
  });
});
