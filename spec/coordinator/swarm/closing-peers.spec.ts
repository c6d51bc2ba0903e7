// The end of a peer: ordered once, for the first reason, and reported with that reason.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { KIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };

describe('coordinator: a peer that is closed', () => {
  /** A seed that connected to a seed: it is to be closed as not useful. */
  async function useless() {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: [0, 1, 2, 3] });
    const peer = desk.connect(torrent);
    expect(engine.ordersOf('close', peer)).to.have.length(1);
    return { desk, engine, torrent, peer };
  }

  it('is ordered so once, whatever else would close it', async () => {
    const { desk, engine, torrent, peer } = await useless();
    engine.facts({ type: 'peer-have', connection: peer, pieces: [0] });
    await desk.control.pause(torrent.state.id);
    expect(engine.ordersOf('close', peer).map(({ reason }) => reason)).to.deep.equal([
      'not-useful',
    ]);
  });

  it('is reported with the reason of the order, and counted once', async () => {
    const { desk, engine, torrent, peer } = await useless();
    await desk.control.pause(torrent.state.id);
    desk.close(peer, 'remote-closed');
    desk.close(peer, 'remote-closed');
    expect(engine.eventsOf('peer-closed').map(({ reason }) => reason)).to.deep.equal([
      'not-useful',
    ]);
    expect((await desk.control.stats()).peersClosed).to.deep.equal({ 'not-useful': 1 });
  });

  it('gets no work, no slot and no word of ours meanwhile', async () => {
    const { desk, engine, peer } = await useless();
    engine.takeOrders();
    engine.facts({ type: 'peer-interest', connection: peer, interested: true });
    desk.want(peer, 16);
    engine.pass(10_000);
    expect(engine.takeOrders()).to.deep.equal([]);
  });
});
