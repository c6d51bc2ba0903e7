// A piece that failed its check and is filled by one source alone: which source, and for how long.

import { expect } from 'chai';
import { closePeer } from '../../../lib/coordinator/swarm/peer-orders';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { KIB } from '../../support/sim-torrent';

const TWO_PIECES = { totalLengthBytes: 128 * KIB, pieceLengthBytes: 64 * KIB };

/** Piece 0 failed; two peers that have both pieces filled it together. Piece 1 is here. */
async function spoiled() {
  const { desk, engine, torrent } = await SimDesk.with(TWO_PIECES, { good: [1] });
  const suspects = [0, 1].map(() => desk.connect(torrent, { creditBlocks: 2 }));
  for (const suspect of suspects)
    for (const lease of desk.leases(suspect)) desk.deliver(lease, { spoil: true });
  await desk.answerJobs();
  const [failed] = engine.eventsOf('piece-failed');
  expect(failed).to.deep.include({ piece: 0, banned: [] });
  expect(failed?.suspects).to.have.length(2);
  engine.logs.length = 0;
  engine.orders = [];
  return { desk, engine, torrent, suspects };
}

describe('coordinator/parole', () => {
  for (const [who, connect] of [
    ['chokes us', (desk, torrent) => desk.connect(torrent, { unchoke: false })],
    ['lacks the piece', (desk, torrent) => desk.connect(torrent, { have: [1] })],
    [
      'is being closed',
      (desk, torrent) => {
        const connection = desk.connect(torrent);
        closePeer(desk.engine, desk.peer(connection), 'banned');
        return connection;
      },
    ],
  ] as readonly (readonly [string, (desk: SimDesk, torrent: DeskTorrent) => number])[]) {
    it(`does not wait for a peer that ${who}: a suspect has the piece`, async () => {
      const { desk, torrent, suspects } = await spoiled();
      connect(desk, torrent);
      const [suspect = 0] = suspects;
      desk.want(suspect, 20);
      expect(desk.leases(suspect).map(({ piece }) => piece)).to.deep.equal([0]);
    });
  }

  it('is over after three peers that did not finish it: several may fill the piece again', async () => {
    const { desk, torrent } = await spoiled();
    for (let turn = 0; turn < 3; turn++) {
      expect(desk.piece(torrent, 0).onParole, `turn ${turn}`).to.equal(true);
      const sole = desk.connect(torrent, { creditBlocks: 4 });
      const [lease] = desk.leases(sole);
      if (lease === undefined) throw new Error('no lease');
      desk.giveBack(lease);
      desk.close(sole);
    }
    const both = [0, 1].map(() => desk.connect(torrent, { creditBlocks: 2 }));
    expect(both.map((peer) => desk.leases(peer).length)).to.deep.equal([1, 1]);
    for (const peer of both) for (const lease of desk.leases(peer)) desk.deliver(lease);
    await desk.answerJobs();
    expect(torrent.state.phase).to.equal('seeding');
  });

  it('ends well where its peer delivered everything two minutes before the report', async () => {
    const { desk, engine, torrent } = await spoiled();
    const sole = desk.connect(torrent, { creditBlocks: 4 });
    const [lease] = desk.leases(sole);
    if (lease === undefined) throw new Error('no lease');
    desk.write(lease);
    engine.pass(121_000);
    expect(engine.jobs.map(({ job }) => job.type)).to.include('pieces');
    await desk.answerJobs();
    expect(torrent.state.phase).to.equal('seeding');
    expect(torrent.state.wastedBytes, 'the failed attempt').to.equal(64 * KIB);
  });

  it('goes on beyond two minutes while its peer owes the rest, and some of it came', async () => {
    const { desk, engine, torrent } = await spoiled();
    const sole = desk.connect(torrent, { creditBlocks: 4 });
    const next = desk.connect(torrent, { creditBlocks: 4 });
    const [lease] = desk.leases(sole);
    if (lease === undefined) throw new Error('no lease');
    engine.pass(100_000);
    desk.write(lease, { blocks: 1 });
    desk.done(lease, 0, 1);
    engine.pass(21_000);
    expect(desk.leases(next)).to.have.length(0);
    engine.pass(100_000);
    expect(desk.leases(next)).to.have.length(1);
  });

  it('keeps what its peer brought where it gives back the rest', async () => {
    const { desk, engine, torrent } = await spoiled();
    const sole = desk.connect(torrent, { creditBlocks: 4 });
    const [lease] = desk.leases(sole);
    if (lease === undefined) throw new Error('no lease');
    desk.write(lease, { blocks: 2 });
    desk.done(lease, 0, 2);
    desk.giveBack(lease, 2, 2);
    expect(desk.piece(torrent, 0)).to.include({ generation: lease.generation });
    expect(desk.piece(torrent, 0).blocks.missingBlocks).to.equal(2);
    expect(engine.ordersOf('cancel-lease')).to.deep.equal([]);
  });

  it('has no part in a piece that never failed, nor in one that is being verified', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TWO_PIECES);
    const peer = desk.connect(torrent, { have: [0], creditBlocks: 2 });
    const [lease] = desk.leases(peer);
    if (lease === undefined) throw new Error('no lease');
    desk.giveBack(lease);
    engine.pass(121_000);
    expect(desk.piece(torrent, 0)).to.include({ generation: lease.generation, paroles: 0 });

    const after = await spoiled();
    const sole = after.desk.connect(after.torrent, { creditBlocks: 4 });
    for (const last of after.desk.leases(sole)) after.desk.deliver(last);
    after.engine.pass(121_000);
    await after.desk.answerJobs();
    expect(after.torrent.state.phase).to.equal('seeding');
  });

  it('counts what its peer brought in vain', async () => {
    const { desk, torrent } = await spoiled();
    const sole = desk.connect(torrent, { creditBlocks: 4 });
    const [lease] = desk.leases(sole);
    if (lease === undefined) throw new Error('no lease');
    desk.write(lease, { blocks: 1 });
    desk.close(sole);
    expect(torrent.state.wastedBytes).to.equal(64 * KIB + 16 * KIB);
  });
});
