import { expect } from 'chai';
import type { PeerAddress } from '../../lib/tracker/announce';
import { filterPeers } from '../../lib/tracker/peer-filter';

const peer = (host: string, port = 6881): PeerAddress => ({ host, port });

function kept(peers: PeerAddress[], trackerIp?: string, ownIps: string[] = []): string[] {
  return filterPeers(peers, { trackerIp, ownIps, ownPort: 6881 }).map(({ host }) => host);
}

describe('tracker: peers worth a dial', () => {
  const LOCAL = [peer('127.0.0.1'), peer('127.8.8.8'), peer('::1')];
  const LINK = [peer('169.254.3.4'), peer('fe80::1'), peer('febf::2')];

  it('a tracker far away cannot send us to this machine or to the link', () => {
    const far = peer('203.0.113.9');
    expect(kept([...LOCAL, ...LINK, far], '198.51.100.1')).to.deep.equal(['203.0.113.9']);
    expect(kept([...LOCAL, ...LINK, far], '2001:db8::1')).to.deep.equal(['203.0.113.9']);
    expect(kept([...LOCAL, ...LINK, far])).to.deep.equal(['203.0.113.9']);
    expect(kept([peer('::ffff:127.0.0.1'), peer('fec0::1')], '198.51.100.1')).to.deep.equal([
      'fec0::1',
    ]);
  });

  it('one on this machine may, by whichever of our addresses we reach it', () => {
    expect(kept([...LOCAL, ...LINK], '127.0.0.1')).to.have.length(6);
    expect(kept([...LOCAL, ...LINK], '::1')).to.have.length(6);
    expect(kept(LOCAL, '192.0.2.7', ['192.0.2.7'])).to.have.length(3);
  });

  it('one on the link may name peers on the link', () => {
    expect(kept([...LOCAL, ...LINK], 'fe80::9%eth0')).to.have.length(3);
  });

  it('private networks are left alone: a tracker inside one names its neighbours', () => {
    const inside = [peer('10.1.1.1'), peer('192.168.1.1'), peer('fd00::1')];
    expect(kept(inside, '198.51.100.1')).to.have.length(3);
  });

  it('never port 0, unspecified, multicast, broadcast, reserved, or a name', () => {
    const bad = ['0.0.0.0', '0.1.2.3', '224.0.0.1', '239.192.152.143', '240.0.0.1'];
    const worse = ['255.255.255.255', '::', 'ff02::1', 'tracker.example', ''];
    expect(
      kept(
        [...bad, ...worse].map((host) => peer(host)),
        '127.0.0.1',
      ),
    ).to.deep.equal([]);
    expect(kept([peer('10.0.0.1', 0), peer('10.0.0.1', 65_536)], '10.0.0.9')).to.deep.equal([]);
  });

  it('never ourselves; another client behind our address is somebody else', () => {
    const own = ['203.0.113.5', '2001:db8:0::5'];
    const list = [peer('203.0.113.5'), peer('203.0.113.5', 6882), peer('2001:db8::5')];
    const left = filterPeers(list, { trackerIp: '198.51.100.1', ownIps: own, ownPort: 6881 });
    expect(left).to.deep.equal([peer('203.0.113.5', 6882)]);
    expect(filterPeers(list, { ownIps: own, ownPort: 0 })).to.have.length(3);
  });
});
