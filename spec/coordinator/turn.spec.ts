// The end of a turn: what handlers marked is done once, in an order that others can rely on.

import { expect } from 'chai';
import { SimDesk } from '../support/sim-desk';
import { settled } from '../support/sim-engine';
import { KIB } from '../support/sim-torrent';
import { outcomeForAll } from '../support/sim-verify';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };

describe('coordinator/turn', () => {
  it('announces good pieces together, every 50 ms at most, and the last ones at once', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const announced = (): number[][] => engine.ordersOf('have').map(({ pieces }) => [...pieces]);
    const bring = async (piece: number): Promise<void> => {
      const peer = desk.connect(torrent, { have: [piece], creditBlocks: 4 });
      for (const lease of desk.leases(peer)) desk.deliver(lease);
      expect(engine.turn.touched.has(torrent.state), 'it waits with its news').to.equal(
        torrent.state.content.possession.hasNews,
      );
      for (const { job, resolve } of engine.jobs.splice(0)) resolve(outcomeForAll(job, 'good'));
      await settled();
    };
    await bring(0);
    expect(announced()).to.deep.equal([[0]]);
    await bring(1);
    engine.clockMs += 49;
    await bring(2);
    expect(announced()).to.deep.equal([[0]]);
    engine.pass(1);
    expect(announced()).to.deep.equal([[0], [1, 2]]);
    await bring(3);
    expect(announced(), 'nothing is left to wait for').to.deep.equal([[0], [1, 2], [3]]);
    expect(torrent.state.phase, 'in the same turn').to.equal('seeding');
    expect(engine.turn.touched.size).to.equal(0);
  });

  it('sends figures of a torrent whose content is not known, too', async () => {
    const desk = new SimDesk();
    const { state } = await desk.addUnknown(SHORT);
    desk.engine.events = [];
    state.metadata = { receivedBytes: 1, totalBytes: 2, peers: 3 };
    desk.engine.happen({ type: 'stats-wanted', torrent: state.id });
    const [event] = desk.engine.eventsOf('stats');
    expect(event?.stats).to.deep.include({ phase: 'metadata', metadata: state.metadata });
  });

  it('feeds hungry sources once blocks have come free, and not else', async () => {
    const { desk, engine, torrent } = await SimDesk.with({ ...SHORT, totalLengthBytes: 64 * KIB });
    const first = desk.connect(torrent, { creditBlocks: 4 });
    const hungry = desk.connect(torrent, { creditBlocks: 4 });
    expect(desk.leases(hungry)).to.deep.equal([]);
    const [lease] = desk.leases(first);
    if (lease) desk.giveBack(lease, 0, 2);
    expect(desk.leases(hungry)).to.have.length(1);
    expect(engine.turn.feed).to.equal(false);
  });

  it('sends figures once, however much there was to report', async () => {
    const { engine, torrent } = await SimDesk.with(SHORT);
    engine.events = [];
    engine.turn.stats.add(torrent.state);
    engine.happen({ type: 'stats-wanted', torrent: torrent.state.id });
    engine.happen({ type: 'verify-thread-died', reason: 'x' });
    engine.logs.length = 0;
    expect(engine.eventsOf('stats')).to.have.length(1);
  });

  it('has a tick come while memory that is given back is still written to', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent, { have: [0], creditBlocks: 4 });
    const [lease] = desk.leases(peer);
    const [unit = 0] = lease?.segments ?? [];
    engine.table.claim(unit, lease?.generation ?? 0, 0, peer);
    engine.tickAtMs = Infinity;
    engine.happen({ type: 'stats-wanted', torrent: 99 });
    expect(engine.tickAtMs, 'nothing is given back').to.equal(Infinity);
    engine.happen({ type: 'pause', torrent: torrent.state });
    expect(engine.state.slab.quarantinedUnits).to.equal(1);
    expect(engine.tickAtMs).to.be.at.most(engine.clockMs);
    engine.table.publish(unit, lease?.generation ?? 0, 0);
    engine.pass(1);
    expect(engine.state.slab.quarantinedUnits).to.equal(0);
  });
});
