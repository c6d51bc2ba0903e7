import { expect } from 'chai';
import type { OwnAddresses } from '../../lib/address/binding';
import { BindingWatch } from '../../lib/net/binding-watch';
import { Actor, torrentOf } from './actor';

describe('net: own addresses that vanish', () => {
  const lostAt = (watch: BindingWatch, nowMs: number): unknown[] => {
    const lost: unknown[] = [];
    const connections = ['192.0.2.7', '192.0.2.8', undefined].map((localAddress) => ({
      localAddress,
      close: (reason: string) => void lost.push(`${localAddress} ${reason}`),
    }));
    watch.tick(connections, nowMs);
    return lost;
  };

  it('end the connections that are bound to them, within a second', () => {
    let own: OwnAddresses = { ipv4: '192.0.2.7', ipv6: undefined };
    let looks = 0;
    const watch = new BindingWatch(() => {
      looks += 1;
      return own;
    });
    expect(lostAt(watch, 0)).to.deep.equal(['192.0.2.8 no-address']);
    own = { ipv4: undefined, ipv6: undefined };
    expect(lostAt(watch, 999)).to.deep.equal([]);
    expect(looks).to.equal(1);
    expect(lostAt(watch, 1_000)).to.deep.equal(['192.0.2.7 no-address', '192.0.2.8 no-address']);
  });

  it('are none where nothing is bound', () => {
    expect(lostAt(new BindingWatch(undefined), 0)).to.deep.equal([]);
  });

  it('make a dial fail with no-address', async () => {
    const network = { bind: 'no-such-interface' };
    const actor = new Actor({ network });
    const files = [{ path: 'f', lengthBytes: 16_384 }];
    const storage = { module: 'memory', key: 'f', root: '/' };
    const torrent = torrentOf({ pieceLengthBytes: 16_384, files, storage });
    actor.order({ type: 'open-torrent', torrent });
    actor.order({ type: 'dial', dial: 1, torrent: 1, host: '127.0.0.1', port: 9 });
    expect(await actor.fact('dial-failed')).to.include({ reason: 'no-address' });
    actor.order({ type: 'listen', port: 0 });
    expect(await actor.fact('listen-failed')).to.include({ code: 'EADDRNOTAVAIL' });
    await actor.stop();
    // An address that the system does not have.
    const other = new Actor({ network: { bind: '192.0.2.99' } });
    other.order({ type: 'open-torrent', torrent });
    other.order({ type: 'dial', dial: 1, torrent: 1, host: '127.0.0.1', port: 9 });
    expect(await other.fact('dial-failed')).to.include({ reason: 'no-address' });
    await other.stop();
  });
});
