// Memory of pieces that stand still, taken back while others wait for it.

import { expect } from 'chai';
import { SESSION_LIMIT } from '../../../lib/messages/account';
import { SimDesk } from '../../support/sim-desk';
import { MIB } from '../../support/sim-torrent';

describe('coordinator/eviction', () => {
  it('gives up no piece that turns out to be full', async () => {
    const { desk, engine, torrent } = await SimDesk.with(
      { totalLengthBytes: 16 * MIB, pieceLengthBytes: MIB },
      { settings: { memoryBytes: 4 * MIB } },
    );
    const [first = 0] = [0, 1, 2, 3].map((piece) =>
      desk.connect(torrent, { have: [piece], creditBlocks: 64 }),
    );
    const waiting = desk.connect(torrent, { have: [9], creditBlocks: 64 });
    expect(desk.leases(waiting)).to.have.length(0);
    // All blocks are in the table, but the thread has not reported them yet.
    for (const lease of desk.leases(first)) desk.write(lease);
    engine.pass(5_100);
    expect(engine.jobs.map(({ job }) => job.type)).to.deep.equal(['pieces']);
    await desk.answerJobs();
    expect(torrent.state.content.possession.have.get(0)).to.equal(true);
    expect(torrent.state.wastedBytes).to.equal(0);
  });

  it('gives up four pieces a tick, those first that have stood still for longest', async () => {
    const { desk, engine, torrent } = await SimDesk.with(
      { totalLengthBytes: 16 * MIB, pieceLengthBytes: MIB },
      { settings: { memoryBytes: 6 * MIB } },
    );
    const stuck = [0, 1, 2, 3, 4, 5].map((piece) =>
      desk.connect(torrent, { have: [piece], creditBlocks: 64 }),
    );
    for (const [at, peer] of stuck.entries()) {
      // The first pieces are the last to get something.
      engine.clockMs += 10;
      const [lease] = desk.leases(stuck[5 - at] ?? peer);
      if (lease === undefined) throw new Error('no lease');
      desk.write(lease, { blocks: 1 });
      desk.done(lease, lease.firstBlock, 1);
    }
    const waiting = desk.connect(torrent, { have: [9], creditBlocks: 64 });
    expect(desk.leases(waiting)).to.have.length(0);
    engine.pass(5_100);
    expect([...torrent.state.content.active.keys()].sort()).to.deep.equal([0, 1, 9]);
    expect(torrent.state.wastedBytes).to.equal(4 * 16 * 1024);
    engine.pass(5_100);
    expect(
      [...torrent.state.content.active.keys()].sort(),
      'memory is no longer short',
    ).to.deep.equal([0, 1, 9]);
  });

  it('keeps the pieces of a torrent whose requests a rate limit holds back', async () => {
    const { desk, engine, torrent } = await SimDesk.with(
      { totalLengthBytes: 16 * MIB, pieceLengthBytes: MIB },
      { settings: { memoryBytes: 4 * MIB } },
    );
    const peers = [0, 1, 2, 3].map((piece) =>
      desk.connect(torrent, { have: [piece], creditBlocks: 64 }),
    );
    desk.connect(torrent, { have: [9], creditBlocks: 64 });
    const report = (limit: number): void => {
      const rows = peers.flatMap((peer) => [peer, 16_384, 100, limit]);
      engine.facts({ type: 'load', busy: 0, rows });
    };
    report(SESSION_LIMIT.rate);
    engine.pass(30_000);
    expect([...torrent.state.content.active.keys()].sort()).to.deep.equal([0, 1, 2, 3]);
    report(SESSION_LIMIT.farSide);
    engine.state.memoryRefused = true;
    engine.pass(5_100);
    expect([...torrent.state.content.active.keys()]).to.include(9);
  });

  it('keeps them for a minute, and not for as long as a low limit would take', async () => {
    const { desk, engine, torrent } = await SimDesk.with(
      { totalLengthBytes: 16 * MIB, pieceLengthBytes: MIB },
      { settings: { memoryBytes: 4 * MIB } },
    );
    const peers = [0, 1, 2, 3].map((piece) =>
      desk.connect(torrent, { have: [piece], creditBlocks: 64 }),
    );
    desk.connect(torrent, { have: [9], creditBlocks: 64 });
    const rows = peers.flatMap((peer) => [peer, 16_384, 100, SESSION_LIMIT.rate]);
    engine.facts({ type: 'load', busy: 0, rows });
    engine.pass(61_000);
    expect([...torrent.state.content.active.keys()]).to.include(9);
  });

  it('waits a minute for a piece of which a block is in the queue of a source that sends', async () => {
    const { desk, engine, torrent } = await SimDesk.with(
      { totalLengthBytes: 16 * MIB, pieceLengthBytes: MIB },
      { settings: { memoryBytes: 4 * MIB } },
    );
    const peers = [0, 1, 2, 3].map((piece) =>
      desk.connect(torrent, { have: [piece], creditBlocks: 64 }),
    );
    const [slow = 0] = peers;
    const waiting = desk.connect(torrent, { have: [9], creditBlocks: 64 });
    const active = (): number[] => [...torrent.state.content.active.keys()].sort();
    for (let sec = 0; sec < 50; sec += 5) {
      engine.facts({ type: 'traffic', rows: [slow, 100, 0, 0] });
      desk.want(waiting, 128);
      engine.pass(5_000);
      expect(active(), `after ${sec + 5} s`).to.include(0);
    }
    expect(active(), 'the others are silent').to.deep.equal([0, 9]);
    // The memory is short again.
    for (const piece of [10, 11, 12]) desk.connect(torrent, { have: [piece], creditBlocks: 64 });
    engine.facts({ type: 'traffic', rows: [slow, 100, 0, 0] });
    desk.connect(torrent, { have: [13], creditBlocks: 64 });
    engine.pass(10_000);
    expect(active()).to.not.include(0);
  });
});
