// Options of the network that need more than a range of numbers.

import { expect } from 'chai';
import { NETWORK, dscpOption } from '../../lib/api/network-options';

describe('api: network options', () => {
  it('takes addresses and names to announce, and nothing else', () => {
    for (const good of ['192.0.2.7', '2001:db8::7', 'peer.example', 'a'])
      expect(NETWORK.announceAddress('announceAddress', good)).to.equal(good);
    expect(NETWORK.announceAddress('announceAddress', undefined)).to.equal(undefined);
    const bad = ['', '[::1]', 'a b', 'http://x', 'x/', '-x', 'x.', `${'a'.repeat(254)}`, 7, null];
    for (const value of bad) {
      expect(() => NETWORK.announceAddress('announceAddress', value), String(value)).to.throw(
        /^option announceAddress must be an IP address without brackets, or a host name, not /,
      );
    }
  });

  it('takes a port from 1 to 65535 to announce', () => {
    expect(NETWORK.announcePort('announcePort', 7000)).to.equal(7000);
    for (const value of [0, 65_536, '7000'])
      expect(() => NETWORK.announcePort('announcePort', value)).to.throw(/whole number from 1/);
  });

  it('takes a DSCP from 0 to 63 where this Node can mark packets, and says so elsewhere', () => {
    expect(dscpOption(true)('dscp', 63)).to.equal(63);
    expect(dscpOption(false)('dscp', undefined)).to.equal(undefined);
    for (const value of [-1, 64, 1.5])
      expect(() => dscpOption(true)('dscp', value)).to.throw(/whole number from 0 to 63/);
    expect(() => dscpOption(false)('dscp', 8)).to.throw(
      /^option dscp needs Node 24 or later.*with Node \d+.*iptables.*value 8/,
    );
  });
});
