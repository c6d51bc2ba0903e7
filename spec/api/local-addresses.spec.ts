import { expect } from 'chai';
import type { NetworkInterfaceInfo } from 'node:os';
import { addressesOf } from '../../lib/api/local-addresses';

const at = (address: string, internal = false): NetworkInterfaceInfo =>
  ({
    address,
    internal,
    family: address.includes(':') ? 'IPv6' : 'IPv4',
  }) as NetworkInterfaceInfo;

describe('api/local-addresses', () => {
  it('names what others can reach, the likeliest first', () => {
    const found = addressesOf({
      lo: [at('127.0.0.1', true), at('::1', true)],
      docker0: [at('172.17.0.1')],
      eth0: [at('fd00::2'), at('fe80::1'), at('169.254.3.4'), at('10.0.0.2')],
      wlan0: [at('192.168.1.7')],
      down: undefined,
    });
    expect(found).to.deep.equal(['10.0.0.2', '192.168.1.7', '172.17.0.1', 'fd00::2']);
  });

  it('is empty without a network', () => {
    expect(addressesOf({ lo: [at('127.0.0.1', true)] })).to.deep.equal([]);
  });
});
