// Peers with the fast extension (BEP 6): a choke ends no lease, and a reject moves a block to others.

import { expect } from 'chai';
import { REFUSAL_MS } from '../../../lib/coordinator/pieces/refusals';
import { SimDesk } from '../../support/sim-desk';
import { KIB } from '../../support/sim-torrent';

const TWO_PIECES = { totalLengthBytes: 128 * KIB, pieceLengthBytes: 64 * KIB };

function choke(desk: SimDesk, connection: number, epoch: number): void {
  desk.engine.facts({ type: 'peer-choke', connection, choked: true, epoch });
}

describe('coordinator/pieces: the fast extension', () => {
  it('a choke keeps the leases of a peer that answers each request; others void them', async () => {
    for (const fast of [true, false]) {
      const { desk, torrent } = await SimDesk.with(TWO_PIECES);
      const peer = desk.connect(torrent, { creditBlocks: 4, fast });
      const [lease] = desk.leases(peer);
      if (lease === undefined) throw new Error('nothing was leased');
      choke(desk, peer, 1);
      const { piece, holders } = desk.piece(torrent, lease.piece).blocks.freeBlocks
        ? { piece: 'free', holders: desk.piece(torrent, lease.piece).holders }
        : { piece: 'leased', holders: desk.piece(torrent, lease.piece).holders };
      expect([piece, holders]).to.deep.equal(fast ? ['leased', 1] : ['free', 0]);
      // What it still answers counts, though it answers a request of an older epoch.
      desk.deliver(lease);
      await desk.answerJobs();
      expect(torrent.state.content.possession.donePieces).to.equal(fast ? 1 : 0);
    }
  });

  it('after a choke its credit begins anew, and what it held counts against nothing', async () => {
    const { desk, torrent } = await SimDesk.with(TWO_PIECES);
    const peer = desk.connect(torrent, { creditBlocks: 4, fast: true });
    choke(desk, peer, 1);
    expect(desk.source(peer)).to.include({ leasedBlocks: 0, creditBlocks: 0 });
    desk.engine.facts({ type: 'peer-choke', connection: peer, choked: false, epoch: 1 });
    desk.want(peer, 4);
    expect(desk.leases(peer).map(({ epoch, piece }) => [epoch, piece])).to.have.length(2);
    expect(desk.leases(peer).at(-1)?.epoch).to.equal(1);
  });

  it('a rejected block goes to another source at once, and not back to the same one', async () => {
    const { desk, torrent } = await SimDesk.with({
      totalLengthBytes: 64 * KIB,
      pieceLengthBytes: 64 * KIB,
    });
    const peer = desk.connect(torrent, { creditBlocks: 4, fast: true });
    const [lease] = desk.leases(peer);
    if (lease === undefined) throw new Error('nothing was leased');
    desk.giveBack(lease, 1, 2, 'rejected');
    desk.want(peer, 8);
    expect(desk.leases(peer)).to.have.length(1);
    const other = desk.connect(torrent, { creditBlocks: 4 });
    expect(desk.leases(other)).to.have.length(1);
    expect(desk.leases(other)[0]).to.include({ firstBlock: 1, blockCount: 2 });
  });

  it('the only source that has a piece is asked again after a while, or after a choke', async () => {
    for (const way of ['time', 'choke']) {
      const { desk, torrent } = await SimDesk.with({
        totalLengthBytes: 64 * KIB,
        pieceLengthBytes: 64 * KIB,
      });
      const peer = desk.connect(torrent, { creditBlocks: 4, fast: true });
      const [lease] = desk.leases(peer);
      if (lease === undefined) throw new Error('nothing was leased');
      desk.giveBack(lease, 0, 4, 'rejected');
      desk.want(peer, 8);
      if (way === 'time') {
        desk.engine.pass(REFUSAL_MS - 1_000);
        expect(desk.leases(peer)).to.have.length(1);
        desk.engine.pass(2_000);
      } else {
        choke(desk, peer, 1);
        desk.engine.facts({ type: 'peer-choke', connection: peer, choked: false, epoch: 1 });
        desk.want(peer, 4);
      }
      expect(desk.leases(peer), way).to.have.length(2);
    }
  });

  it('a source that rejects one piece is asked for others meanwhile', async () => {
    const { desk, torrent } = await SimDesk.with(TWO_PIECES);
    const peer = desk.connect(torrent, { creditBlocks: 4, fast: true });
    const [lease] = desk.leases(peer);
    if (lease === undefined) throw new Error('nothing was leased');
    desk.giveBack(lease, 0, 4, 'rejected');
    desk.want(peer, 8);
    expect(desk.leases(peer).map(({ piece }) => piece)).to.have.members([0, 1]);
  });

  it('have-all and have-none count like bitfields', async () => {
    const { desk, torrent } = await SimDesk.with(TWO_PIECES);
    const peer = desk.connect(torrent, { have: [], fast: true });
    desk.engine.facts({ type: 'peer-bitfield', connection: peer, bits: 'none' });
    expect(desk.source(peer)).to.include({ haveCount: 0, usefulPieces: 0, isSeed: false });
    desk.engine.facts({ type: 'peer-bitfield', connection: peer, bits: 'all' });
    expect(desk.source(peer)).to.include({ haveCount: 2, usefulPieces: 2, isSeed: true });
    expect(torrent.state.content.possession.picker.availability(1)).to.equal(1);
    expect(desk.engine.ordersOf('interest').at(-1)).to.include({ interested: true });
  });
});
