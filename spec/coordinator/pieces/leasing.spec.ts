import { expect } from 'chai';
import { closePeer } from '../../../lib/coordinator/swarm/peer-orders';
import type { Lease } from '../../../lib/messages/peer-thread';
import { SimDesk } from '../../support/sim-desk';
import { KIB, MIB } from '../../support/sim-torrent';

const BLOCK = 16 * KIB;
/** Pieces of 64 blocks: long enough to be shared by slow peers. */
const LONG = { totalLengthBytes: 8 * MIB, pieceLengthBytes: MIB };
/** Pieces of 4 blocks, never shared on purpose. */
const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };
const FAST = 100 * MIB;

const pieces = (leases: readonly Lease[]): number[] => leases.map((lease) => lease.piece);
const blocks = (leases: readonly Lease[]): number =>
  leases.reduce((sum, lease) => sum + lease.blockCount, 0);

describe('coordinator/leasing', () => {
  it('leases until the credit is used up and not a block more', async () => {
    const { desk, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent, { creditBlocks: 10 });
    expect(blocks(desk.leases(peer))).to.equal(10);
    desk.want(peer, 10);
    expect(blocks(desk.leases(peer))).to.equal(10);
    desk.want(peer, 13);
    expect(blocks(desk.leases(peer))).to.equal(13);
  });

  it('gives every leased block a place of its own, at the generation of its piece', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent, { creditBlocks: 64 });
    const units = new Set<number>();
    for (const lease of desk.leases(peer)) {
      let count = 0;
      for (let at = 0; at + 1 < lease.segments.length; at += 2) {
        const first = lease.segments[at] ?? 0;
        for (let unit = first; unit < first + (lease.segments[at + 1] ?? 0); unit++) {
          expect(units.has(unit)).to.equal(false);
          units.add(unit);
          expect(engine.table.stateOf(unit, lease.generation)).to.equal(0);
          count++;
        }
      }
      expect(count).to.equal(lease.blockCount);
    }
    expect(units.size).to.equal(64);
    expect(engine.state.budget.committedBytes).to.equal(MIB);
  });

  it('leases nothing to a peer that chokes us, lacks the pieces, or is closing', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: [0] });
    const choking = desk.connect(torrent, { unchoke: false });
    desk.want(choking, 8);
    const empty = desk.connect(torrent, { have: [], creditBlocks: 8 });
    const useless = desk.connect(torrent, { have: [0], creditBlocks: 8 });
    expect(engine.ordersOf('lease')).to.have.length(0);
    // Nor are they tried again and again.
    for (const id of [choking, empty, useless])
      expect(engine.state.hungry.has(desk.peer(id))).to.equal(false);
    engine.facts({ type: 'peer-have', connection: empty, pieces: [5] });
    expect(pieces(desk.leases(empty))).to.deep.equal([5]);
  });

  it('goes on with the piece a peer is on', async () => {
    const { desk, torrent } = await SimDesk.with(LONG);
    const peer = desk.connect(torrent, { creditBlocks: 8, rateBytesPerSec: FAST });
    desk.want(peer, 24, FAST);
    desk.want(peer, 64, FAST);
    expect(new Set(pieces(desk.leases(peer))).size).to.equal(1);
    desk.want(peer, 65, FAST);
    expect(new Set(pieces(desk.leases(peer))).size).to.equal(2);
  });

  it('takes up an idle started piece before a new one', async () => {
    const { desk, torrent } = await SimDesk.with(LONG);
    const first = desk.connect(torrent, { creditBlocks: 8, rateBytesPerSec: FAST });
    const started = desk.leases(first)[0]?.piece;
    desk.close(first);
    const second = desk.connect(torrent, { creditBlocks: 64, rateBytesPerSec: FAST });
    expect(pieces(desk.leases(second))).to.deep.equal([started]);
  });

  it('leases nothing to a peer that is being closed', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent);
    closePeer(engine, desk.peer(peer), 'banned');
    desk.want(peer, 8);
    expect(desk.leases(peer)).to.have.length(0);
    expect(engine.state.hungry.has(desk.peer(peer))).to.equal(false);
  });

  it('uses up a credit at once where it takes more than one piece', async () => {
    const { desk, torrent } = await SimDesk.with(LONG);
    const first = desk.connect(torrent, { creditBlocks: 8, rateBytesPerSec: FAST });
    desk.close(first);
    const next = desk.connect(torrent, { creditBlocks: 80, rateBytesPerSec: FAST });
    expect(
      desk.leases(next).map(({ blockCount }) => blockCount),
      'one that was started, then a new one',
    ).to.deep.equal([64, 16]);
    const slow = desk.connect(torrent, { creditBlocks: 60, rateBytesPerSec: 1 });
    expect(
      desk.leases(slow).map(({ blockCount }) => blockCount),
      'what is left of that one, then another',
    ).to.deep.equal([48, 12]);
  });

  it('gives a piece of its own to a peer that can fill it within 20 s, and no slower one', async () => {
    const { desk, torrent } = await SimDesk.with(LONG);
    const rates = [MIB / 20, MIB / 20 - 1, MIB / 20];
    const peers = rates.map((rateBytesPerSec) =>
      desk.connect(torrent, { creditBlocks: 4, rateBytesPerSec }),
    );
    const [first, slower, equal] = peers.map((peer) => pieces(desk.leases(peer)));
    expect(slower).to.deep.equal(first);
    expect(equal).not.to.deep.equal(first);
  });

  it('starts the rarest piece that the peer has', async () => {
    const { desk, torrent } = await SimDesk.with(SHORT);
    // Piece 5 is held once, 6 twice, 7 thrice.
    desk.connect(torrent, { have: [6, 7] });
    desk.connect(torrent, { have: [7] });
    const peer = desk.connect(torrent, { have: [5, 6, 7], creditBlocks: 12 });
    expect(pieces(desk.leases(peer))).to.deep.equal([5, 6, 7]);
  });

  it('lets slow peers share a long piece, and gives fast ones their own', async () => {
    const { desk, torrent } = await SimDesk.with(LONG);
    const slow = [0, 1, 2].map(() =>
      desk.connect(torrent, { creditBlocks: 4, rateBytesPerSec: 1 }),
    );
    const shared = new Set(slow.flatMap((peer) => pieces(desk.leases(peer))));
    expect(shared.size).to.equal(1);
    const fast = [0, 1].map(() =>
      desk.connect(torrent, { creditBlocks: 8, rateBytesPerSec: FAST }),
    );
    const own = fast.flatMap((peer) => pieces(desk.leases(peer)));
    expect(new Set(own).size).to.equal(2);
    expect(own.some((piece) => shared.has(piece))).to.equal(false);
  });

  it('never shares pieces of 256 KiB or less while there are others', async () => {
    const { desk, torrent } = await SimDesk.with(SHORT);
    const slow = [0, 1, 2, 3].map(() => desk.connect(torrent, { creditBlocks: 2 }));
    expect(new Set(slow.flatMap((peer) => pieces(desk.leases(peer)))).size).to.equal(4);
  });

  it('asks a second peer for what is still owed when nothing else is left, and no third', async () => {
    const { desk, engine, torrent } = await SimDesk.with({
      totalLengthBytes: 64 * KIB,
      pieceLengthBytes: 64 * KIB,
    });
    const slow = desk.connect(torrent, { creditBlocks: 4 });
    const helper = desk.connect(torrent, { creditBlocks: 64 });
    const late = desk.connect(torrent, { creditBlocks: 64 });
    expect(blocks(desk.leases(slow))).to.equal(4);
    engine.pass(400);
    expect(desk.leases(helper), 'nothing is late yet').to.have.length(0);
    engine.pass(600);
    expect(blocks(desk.leases(helper)), 'a copy of all four, once').to.equal(4);
    expect(blocks(desk.leases(late))).to.equal(0);
    const [copy] = desk.leases(helper);
    const [original] = desk.leases(slow);
    expect(copy?.segments, 'the same places').to.deep.equal(original?.segments);
  });

  it('duplicates nothing while pieces are left to start', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    desk.connect(torrent, { have: [3], creditBlocks: 4 });
    const second = desk.connect(torrent, { have: [3], creditBlocks: 4 });
    engine.pass(10_000);
    expect(desk.leases(second)).to.have.length(0);
  });

  it('cancels what the loser of an end-game still owes, and what it wrote does no harm', async () => {
    const { desk, engine, torrent } = await SimDesk.with({
      totalLengthBytes: 64 * KIB,
      pieceLengthBytes: 64 * KIB,
    });
    const slow = desk.connect(torrent, { creditBlocks: 4 });
    const fast = desk.connect(torrent, { creditBlocks: 64 });
    engine.pass(1000);
    const [original] = desk.leases(slow);
    const [copy] = desk.leases(fast);
    if (!original || !copy) throw new Error('no leases');
    desk.write(original, { blocks: 2 });
    expect(desk.write(copy), 'two were here before').to.equal(2);
    desk.done(copy);
    expect(engine.ordersOf('cancel-lease', slow)).to.have.length(1);
    expect(desk.write(original), 'the loser comes too late').to.equal(0);
    await desk.answerJobs();
    expect(Buffer.from(torrent.stored).equals(torrent.content)).to.equal(true);
    desk.done(original);
    expect(engine.memoryIsBack).to.equal(true);
  });

  it('feeds a hungry peer as soon as blocks come free', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const first = desk.connect(torrent, { have: [3], creditBlocks: 4 });
    const second = desk.connect(torrent, { have: [3], creditBlocks: 4 });
    expect(engine.state.hungry.has(desk.peer(second))).to.equal(true);
    const [lease] = desk.leases(first);
    if (!lease) throw new Error('no lease');
    desk.giveBack(lease, 1, 2);
    expect(desk.leases(second).map(({ firstBlock }) => firstBlock)).to.deep.equal([1]);
    desk.close(first);
    expect(blocks(desk.leases(second))).to.equal(4);
    expect(engine.state.hungry.has(desk.peer(second))).to.equal(false);
  });

  describe('a piece that failed', () => {
    it('goes to one unsuspected peer alone, even in the end-game', async () => {
      const { desk, engine, torrent } = await SimDesk.with({
        totalLengthBytes: 64 * KIB,
        pieceLengthBytes: 64 * KIB,
      });
      const a = desk.connect(torrent, { creditBlocks: 2 });
      const b = desk.connect(torrent, { creditBlocks: 2 });
      const [ofA] = desk.leases(a);
      const [ofB] = desk.leases(b);
      if (!ofA || !ofB) throw new Error('no leases');
      desk.deliver(ofA, { spoil: true });
      desk.deliver(ofB);
      await desk.answerJobs();
      expect(engine.eventsOf('piece-failed')[0]?.suspects).to.have.length(2);
      engine.orders = [];
      const c = desk.connect(torrent, { creditBlocks: 2 });
      expect(blocks(desk.leases(c))).to.equal(2);
      desk.want(a, 20);
      desk.want(b, 20);
      expect(desk.leases(a)).to.have.length(0);
      expect(desk.leases(b)).to.have.length(0);
      const d = desk.connect(torrent, { creditBlocks: 20 });
      expect(desk.leases(d), 'two fillers could not be told apart').to.have.length(0);
      desk.want(c, 4);
      expect(blocks(desk.leases(c))).to.equal(4);
    });

    it('goes to a suspect when no other peer has it', async () => {
      const { desk, engine, torrent } = await SimDesk.with({
        totalLengthBytes: 64 * KIB,
        pieceLengthBytes: 64 * KIB,
      });
      const a = desk.connect(torrent, { creditBlocks: 2 });
      const b = desk.connect(torrent, { creditBlocks: 2 });
      for (const peer of [a, b])
        for (const lease of desk.leases(peer)) desk.deliver(lease, { spoil: peer === a });
      await desk.answerJobs();
      engine.orders = [];
      desk.want(b, 20);
      expect(blocks(desk.leases(b))).to.equal(4);
    });

    /** One piece that two peers filled, and that failed its check. */
    async function spoiled() {
      const { desk, engine, torrent } = await SimDesk.with({
        totalLengthBytes: 64 * KIB,
        pieceLengthBytes: 64 * KIB,
      });
      const peers = [0, 1].map(() => desk.connect(torrent, { creditBlocks: 2 }));
      for (const peer of peers)
        for (const lease of desk.leases(peer)) desk.deliver(lease, { spoil: true });
      await desk.answerJobs();
      return { desk, engine, torrent, peers };
    }

    it('keeps the blocks of its one peer through a choke: seeds take turns', async () => {
      const { desk, engine, torrent } = await spoiled();
      const sole = desk.connect(torrent, { creditBlocks: 4 });
      const [lease] = desk.leases(sole);
      if (!lease) throw new Error('no lease');
      desk.write(lease, { blocks: 3 });
      engine.facts({ type: 'peer-choke', connection: sole, choked: true, epoch: 1 });
      engine.pass(10_000);
      engine.facts({ type: 'peer-choke', connection: sole, choked: false, epoch: 1 });
      engine.orders = [];
      engine.facts({
        type: 'appetite',
        connection: sole,
        epoch: 1,
        creditBlocks: 4,
        rateBytesPerSec: 0,
      });
      const [rest] = desk.leases(sole);
      expect(rest).to.include({ firstBlock: 3, blockCount: 1, generation: lease.generation });
      if (rest) desk.deliver(rest);
      await desk.answerJobs();
      expect(torrent.state.phase).to.equal('seeding');
    });

    /** One piece, on parole, of which a peer that came after the failure has all blocks. */
    async function onParole() {
      const { desk, engine, torrent, peers } = await spoiled();
      for (const peer of peers) desk.close(peer);
      const sole = desk.connect(torrent, { creditBlocks: 8 });
      const [lease] = desk.leases(sole);
      if (!lease) throw new Error('no lease');
      return { desk, engine, torrent, sole, lease };
    }

    it('goes to another at once when its one peer gives all of it back, and brought nothing', async () => {
      const { desk, torrent, sole, lease } = await onParole();
      const next = desk.connect(torrent, { creditBlocks: 4 });
      expect(desk.leases(next)).to.have.length(0);
      desk.giveBack(lease);
      expect(blocks(desk.leases(next))).to.equal(4);
      expect(blocks(desk.leases(sole)), 'it had its turn').to.equal(4);
    });

    it('goes to the same peer again where no other peer has it', async () => {
      const { desk, sole, lease } = await onParole();
      desk.giveBack(lease);
      expect(blocks(desk.leases(sole))).to.equal(8);
    });

    it('goes to another after two minutes, however often its one peer asked for more of it', async () => {
      const { desk, engine, torrent, peers } = await spoiled();
      for (const peer of peers) desk.close(peer);
      const sole = desk.connect(torrent, { creditBlocks: 1 });
      engine.pass(60_000);
      desk.want(sole, 2);
      engine.pass(59_000);
      desk.want(sole, 3);
      const next = desk.connect(torrent, { creditBlocks: 4 });
      expect(desk.leases(next)).to.have.length(0);
      engine.pass(2_000);
      expect(blocks(desk.leases(next))).to.equal(4);
    });

    it('goes to another after two minutes, not to the peer that let them pass', async () => {
      const { desk, engine, torrent, sole, lease } = await onParole();
      const next = desk.connect(torrent, { creditBlocks: 4 });
      engine.pass(60_000);
      desk.write(lease, { blocks: 1 });
      engine.pass(61_000);
      expect(desk.leases(next), 'a slow peer that owes it all is let be').to.have.length(0);
      engine.pass(119_000);
      expect(desk.leases(next)).to.have.length(0);
      engine.pass(2_000);
      expect(blocks(desk.leases(next))).to.equal(4);
      expect(blocks(desk.leases(sole))).to.equal(4);
    });

    it('starts over when its one peer goes, or is not done after two minutes', async () => {
      for (const how of ['return', 'choke', 'close'] as const) {
        const { desk, engine, torrent } = await spoiled();
        engine.orders = [];
        const sole = desk.connect(torrent, { creditBlocks: 4 });
        const [lease] = desk.leases(sole);
        if (!lease) throw new Error('no lease');
        desk.write(lease, { blocks: 2 });
        if (how === 'return') desk.giveBack(lease, lease.firstBlock + 2, 2);
        if (how === 'choke')
          engine.facts({ type: 'peer-choke', connection: sole, choked: true, epoch: 1 });
        if (how === 'close') desk.close(sole);
        engine.orders = [];
        const next = desk.connect(torrent, { creditBlocks: 4 });
        if (how !== 'close') {
          expect(desk.leases(next), `${how}: its blocks are kept`).to.have.length(0);
          engine.pass(121_000);
        }
        const [again] = desk.leases(next);
        expect(again?.blockCount, how).to.equal(4);
        expect(again?.generation, how).to.be.above(lease.generation);
        expect(desk.write(lease), `${how}: a late writer`).to.equal(0);
        if (again) desk.deliver(again);
        await desk.answerJobs();
        expect(torrent.state.phase, how).to.equal('seeding');
        expect(engine.memoryIsBack, how).to.equal(true);
      }
    });
  });

  it('keeps a reserve for the other torrent, so that neither starves', async () => {
    const {
      desk,
      engine,
      torrent: one,
    } = await SimDesk.with(
      { totalLengthBytes: 16 * MIB, pieceLengthBytes: 256 * KIB, seed: 1 },
      { settings: { memoryBytes: 4 * MIB } },
    );
    const two = await desk.add({
      totalLengthBytes: 16 * MIB,
      pieceLengthBytes: 256 * KIB,
      seed: 2,
    });
    const idle = desk.connect(two);
    const greedy = desk.connect(one, { creditBlocks: 1024, rateBytesPerSec: FAST });
    expect(engine.state.budget.committedOf(one.state.id)).to.be.at.most(4 * MIB - 256 * KIB);
    desk.want(idle, 16);
    expect(blocks(desk.leases(idle)), 'room was kept').to.equal(16);
    // As memory comes free, the one below its share is served until both have half.
    desk.want(idle, 1024);
    for (let round = 0; round < 200; round++) {
      const lease = desk.leases(greedy)[round];
      if (!lease || engine.state.budget.committedOf(two.state.id) >= 2 * MIB) break;
      desk.deliver(lease);
      await desk.answerJobs();
    }
    expect(engine.state.budget.committedOf(two.state.id)).to.equal(2 * MIB);
    expect(engine.state.budget.committedBytes).to.be.at.most(4 * MIB);
  });

  it('turns BLOCK into whole units for a short last piece', async () => {
    const { desk, engine, torrent } = await SimDesk.with({
      totalLengthBytes: 64 * KIB + 1,
      pieceLengthBytes: 64 * KIB,
    });
    const peer = desk.connect(torrent, { creditBlocks: 64 });
    expect(engine.state.budget.committedBytes).to.equal(64 * KIB + BLOCK);
    await desk.serveAll(peer);
    expect(torrent.state.phase).to.equal('seeding');
    expect(engine.memoryIsBack).to.equal(true);
  });
});
