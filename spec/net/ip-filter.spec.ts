// The IP filter in a peer thread: at the accept, at a dial, at a name's addresses, and when it changes.

import { expect } from 'chai';
import { HANDSHAKE_LENGTH_BYTES } from '../../lib/wire/handshake';
import { HostilePeer } from '../support/hostile/peer';
import { ipFilterBuffer } from '../support/ip-filter-buffer';
import { Actor, INFO_HASH, torrentOf } from './actor';

const TORRENT = torrentOf({
  pieceLengthBytes: 16_384,
  files: [{ path: 'f', lengthBytes: 16_384 }],
  storage: { module: 'memory', key: 'f', root: '/' },
});
const BLOCKED = ipFilterBuffer('127.0.0.1', '::1');

describe('net: IP filter', () => {
  let actor: Actor;
  const begin = (ipFilter?: SharedArrayBuffer): void => {
    actor = new Actor({ network: { ipFilter } });
    actor.order({ type: 'open-torrent', torrent: TORRENT });
  };
  afterEach(() => actor.stop());

  it('refuses an incoming connection before its handshake', async () => {
    begin(BLOCKED);
    const peer = await HostilePeer.connect(await actor.listen());
    peer.sendHandshake(INFO_HASH);
    const { host, reason, detail } = await actor.fact('rejected');
    expect({ host, reason }).to.deep.equal({ host: '127.0.0.1', reason: 'ip-filter' });
    expect(detail).to.match(/IP filter/);
    expect(actor.of('connected')).to.deep.equal([]);
    await peer.closed;
  });

  it('dials no refused address, and no name that leads only to refused ones', async () => {
    begin(BLOCKED);
    const far = await HostilePeer.listen();
    let connected = false;
    void far.peer.then(() => (connected = true));
    for (const [dial, host] of ['127.0.0.1', 'localhost'].entries()) {
      actor.order({ type: 'dial', dial, torrent: 1, host, port: far.port });
      const { reason } = await actor.fact('dial-failed', (fact) => fact.dial === dial);
      expect(reason, host).to.equal('ip-filter');
    }
    expect(connected).to.equal(false);
    far.close();
  });

  it('still dials a name with one address that is allowed', async () => {
    begin(ipFilterBuffer('::1', '192.0.2.0/24'));
    const far = await HostilePeer.listen();
    actor.order({ type: 'dial', dial: 1, torrent: 1, host: 'localhost', port: far.port });
    const peer = await far.peer;
    far.close();
    await peer.receive(HANDSHAKE_LENGTH_BYTES);
    peer.end();
    await actor.fact('dial-failed');
  });

  it('closes what a new filter refuses, in every state, and lets all in without one', async () => {
    begin();
    const port = await actor.listen();
    const silent = await HostilePeer.connect(port);
    const open = await HostilePeer.connect(port);
    open.sendHandshake(INFO_HASH);
    await actor.fact('connected');
    actor.order({ type: 'ip-filter', buffer: BLOCKED });
    const [{ reason }, rejected] = [await actor.fact('closed'), await actor.fact('rejected')];
    expect([reason, rejected.reason]).to.deep.equal(['ip-filter', 'ip-filter']);
    await Promise.all([silent.closed, open.closed]);
    actor.order({ type: 'ip-filter', buffer: undefined });
    const again = await HostilePeer.connect(port);
    again.sendHandshake(INFO_HASH);
    await actor.fact('connected', (fact) => fact !== actor.of('connected')[0]);
    again.end();
  });
});
