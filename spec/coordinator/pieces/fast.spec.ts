// Peers with the fast extension (BEP 6): a choke ends no lease, and a reject moves a block to others.

import { expect } from 'chai';
import { evictPiece } from '../../../lib/coordinator/pieces/eviction';
import { REFUSAL_MS } from '../../../lib/coordinator/pieces/refusals';
import { SimDesk } from '../../support/sim-desk';
import type { DeskPeerOptions, DeskTorrent } from '../../support/sim-desk';
import { KIB } from '../../support/sim-torrent';

const FOUR_PIECES = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
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
      // A block that answers a request of an older epoch counts.
      desk.deliver(lease);
      await desk.answerJobs();
      expect(torrent.state.content.possession.donePieces).to.equal(fast ? 1 : 0);
    }
  });

  it('after a choke its credit starts again at 0, without the leases from before', async () => {
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

  it('the only source of a piece gets a lease of it again after a while, or after a choke', async () => {
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

  it('a source that rejects one piece gets leases of others meanwhile', async () => {
    const { desk, torrent } = await SimDesk.with(TWO_PIECES);
    const peer = desk.connect(torrent, { creditBlocks: 4, fast: true });
    const [lease] = desk.leases(peer);
    if (lease === undefined) throw new Error('nothing was leased');
    desk.giveBack(lease, 0, 4, 'rejected');
    desk.want(peer, 8);
    expect(desk.leases(peer).map(({ piece }) => piece)).to.have.members([0, 1]);
  });

  it('and also when no source holds the rejected piece any more, and it is the rarest', async () => {
    for (const have of ['all', [0, 1]] as const) {
      const { desk, torrent } = await SimDesk.with(TWO_PIECES);
      const peer = desk.connect(torrent, { have, creditBlocks: 4, fast: true });
      const [lease] = desk.leases(peer);
      if (lease === undefined) throw new Error('nothing was leased');
      desk.giveBack(lease, 0, 4, 'rejected');
      evictPiece(desk.engine, desk.piece(torrent, lease.piece));
      const { picker } = torrent.state.content.possession;
      expect(picker.isIdle(lease.piece)).to.equal(true);
      // A piece becomes rarer than the other one when another peer has that, too.
      desk.connect(torrent, { have: [1 - lease.piece], unchoke: false });
      expect(picker.pick('all')).to.equal(lease.piece);
      desk.want(peer, 8);
      expect(desk.leases(peer).map(({ piece }) => piece)).to.have.members([0, 1]);
    }
  });

  it('leases allowed pieces while choked, within the credit, and others only after the unchoke', async () => {
    const { desk, torrent } = await SimDesk.with(FOUR_PIECES);
    const peer = desk.connect(torrent, { unchoke: false, fast: true });
    desk.want(peer, 6);
    expect(desk.leases(peer)).to.deep.equal([]);
    desk.engine.facts({ type: 'allowed-fast', connection: peer, pieces: [2, 1] });
    desk.want(peer, 6);
    const runs = (): string[] =>
      desk.leases(peer).map((lease) => `${lease.epoch} ${lease.piece} ${lease.blockCount}`);
    expect(runs()).to.deep.equal(['0 2 4', '0 1 2']);
    desk.want(peer, 16);
    expect(runs().slice(2)).to.deep.equal(['0 1 2']);
    desk.engine.facts({ type: 'peer-choke', connection: peer, choked: false, epoch: 0 });
    desk.want(peer, 16);
    expect(runs().slice(3)).to.have.length(2);
    expect(desk.source(peer).leasedBlocks).to.equal(16);
  });

  it('uses the credit that allowed pieces left, when the peer unchokes', async () => {
    const { desk, torrent } = await SimDesk.with(FOUR_PIECES);
    const connection = desk.connect(torrent, { unchoke: false, fast: true });
    desk.engine.facts({ type: 'allowed-fast', connection, pieces: [2] });
    desk.want(connection, 6);
    desk.engine.facts({ type: 'allowed-fast', connection, pieces: [] });
    expect(desk.leases(connection)).to.have.length(1);
    // The session reports no appetite: its credit has not grown.
    desk.engine.facts({ type: 'peer-choke', connection, choked: false, epoch: 0 });
    expect(desk.source(connection).leasedBlocks).to.equal(6);
  });

  it('leases no more of a piece that is not allowed any longer, and nothing that we have', async () => {
    const { desk, torrent } = await SimDesk.with(FOUR_PIECES, { good: [2] });
    const peer = desk.connect(torrent, { unchoke: false, fast: true });
    desk.engine.facts({ type: 'allowed-fast', connection: peer, pieces: [2, 1] });
    desk.want(peer, 2);
    expect(desk.leases(peer).map(({ piece }) => piece)).to.deep.equal([1]);
    desk.engine.facts({ type: 'allowed-fast', connection: peer, pieces: [] });
    desk.want(peer, 4);
    expect(desk.leases(peer)).to.have.length(1);
    expect(desk.engine.state.hungry.has(desk.source(peer))).to.equal(false);
  });

  it('starts with what a source suggests, if it is still to be fetched', async () => {
    for (let suggestion = 0; suggestion < 4; suggestion++) {
      const { desk, torrent } = await SimDesk.with(FOUR_PIECES, { good: [0] });
      const peer = desk.connect(torrent, { fast: true });
      desk.engine.facts({ type: 'suggested', connection: peer, pieces: [suggestion, 0] });
      desk.want(peer, 4);
      const [lease] = desk.leases(peer);
      if (suggestion !== 0) expect(lease?.piece).to.equal(suggestion);
      expect(desk.source(peer).suggested).to.have.length(suggestion === 0 ? 0 : 1);
    }
  });

  it('keeps the newest eight suggestions of a source', async () => {
    const { desk, torrent } = await SimDesk.with(FOUR_PIECES);
    const peer = desk.connect(torrent, { fast: true });
    for (let round = 0; round < 5; round++)
      desk.engine.facts({ type: 'suggested', connection: peer, pieces: [0, 1, round % 4] });
    expect(desk.source(peer).suggested).to.deep.equal([1, 2, 0, 1, 3, 0, 1, 0]);
  });

  describe('allows a newcomer some pieces', () => {
    const LONG = { totalLengthBytes: 80 * 16 * KIB, pieceLengthBytes: 16 * KIB };
    const EVERY_PIECE = Array.from({ length: 80 }, (_, piece) => piece);
    const SEED = { good: EVERY_PIECE, settings: { uploadSlots: 0 } };
    const granted = (desk: SimDesk): (readonly number[])[] =>
      desk.engine.ordersOf('allow-fast').map(({ pieces }) => pieces);

    const newcomer = (
      desk: SimDesk,
      torrent: DeskTorrent,
      options: DeskPeerOptions = {},
    ): number => {
      const peer = desk.connect(torrent, { have: [], unchoke: false, fast: true, ...options });
      desk.engine.facts({ type: 'peer-interest', connection: peer, interested: true });
      return peer;
    };

    it('that is kept choked and has fewer, once, until it has as many', async () => {
      const { desk, torrent } = await SimDesk.with(LONG, SEED);
      const peer = newcomer(desk, torrent);
      desk.engine.pass(1_900);
      expect(granted(desk)).to.deep.equal([]);
      desk.engine.pass(200);
      desk.engine.pass(200);
      expect(granted(desk)).to.have.length(1);
      const [pieces = []] = granted(desk);
      expect(new Set(pieces).size).to.equal(10);
      desk.announce(peer, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
      expect(granted(desk)).to.have.length(1);
      desk.announce(peer, [9]);
      desk.announce(peer, [10]);
      desk.engine.pass(200);
      expect(granted(desk).slice(1)).to.deep.equal([[]]);
    });

    it('but no other peer: one unchoked, not interested, with many pieces, over IPv6, of a download', async () => {
      const { desk, torrent } = await SimDesk.with(LONG, SEED);
      newcomer(desk, torrent, { fast: false });
      newcomer(desk, torrent, { have: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] });
      newcomer(desk, torrent, { host: '2001:db8::1' });
      desk.connect(torrent, { have: [], unchoke: false, fast: true });
      const small = await desk.add({ ...FOUR_PIECES, seed: 3 }, [0, 1, 2, 3]);
      newcomer(desk, small);
      const download = await desk.add({ ...LONG, seed: 4 });
      newcomer(desk, download);
      desk.engine.pass(3_000);
      expect(granted(desk)).to.deep.equal([]);
      const shy = await SimDesk.with(LONG, { ...SEED, request: { superSeed: true } });
      newcomer(shy.desk, shy.torrent);
      shy.desk.engine.pass(3_000);
      expect(granted(shy.desk)).to.deep.equal([]);
      const generous = await SimDesk.with(LONG, { good: EVERY_PIECE });
      newcomer(generous.desk, generous.torrent);
      generous.desk.engine.pass(3_000);
      expect(granted(generous.desk)).to.deep.equal([]);
    });
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
