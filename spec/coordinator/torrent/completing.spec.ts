// From the last piece to a complete torrent: who is informed, and what must be saved first.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const ALL = [0, 1, 2, 3];
const TRACKED = { ...SHORT, trackers: [['http://tracker.example/announce']] };

describe('coordinator: the end of a download', () => {
  it('frees its share of the memory, and closes seeds, which want nothing of it', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const seed = desk.connect(torrent, { creditBlocks: 64 });
    const leecher = desk.connect(torrent, { have: [0] });
    await desk.serveAll(seed);
    expect(desk.stats(torrent).phase).to.equal('seeding');
    expect(
      engine.ordersOf('close').map(({ connection, reason }) => [connection, reason]),
    ).to.deep.equal([[seed, 'not-useful']]);
    expect(engine.ordersOf('interest', leecher).map(({ interested }) => interested)).to.deep.equal([
      true,
      false,
    ]);
    expect(engine.state.budget.tryCommit(torrent.state.id, 64 * KIB), 'it has no share').to.equal(
      false,
    );
  });

  it('closes every peer where it is not to be seeded', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: { seed: false } });
    const seed = desk.connect(torrent, { creditBlocks: 64 });
    const leecher = desk.connect(torrent, { have: [0] });
    await desk.serveAll(seed);
    expect(
      engine.ordersOf('close').map(({ connection, reason }) => [connection, reason]),
    ).to.have.deep.members([
      [seed, 'torrent-closed'],
      [leecher, 'torrent-closed'],
    ]);
    expect(torrent.state.life).to.include({ phase: 'complete', step: 'reported' });
  });

  it('is not the answer to a record that was saved before the last piece came', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, {
      good: ALL.slice(1),
      request: ON_DISK,
    });
    const saves = engine.disk.holdSaves();
    engine.pass(2_000);
    await desk.answerJobs();
    expect(saves, 'of progress').to.have.length(1);
    const looks = engine.disk.holdLooks();
    desk.fetch(torrent, 0);
    await desk.answerJobs();
    expect(torrent.state.life).to.include({ phase: 'seeding', step: 'looking' });
    saves[0]?.answer();
    await settled();
    expect(engine.eventsOf('complete')).to.deep.equal([]);
    looks[0]?.answer(engine.disk.file);
    await settled();
    expect(torrent.state.life).to.include({ phase: 'seeding', step: 'saving' });
    saves[1]?.answer();
    await settled();
    expect(torrent.state.life).to.include({ phase: 'seeding', step: 'reported' });
    expect(engine.eventsOf('complete')).to.have.length(1);
  });

  it('is reported once, with `completed` to trackers, whatever follows', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TRACKED);
    await desk.serveAll(desk.connect(torrent, { creditBlocks: 64 }));
    for (let again = 0; again < 2; again++) {
      void desk.control.pause(torrent.state.id);
      await desk.answerJobs();
      await desk.control.resume(torrent.state.id);
      await desk.answerJobs();
      engine.pass(1_000);
      await settled();
    }
    expect(engine.eventsOf('complete')).to.have.length(1);
    expect(engine.announces.map(({ request }) => request.event)).to.deep.equal([
      'started',
      'completed',
      'stopped',
      'started',
      'stopped',
      'started',
    ]);
  });
});
