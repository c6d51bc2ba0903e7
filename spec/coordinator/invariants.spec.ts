// Whatever peers, disks and users do, in whatever order: the books of the coordinator balance after
// every step, and an honest peer brings the torrent to its end.

import { expect } from 'chai';
import fc from 'fast-check';
import { committedBytesOf } from '../../lib/coordinator/pieces';
import type { Lease } from '../../lib/messages/peer-thread';
import { settled } from '../support/sim-engine';
import type { SimEngine } from '../support/sim-engine';
import { isKnown } from '../../lib/coordinator/state';
import { SimDesk } from '../support/sim-desk';
import type { DeskTorrent } from '../support/sim-desk';
import { KIB, seededRandom } from '../support/sim-torrent';
import { runVerifyJob } from '../support/sim-verify';

function expectBalance(engine: SimEngine): void {
  const { state } = engine;
  let attached = 0;
  for (const torrent of state.torrents.values()) {
    let committed = 0;
    if (!isKnown(torrent)) continue;
    const { active, open } = torrent.content;
    for (const piece of active.values()) {
      committed += committedBytesOf(piece.lengthBytes);
      attached += piece.units.filter((unit) => unit !== -1).length;
      let leases = 0;
      for (const source of torrent.sources)
        for (const lease of source.leases) if (lease.piece === piece) leases++;
      expect(piece.holders, 'holders are leases').to.equal(leases);
      if (piece.verifying) expect(leases, 'nobody writes while it is verified').to.equal(0);
      else expect(piece.blocks.missingBlocks, 'a full piece is verified').to.be.above(0);
      if (!piece.verifying && piece.blocks.freeBlocks > 0)
        expect(open.has(piece), 'free blocks can be found').to.equal(true);
    }
    expect(state.budget.committedOf(torrent.id)).to.equal(committed);
    for (const piece of open) expect(active.has(piece.blocks.piece)).to.equal(true);
  }
  const { slab } = state;
  expect(slab.freeUnits + slab.quarantinedUnits + attached).to.equal(engine.table.unitCount);
  for (const peer of state.peers.values()) {
    if (peer.leases.length > 0) expect(peer.choked, 'leases of a choking peer').to.equal(false);
    for (const lease of peer.leases) {
      expect(lease.piece.torrent.content.active.get(lease.piece.blocks.piece)).to.equal(
        lease.piece,
      );
      expect(lease.generation).to.equal(lease.piece.generation);
    }
    expect(peer.leasedBlocks).to.be.at.most(peer.creditBlocks);
  }
}

/** One thing that may happen, drawn by dice. */
async function happen(
  desk: SimDesk,
  torrent: DeskTorrent,
  random: () => number,
  peers: number[],
  credit: Map<number, number>,
): Promise<void> {
  const { engine } = desk;
  const pick = (count: number): number => Math.floor(random() * count);
  const peer = peers[pick(peers.length)];
  const there = peer !== undefined && engine.state.peers.has(peer);
  const leases = there ? desk.leases(peer) : [];
  const lease: Lease | undefined = leases[Math.max(0, leases.length - 1 - pick(3))];
  const dice = pick(100);
  if (dice < 12 && peers.length < 40) {
    const have = Array.from({ length: 8 }, (_, piece) => piece).filter(() => random() < 0.6);
    peers.push(
      desk.connect(torrent, {
        have: random() < 0.5 ? 'all' : have,
        host: `10.7.0.${peers.length}`,
        unchoke: random() < 0.7,
      }),
    );
  } else if (dice < 30 && there) {
    const wanted = (credit.get(peer) ?? 0) + 1 + pick(12);
    credit.set(peer, wanted);
    desk.want(peer, wanted, random() < 0.5 ? 0 : 1e8);
  } else if (dice < 60 && lease) {
    const count = 1 + pick(lease.blockCount);
    desk.write(lease, { blocks: count, spoil: random() < 0.1 });
    if (random() < 0.8) desk.done(lease, lease.firstBlock, count);
    if (random() < 0.3 && count < lease.blockCount)
      desk.giveBack(lease, lease.firstBlock + count, lease.blockCount - count);
  } else if (dice < 68 && there) {
    const { epoch, choked } = desk.peer(peer);
    credit.delete(peer);
    if (choked) engine.facts({ type: 'peer-choke', connection: peer, choked: false, epoch });
    else engine.facts({ type: 'peer-choke', connection: peer, choked: true, epoch: epoch + 1 });
  } else if (dice < 74 && there) {
    desk.close(peer);
  } else if (dice < 86) {
    const [pending] = engine.jobs.splice(pick(engine.jobs.length), 1);
    if (!pending) return;
    if (random() < 0.05) pending.reject(new Error('a worker died'));
    else pending.resolve(runVerifyJob(pending.job, engine.slab.bytes, torrent.stored));
    await settled();
  } else if (dice < 94) {
    engine.pass(pick(8_000));
  } else if (dice < 97) {
    void desk.control.pause(torrent.state.id);
  } else {
    engine.happen({ type: 'resume', torrent: torrent.state });
    await settled();
  }
}

describe('coordinator: invariants', () => {
  it('hold after every step, and the end is always reached', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1 }), async (seed) => {
        const random = seededRandom(seed);
        const { desk, engine, torrent } = await SimDesk.with(
          {
            totalLengthBytes: 8 * 96 * KIB - 5_000,
            pieceLengthBytes: 96 * KIB,
            seed: 2,
            // The last piece, and two blocks of the one before it.
            paddingBytes: random() < 0.5 ? 0 : 140 * KIB,
          },
          { seed, settings: { memoryBytes: 384 * KIB } },
        );
        const peers: number[] = [];
        const credit = new Map<number, number>();
        for (let step = 0; step < 150; step++) {
          await happen(desk, torrent, random, peers, credit);
          expectBalance(engine);
        }
        await desk.answerJobs();
        for (const peer of [...engine.state.peers.keys()]) desk.close(peer);
        await desk.answerJobs();
        engine.happen({ type: 'resume', torrent: torrent.state });
        await desk.answerJobs();
        expectBalance(engine);
        if (torrent.state.phase === 'downloading') {
          const honest = desk.connect(torrent, { host: '10.8.0.1' });
          desk.want(honest, 10_000, 1e8);
          await desk.serveAll(honest);
          engine.pass(6_000);
          await desk.serveAll(honest);
        }
        expect(torrent.state.phase).to.equal('seeding');
        expect(Buffer.from(torrent.stored).equals(torrent.content)).to.equal(true);
        expect(engine.memoryIsBack).to.equal(true);
      }),
      { numRuns: 60 },
    );
  });
});
