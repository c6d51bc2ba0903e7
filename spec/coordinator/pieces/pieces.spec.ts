import { expect } from 'chai';
import { MillraceError } from '../../../lib/errors/millrace-error';
import { evictPiece } from '../../../lib/coordinator/pieces/eviction';
import { bytesHere, filledSegments, sentBytes } from '../../../lib/coordinator/pieces/pieces';
import type { PieceState } from '../../../lib/coordinator/state';
import { ZERO_UNITS } from '../../../lib/messages/verify';
import { forgetPeer } from '../../../lib/coordinator/swarm/connections';
import { failTorrent } from '../../../lib/coordinator/torrent/stopping';
import type { Lease } from '../../../lib/messages/peer-thread';
import { settled } from '../../support/sim-engine';
import { SimDesk } from '../../support/sim-desk';
import { KIB, MIB } from '../../support/sim-torrent';
import { storageKeyOf } from '../../support/sim-verify';

const ONE_PIECE = { totalLengthBytes: 128 * KIB, pieceLengthBytes: 128 * KIB };
const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };

function only(leases: readonly Lease[]): Lease {
  const [lease] = leases;
  if (!lease || leases.length !== 1) throw new Error(`${leases.length} leases instead of one`);
  return lease;
}

describe('coordinator: pieces on their way', () => {
  it('keep every verify thread busy, however small the memory', async () => {
    const settings = { memoryBytes: 4 * MIB, verifyThreads: 2 };
    const long = { totalLengthBytes: 8 * MIB, pieceLengthBytes: 128 * KIB };
    const { desk, engine, torrent } = await SimDesk.with(long, { settings });
    const peer = desk.connect(torrent, { creditBlocks: 256, rateBytesPerSec: 1e9 });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    // The first goes out at once; the others gather to an eighth of the memory, so that none waits long.
    const sizes = engine.jobs.map(({ job }) => (job.type === 'pieces' ? job.pieces.length : 0));
    expect(sizes).to.deep.equal([1, 4, 4, 4]);
    await desk.answerJobs();
    expect(torrent.state.content.filled).to.have.length(0);
  });

  describe('the end of a lease', () => {
    it('may come in parts; what is not here goes to somebody else', async () => {
      const { desk, torrent } = await SimDesk.with(ONE_PIECE);
      const peer = desk.connect(torrent, { creditBlocks: 8 });
      const lease = only(desk.leases(peer));
      desk.write(lease, { blocks: 3 });
      desk.done(lease, 0, 3);
      desk.giveBack(lease, 5, 2);
      expect(
        desk.peer(peer).leases.map((left) => [left.firstBlock, left.blockCount]),
      ).to.deep.equal([
        [3, 2],
        [7, 1],
      ]);
      const piece = desk.piece(torrent, 0);
      expect(piece.blocks.missingBlocks).to.equal(5);
      expect(piece.blocks.freeBlocks).to.equal(2);
    });

    it('may span several leases of its piece', async () => {
      const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
      const peer = desk.connect(torrent, { creditBlocks: 3 });
      desk.want(peer, 8);
      const [first, second] = desk.leases(peer);
      if (!first || !second) throw new Error('no leases');
      desk.write(first);
      desk.write(second);
      desk.done(first, 1, 6);
      expect(
        desk.peer(peer).leases.map((left) => [left.firstBlock, left.blockCount]),
      ).to.deep.equal([
        [0, 1],
        [7, 1],
      ]);
      desk.done(first, 0, 8);
      expect(desk.peer(peer).leases, 'as far as it is leased').to.have.length(1);
      desk.done(first, 7, 1);
      expect(engine.jobs).to.have.length(1);
    });

    it('is believed only as far as the block table confirms it', async () => {
      const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
      const liar = desk.connect(torrent, { creditBlocks: 8 });
      const lease = only(desk.leases(liar));
      desk.write(lease, { blocks: 7 });
      desk.done(lease);
      expect(desk.piece(torrent, 0).blocks.missingBlocks).to.equal(1);
      expect(engine.jobs).to.have.length(0);
    });

    it('of another generation, epoch or peer changes nothing', async () => {
      const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
      const peer = desk.connect(torrent, { creditBlocks: 8 });
      const lease = only(desk.leases(peer));
      desk.write(lease);
      desk.done({ ...lease, generation: lease.generation + 1 });
      desk.done({ ...lease, epoch: lease.epoch + 1 });
      desk.done({ ...lease, connection: 32 * 999 });
      desk.done({ ...lease, piece: 1 });
      expect(desk.piece(torrent, 0).blocks.missingBlocks).to.equal(8);
      expect(engine.jobs).to.have.length(0);
      desk.done(lease);
      expect(engine.jobs).to.have.length(1);
    });

    it('hands a full piece to verification once, and only then announces it', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const peer = desk.connect(torrent, { creditBlocks: 4 });
      const lease = only(desk.leases(peer));
      desk.deliver(lease);
      desk.deliver(lease);
      expect(engine.jobs.map(({ job }) => job.type)).to.deep.equal(['pieces']);
      expect(engine.ordersOf('have')).to.have.length(0);
      await desk.answerJobs();
      expect(engine.ordersOf('have')).to.deep.equal([
        { type: 'have', torrent: torrent.state.id, pieces: [lease.piece] },
      ]);
      expect(engine.eventsOf('pieces').map(({ pieces }) => pieces)).to.deep.equal([[lease.piece]]);
      expect(torrent.state.content.possession.doneBytes).to.equal(64 * KIB);
    });
  });

  describe('the recall of a full piece', () => {
    it('cancels its leases, and no others', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const slow = desk.connect(torrent, { have: [0, 1], creditBlocks: 8 });
      const [first, second] = desk.leases(slow);
      if (!first || !second) throw new Error('no leases');
      const innocent = desk.connect(torrent, { have: [2], creditBlocks: 4 });
      // The thread of the slow one does not report, and the table shows what came.
      desk.write(first);
      const late = desk.connect(torrent, { have: [first.piece], creditBlocks: 4 });
      desk.done({ ...first, connection: late });
      expect(engine.jobs, 'another one knows nothing of it').to.have.length(0);
      desk.done(first, first.firstBlock, 1);
      desk.done(first, first.firstBlock + 1, 3);
      expect(engine.jobs).to.have.length(1);
      expect(desk.peer(slow).leases.map(({ piece }) => piece.blocks.piece)).to.deep.equal([
        second.piece,
      ]);
      expect(desk.peer(innocent).leases).to.have.length(1);
      expect(engine.ordersOf('cancel-lease')).to.deep.equal([]);
    });

    it('revokes them from every peer that holds some', async () => {
      const { desk, engine, torrent } = await SimDesk.with({
        totalLengthBytes: 192 * KIB,
        pieceLengthBytes: 64 * KIB,
      });
      const slow = desk.connect(torrent, { have: [0, 1], creditBlocks: 8 });
      const innocent = desk.connect(torrent, { have: [2], creditBlocks: 4 });
      const helper = desk.connect(torrent, { have: [0, 2], creditBlocks: 4 });
      engine.pass(1_000);
      const copy = only(desk.leases(helper));
      desk.write(copy);
      desk.done(copy);
      const other = copy.piece === 0 ? slow : innocent;
      expect(engine.ordersOf('cancel-lease')).to.deep.equal([
        {
          type: 'cancel-lease',
          connection: other,
          piece: copy.piece,
          generation: copy.generation,
        },
      ]);
      const holders = [slow, innocent, helper].map((peer) =>
        desk.peer(peer).leases.map(({ piece }) => piece.blocks.piece),
      );
      expect(holders).to.deep.equal(copy.piece === 0 ? [[1], [2], []] : [[0, 1], [], []]);
    });
  });

  it('that have padding are hashed with zeros in its place, and counted without it', () => {
    const piece = (paddingBlocks: readonly number[], lengthBytes: number, missingBlocks = 0) =>
      ({
        blocks: { paddingBlocks, missingBlocks, blockCount: Math.ceil(lengthBytes / (16 * KIB)) },
        units: [7, -1, 8, 3],
        lengthBytes,
      }) as unknown as PieceState;
    expect(filledSegments(piece([1], 64 * KIB))).to.deep.equal([7, 1, ZERO_UNITS, 1, 8, 1, 3, 1]);
    expect(sentBytes(piece([1], 48 * KIB + 100))).to.equal(32 * KIB + 100);
    expect(sentBytes(piece([1, 3], 48 * KIB + 100)), 'the last block is short').to.equal(32 * KIB);
    expect(bytesHere(piece([1], 64 * KIB, 2))).to.equal(16 * KIB);
    expect(bytesHere(piece([], 48 * KIB + 100))).to.equal(48 * KIB + 100);
  });

  describe('a choke', () => {
    it('voids every lease; leases answered under the old epoch are of no effect', async () => {
      const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
      const peer = desk.connect(torrent, { creditBlocks: 8 });
      const lease = only(desk.leases(peer));
      desk.write(lease, { blocks: 2 });
      engine.facts({ type: 'peer-choke', connection: peer, choked: true, epoch: 1 });
      const piece = desk.piece(torrent, 0);
      expect(piece.blocks.missingBlocks, 'what came before it counts').to.equal(6);
      expect(piece.blocks.freeBlocks).to.equal(6);
      expect(desk.peer(peer).leases).to.have.length(0);
      desk.done(lease);
      desk.giveBack(lease);
      expect(piece.blocks.freeBlocks).to.equal(6);
      // An appetite of the old epoch was in the mailbox: it buys nothing.
      engine.facts(
        { type: 'peer-choke', connection: peer, choked: false, epoch: 1 },
        { type: 'appetite', connection: peer, epoch: 0, creditBlocks: 99, rateBytesPerSec: 0 },
      );
      expect(desk.leases(peer)).to.have.length(1);
      desk.want(peer, 6);
      const next = desk.leases(peer)[1];
      expect(next).to.include({ epoch: 1, firstBlock: 2, blockCount: 6 });
    });

    it('of the last block brings the piece to verification if all of it is here', async () => {
      const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
      const peer = desk.connect(torrent, { creditBlocks: 8 });
      desk.write(only(desk.leases(peer)));
      engine.facts({ type: 'peer-choke', connection: peer, choked: true, epoch: 1 });
      expect(engine.jobs).to.have.length(1);
      await desk.answerJobs();
      expect(torrent.state.phase).to.equal('seeding');
    });
  });

  describe('a connection that ends', () => {
    it('gives its blocks back and keeps what it sent', async () => {
      const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
      const peer = desk.connect(torrent, { creditBlocks: 8 });
      desk.write(only(desk.leases(peer)), { blocks: 5 });
      desk.close(peer);
      expect(engine.state.peers.size).to.equal(0);
      expect(desk.piece(torrent, 0).blocks.freeBlocks).to.equal(3);
      const next = desk.connect(torrent, { creditBlocks: 8 });
      expect(only(desk.leases(next))).to.include({ firstBlock: 5, blockCount: 3 });
      await desk.serveAll(next);
      expect(torrent.state.phase).to.equal('seeding');
      expect(engine.memoryIsBack).to.equal(true);
    });

    it('because its thread died loses what it was copying, and nothing else', async () => {
      const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE, {
        settings: { peerThreads: 2 },
      });
      const peer = desk.connect(torrent, { creditBlocks: 8, thread: 1 });
      const lease = only(desk.leases(peer));
      desk.write(lease, { blocks: 3 });
      // The thread died in the middle of the fourth copy.
      const unit = (lease.segments[0] ?? 0) + 3;
      engine.table.claim(unit, lease.generation, 1, peer);
      engine.table.reclaimThread(1);
      forgetPeer(engine, desk.peer(peer), {
        reason: 'thread-died',
        detail: '',
        downloadedBytes: 0,
        uploadedBytes: 0,
      });
      engine.facts();
      expect(desk.piece(torrent, 0).blocks.missingBlocks).to.equal(5);
      const next = desk.connect(torrent, { creditBlocks: 8 });
      await desk.serveAll(next);
      expect(Buffer.from(torrent.stored).equals(torrent.content)).to.equal(true);
      expect(engine.memoryIsBack).to.equal(true);
    });
  });

  describe('memory', () => {
    const LONG = { totalLengthBytes: 16 * MIB, pieceLengthBytes: MIB };
    const TIGHT = { settings: { memoryBytes: 4 * MIB } };

    it('that is short makes stale pieces give way, and their late blocks do no harm', async () => {
      const { desk, engine, torrent } = await SimDesk.with(LONG, TIGHT);
      const stuck = [0, 1, 2, 3].map((piece) =>
        desk.connect(torrent, { have: [piece], creditBlocks: 64 }),
      );
      expect(engine.state.budget.committedBytes).to.equal(4 * MIB);
      const waiting = desk.connect(torrent, { have: [9], creditBlocks: 64 });
      expect(desk.leases(waiting)).to.have.length(0);
      engine.pass(4_000);
      expect(torrent.state.content.active.size).to.equal(4);
      engine.pass(1_100);
      expect(desk.leases(waiting).map(({ piece }) => piece)).to.deep.equal([9]);
      for (const peer of stuck)
        for (const lease of desk.leases(peer))
          if (lease.piece !== 9 && !torrent.state.content.active.has(lease.piece))
            expect(desk.write(lease)).to.equal(0);
      await desk.serveAll(waiting);
      expect(torrent.state.content.possession.have.get(9)).to.equal(true);
    });

    it('is not taken from a piece that slowly fills', async () => {
      const { desk, engine, torrent } = await SimDesk.with(LONG, TIGHT);
      const slow = [0, 1, 2, 3].map((piece) =>
        desk.connect(torrent, { have: [piece], creditBlocks: 64 }),
      );
      desk.connect(torrent, { have: [9], creditBlocks: 64 });
      for (let round = 1; round <= 5; round++) {
        // A block now and then; the lease of 64 is not reported done for long.
        for (const peer of slow) desk.write(only(desk.leases(peer)), { blocks: round });
        engine.pass(4_000);
        expect(torrent.state.content.active.size).to.equal(4);
      }
      expect(torrent.state.wastedBytes).to.equal(0);
    });

    it('stays with stale pieces while there is enough for all peers', async () => {
      const { desk, engine, torrent } = await SimDesk.with(LONG, TIGHT);
      desk.connect(torrent, { have: [0], creditBlocks: 64 });
      const hungry = desk.connect(torrent, { have: [0], creditBlocks: 64 });
      expect(engine.state.hungry.has(desk.peer(hungry))).to.equal(true);
      engine.pass(60_000);
      expect(torrent.state.content.active.size).to.equal(1);
    });

    it('of an evicted piece counts as waste, and the piece may be picked again', async () => {
      const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
      const peer = desk.connect(torrent, { creditBlocks: 8 });
      const lease = only(desk.leases(peer));
      desk.write(lease, { blocks: 3 });
      desk.done(lease, 0, 3);
      evictPiece(engine, desk.piece(torrent, 0));
      expect(torrent.state.wastedBytes).to.equal(48 * KIB);
      expect(engine.memoryIsBack).to.equal(true);
      expect(engine.ordersOf('cancel-lease', peer)).to.have.length(1);
      desk.want(peer, 16);
      await desk.serveAll(peer);
      expect(torrent.state.phase).to.equal('seeding');
    });

    it('in the middle of a copy is kept apart until the copy is done', async () => {
      const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
      const peer = desk.connect(torrent, { creditBlocks: 8 });
      const lease = only(desk.leases(peer));
      const [unit = 0] = lease.segments;
      engine.table.claim(unit, lease.generation, 0, peer);
      evictPiece(engine, desk.piece(torrent, 0));
      expect(engine.state.slab.quarantinedUnits).to.equal(1);
      engine.table.publish(unit, lease.generation, 0);
      engine.pass(250);
      expect(engine.state.slab.quarantinedUnits).to.equal(0);
    });
  });

  describe('memory is back to nothing', () => {
    const busy = async () => {
      const made = await SimDesk.with(SHORT);
      const { desk, torrent } = made;
      const first = desk.connect(torrent, { creditBlocks: 12 });
      desk.connect(torrent, { creditBlocks: 6 });
      const [full, part] = desk.leases(first);
      if (!full || !part) throw new Error('no leases');
      desk.deliver(full);
      desk.write(part, { blocks: 2 });
      desk.done(part, 0, 2);
      return made;
    };

    for (const [name, answer] of [
      ['good', 'good'],
      ['bad', 'bad'],
      ['lost', 'lost'],
    ] as const) {
      it(`after a pause, when the verify job that was out comes back ${name}`, async () => {
        const { desk, engine, torrent } = await busy();
        const paused = desk.control.pause(torrent.state.id);
        const [pending] = engine.jobs.splice(0, 1);
        expect(pending?.job.type).to.equal('pieces');
        if (answer === 'lost') pending?.reject(new MillraceError('verify-worker-died', 'gone'));
        else if (pending?.job.type === 'pieces')
          pending.resolve({
            outcomes: pending.job.pieces.map(({ piece }) => ({ type: answer, piece })),
            hashMs: 0,
            storageMs: 0,
          });
        await desk.answerJobs();
        await paused;
        expect(engine.memoryIsBack).to.equal(true);
        expect(torrent.state.phase).to.equal('paused');
        expect(torrent.state.content.active.size).to.equal(0);
      });
    }

    it('after removal, which waits for the last outcome', async () => {
      const { desk, engine, torrent } = await busy();
      const removed = desk.remove(torrent);
      await settled();
      expect(engine.jobs.length).to.equal(1);
      await desk.answerJobs();
      await removed;
      expect(engine.state.torrents.size).to.equal(0);
      expect(engine.memoryIsBack).to.equal(true);
    });

    it('after a storage error; the torrent reports the cause, and goes on when resumed', async () => {
      const { desk, engine, torrent } = await busy();
      const [pending] = engine.jobs.splice(0, 1);
      if (pending?.job.type !== 'pieces') throw new Error('no job');
      pending.resolve({
        outcomes: pending.job.pieces.map(({ piece }) => ({
          type: 'storage-error',
          piece,
          error: { code: 'ENOSPC', message: 'no space left on device' },
        })),
        hashMs: 0,
        storageMs: 0,
      });
      await desk.answerJobs();
      expect(torrent.state.phase).to.equal('failed');
      expect(desk.stats(torrent).error?.code).to.equal('ENOSPC');
      expect(engine.eventsOf('error').map(({ error }) => error.code)).to.deep.equal(['ENOSPC']);
      expect(engine.memoryIsBack).to.equal(true);
      expect(engine.ordersOf('close-torrent')).to.have.length(1);
      for (const peer of [...engine.state.peers.keys()]) desk.close(peer, 'torrent-closed');
      engine.happen({ type: 'resume', torrent: torrent.state });
      await settled();
      expect(torrent.state.phase).to.equal('downloading');
      const peer = desk.connect(torrent, { creditBlocks: 64 });
      await desk.serveAll(peer);
      expect(torrent.state.phase).to.equal('seeding');
      expect(engine.memoryIsBack).to.equal(true);
    });

    it('after a verify job that no worker survived', async () => {
      const { desk, engine, torrent } = await busy();
      engine.jobs.splice(0, 1)[0]?.reject(new MillraceError('verify-worker-died', 'three deaths'));
      await desk.answerJobs();
      expect(desk.stats(torrent).error?.code).to.equal('verify-worker-died');
      expect(engine.memoryIsBack).to.equal(true);
    });

    it('when several jobs fail at once, and reports the error once', async () => {
      const { desk, engine, torrent } = await SimDesk.with({
        totalLengthBytes: 6 * MIB,
        pieceLengthBytes: 2 * MIB, // a full job each
      });
      const peer = desk.connect(torrent, { creditBlocks: 384 });
      for (const lease of desk.leases(peer)) desk.deliver(lease);
      const pending = engine.jobs.splice(0);
      expect(pending.length).to.be.above(1);
      for (const { reject } of pending) reject(new MillraceError('EIO', 'input/output error'));
      await desk.answerJobs();
      expect(engine.eventsOf('error')).to.have.length(1);
      expect(engine.memoryIsBack).to.equal(true);
    });

    it('after an error while nothing was going on', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      failTorrent(engine, torrent.state, { code: 'EIO', message: 'x' });
      await desk.answerJobs();
      await settled();
      expect(engine.memoryIsBack).to.equal(true);
      expect(torrent.state.phase).to.equal('failed');
    });
  });

  it('a torrent whose disk is full leaves all the memory to the other', async () => {
    const big = { totalLengthBytes: 8 * MIB, pieceLengthBytes: 256 * KIB };
    const {
      desk,
      engine,
      torrent: full,
    } = await SimDesk.with({ ...big, seed: 1 }, { settings: { memoryBytes: 4 * MIB } });
    const other = await desk.add({ ...big, seed: 2 });
    const first = desk.connect(full, { creditBlocks: 1024 });
    const second = desk.connect(other, { creditBlocks: 1024 });
    expect(engine.state.budget.committedOf(other.state.id)).to.be.at.most(2 * MIB);
    const [lease] = desk.leases(first);
    if (!lease) throw new Error('no lease');
    desk.deliver(lease);
    engine.jobs.splice(0, 1)[0]?.resolve({
      outcomes: [
        { type: 'storage-error', piece: lease.piece, error: { code: 'ENOSPC', message: 'full' } },
      ],
      hashMs: 0,
      storageMs: 0,
    });
    await desk.answerJobs();
    expect(full.state.phase).to.equal('failed');
    expect(engine.state.budget.committedOf(other.state.id)).to.equal(4 * MIB);
    desk.close(first, 'torrent-closed');
    await desk.serveAll(second);
    expect(other.state.phase).to.equal('seeding');
    expect(engine.memoryIsBack).to.equal(true);
  });

  it('shares the verify pool fairly: a torrent with much to verify does not hold up another', async () => {
    const {
      desk,
      engine,
      torrent: one,
    } = await SimDesk.with(
      { totalLengthBytes: 20 * MIB, pieceLengthBytes: 4 * MIB, seed: 1 },
      { settings: { memoryBytes: 40 * MIB } },
    );
    const two = await desk.add({ totalLengthBytes: 4 * MIB, pieceLengthBytes: 4 * MIB, seed: 2 });
    const fast = { creditBlocks: 1024, rateBytesPerSec: 100 * MIB };
    const first = desk.connect(one, fast);
    for (const lease of desk.leases(first)) desk.deliver(lease);
    const second = desk.connect(two, fast);
    for (const lease of desk.leases(second)) desk.deliver(lease);
    // Two workers hold four jobs, all of them the first torrent's: the next free place is the other's.
    expect(engine.jobs).to.have.length(4);
    engine.jobs.shift()?.resolve({ outcomes: [], hashMs: 0, storageMs: 0 });
    await settled();
    expect(storageKeyOf(engine.jobs.at(-1)?.job)).to.equal(two.state.content.storage.key);
  });
});
