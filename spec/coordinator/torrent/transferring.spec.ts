// From the check to the transfer: what is refused, and who is informed.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';
import { outcomeForAll } from '../../support/sim-verify';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const ALL = [0, 1, 2, 3];
const TRACKED = { ...SHORT, trackers: [['http://tracker.example/announce']] };
const ADVICE = 'list them by verifyTorrent(), repair them by add() with the option download';

describe('coordinator: the begin of a transfer', () => {
  it('refuses to serve what is not whole, and says how many pieces are wrong', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TRACKED, {
      good: [0, 1],
      request: { download: false },
    });
    expect(desk.stats(torrent).phase).to.equal('failed');
    expect(engine.eventsOf('error').map(({ error }) => error)).to.deep.equal([
      {
        code: 'not-whole',
        message: `2 of 4 pieces in /nowhere are missing or wrong; ${ADVICE}`,
        details: { advice: ADVICE },
      },
    ]);
    expect(engine.ordersOf('open-torrent')).to.deep.equal([]);
    expect(engine.announces).to.deep.equal([]);
  });

  it('does not fetch over a complete torrent what was changed during a pause', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    await desk.control.pause(torrent.state.id);
    torrent.state.content.toCheck.setAll();
    for (const piece of ALL) torrent.state.content.possession.lose(piece);
    torrent.stored.fill(0, 0, 1);
    await desk.control.resume(torrent.state.id);
    await desk.answerJobs();
    expect(desk.stats(torrent)).to.include({ phase: 'failed', piecesDone: 3 });
    expect(engine.eventsOf('error').map(({ error }) => [error.code, error.message])).to.deep.equal([
      ['data-changed', `1 of 4 pieces in /nowhere are missing or wrong; ${ADVICE}`],
    ]);
  });

  it('makes empty files in a download, and never where data is only served', async () => {
    for (const download of [true, false]) {
      const desk = new SimDesk();
      await desk.begin({ ...SHORT, emptyFiles: ['empty'] }, ALL, { download });
      const check = desk.takeJob('recheck');
      check.resolve(outcomeForAll(check.job, 'good'));
      await settled();
      expect(desk.jobsOf('create-empty')).to.have.length(download ? 1 : 0);
    }
  });

  it('of what is whole and not to be seeded reaches neither trackers nor peers', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TRACKED, {
      good: ALL,
      request: { seed: false },
    });
    engine.pass(1_000);
    await desk.answerJobs();
    expect(desk.stats(torrent).phase).to.equal('complete');
    expect(engine.eventsOf('complete')).to.have.length(1);
    expect(engine.announces).to.deep.equal([]);
    expect(engine.ordersOf('open-torrent')).to.deep.equal([]);
  });

  it('of what is whole tells trackers that nothing is left, and not that it was completed', async () => {
    const { desk, engine } = await SimDesk.with(TRACKED, { good: ALL });
    engine.pass(1_000);
    await desk.answerJobs();
    expect(
      engine.announces.map(({ request: { event, leftBytes } }) => [event, leftBytes]),
    ).to.deep.equal([['started', 0]]);
  });
});
