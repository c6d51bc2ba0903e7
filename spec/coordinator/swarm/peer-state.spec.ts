// Announcements of peers: partial seeds (BEP 21), lost pieces (BEP 54), and our address.
import { expect } from 'chai';
import { requestOf } from '../../../lib/coordinator/swarm/trackers';
import { SimDesk } from '../../support/sim-desk';
import { KIB } from '../../support/sim-torrent';

const TWO_PIECES = { totalLengthBytes: 128 * KIB, pieceLengthBytes: 64 * KIB };

describe('coordinator/swarm: partial seeds, lost pieces, our address', () => {
  it('closes a peer if both sides want nothing', async () => {
    const { desk, torrent } = await SimDesk.with(TWO_PIECES, { good: [0, 1] });
    const peer = desk.connect(torrent, { have: [0] });
    expect(desk.engine.ordersOf('close')).to.deep.equal([]);
    desk.engine.facts({ type: 'upload-only', connection: peer, uploadOnly: true });
    expect(desk.engine.ordersOf('close').map(({ reason }) => reason)).to.deep.equal(['not-useful']);
  });

  it('a download keeps a partial seed, and gives it no slot', async () => {
    const { desk, torrent } = await SimDesk.with(TWO_PIECES, { good: [0] });
    const peer = desk.connect(torrent, { have: [1], creditBlocks: 4 });
    desk.engine.facts({ type: 'upload-only', connection: peer, uploadOnly: true });
    desk.engine.facts({ type: 'peer-interest', connection: peer, interested: true });
    expect(desk.peer(peer)).to.include({ theyAreInterested: false, closing: undefined });
    expect(desk.engine.ordersOf('choke')).to.deep.equal([]);
    // Its interest is not reported again: it has not changed.
    desk.engine.facts({ type: 'upload-only', connection: peer, uploadOnly: false });
    expect(desk.peer(peer).theyAreInterested).to.equal(true);
    expect(desk.engine.ordersOf('choke').map(({ choked }) => choked)).to.deep.equal([false]);
  });

  it('orders upload_only when a download becomes a seed', async () => {
    const { desk, torrent } = await SimDesk.with(TWO_PIECES, { good: [0] });
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    await desk.serveAll(peer);
    expect(torrent.state.phase).to.equal('seeding');
    const orders = desk.engine.ordersOf('upload-only');
    expect(orders.map(({ uploadOnly }) => uploadOnly)).to.include(true);
  });

  it('peers learn whenever that changes, also those of threads that opened the torrent before', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TWO_PIECES, { good: [0, 1] });
    const opened = engine.ordersOf('open-torrent').map((order) => order.torrent.uploadOnly);
    expect(opened).to.deep.equal([true]);
    for (const on of [true, true, false, false])
      await engine.control.superSeed(torrent.state.id, on);
    const sent = engine.ordersOf('upload-only').map(({ uploadOnly }) => uploadOnly);
    expect(sent, 'a super-seed does not say so').to.deep.equal([false, true]);
    expect(desk.stats(torrent).phase).to.equal('seeding');
  });

  it('announces itself as a partial seed exactly while it lacks pieces that it does not want', async () => {
    const { desk, torrent } = await SimDesk.with(TWO_PIECES, { good: [0] });
    const due = { url: 'http://t/a', event: undefined, trackerId: undefined };
    const isPartial = (): boolean | undefined =>
      requestOf(desk.engine, torrent.state, due).partialSeed;
    expect(isPartial()).to.equal(false);
    torrent.state.content.possession.setWanted(1, false);
    expect(isPartial()).to.equal(true);
    torrent.state.content.possession.setWanted(1, true);
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    await desk.serveAll(peer);
    expect(isPartial()).to.equal(false);
  });

  it('a lost piece is no longer counted, leased, or of interest', async () => {
    for (const have of ['all', [1]] as const) {
      const { desk, torrent } = await SimDesk.with(TWO_PIECES, { good: [0] });
      const peer = desk.connect(torrent, { have });
      desk.engine.facts(
        { type: 'peer-lost', connection: peer, piece: 1 },
        { type: 'peer-lost', connection: peer, piece: 1 },
      );
      const { picker } = torrent.state.content.possession;
      expect(desk.source(peer)).to.include({ isSeed: false, usefulPieces: 0 });
      expect([picker.availability(0), picker.availability(1)]).to.deep.equal([
        have === 'all' ? 1 : 0,
        0,
      ]);
      expect(desk.engine.ordersOf('interest').at(-1)).to.include({ interested: false });
      desk.want(peer, 4);
      expect(desk.leases(peer)).to.deep.equal([]);
      desk.announce(peer, [1]);
      expect(desk.leases(peer)).to.have.length(1);
      desk.close(peer);
      expect(picker.availability(1)).to.equal(0);
    }
  });

  it('peers of different households vote on our address', async () => {
    const { desk, torrent } = await SimDesk.with(TWO_PIECES);
    const yourIp = Uint8Array.of(192, 0, 2, 1);
    for (const host of ['10.4.0.1', '10.4.0.2']) {
      const connection = desk.connect(torrent, { host });
      desk.engine.facts({ type: 'extended-handshake', connection, yourIp });
    }
    expect(desk.engine.state.external.of(4)).to.deep.equal(yourIp);
  });
});
