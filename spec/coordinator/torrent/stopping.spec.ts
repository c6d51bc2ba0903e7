// The end of a run: a pause, an error. What is kept of it, and when it is over.

import { expect } from 'chai';
import { failTorrent, stopped } from '../../../lib/coordinator/torrent/stopping';
import { SimDesk } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const ALL = [0, 1, 2, 3];
const BUSY = { code: 'EBUSY', message: 'x: another program uses it' };

describe('coordinator: the end of a run', () => {
  it('by an error is logged and reported, with what to do, and shown until it is resumed', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent);
    failTorrent(engine, torrent.state, BUSY);
    const message = `${BUSY.message}; resume the torrent or start it again: nothing that was verified is lost`;
    const [log] = engine.logs.splice(0);
    expect(log?.level).to.equal('error');
    expect(log?.message).to.equal(
      `torrent stopped ${JSON.stringify({ torrent: torrent.state.infoHash, code: 'EBUSY', error: message })}`,
    );
    expect(engine.ordersOf('close', peer).map(({ reason }) => reason)).to.deep.equal([
      'torrent-failed',
    ]);
    expect(engine.ordersOf('close-torrent').map(({ reason }) => reason)).to.deep.equal([
      'torrent-failed',
    ]);
    await settled();
    expect(desk.stats(torrent).error).to.deep.equal({ code: 'EBUSY', message });
    await desk.control.pause(torrent.state.id);
    expect(desk.stats(torrent)).to.deep.include({
      phase: 'paused',
      error: { code: 'EBUSY', message },
    });
    await desk.control.resume(torrent.state.id);
    await settled();
    expect(desk.stats(torrent).phase).to.equal('downloading');
    expect(desk.stats(torrent).error).to.equal(undefined);
  });

  it('is not ended by an error once more', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    failTorrent(engine, torrent.state, BUSY);
    failTorrent(engine, torrent.state, { code: 'EIO', message: 'later' });
    await settled();
    expect(desk.stats(torrent).error?.code).to.equal('EBUSY');
    const { epoch } = torrent.state;
    await desk.control.pause(torrent.state.id);
    failTorrent(engine, torrent.state, { code: 'EIO', message: 'later' });
    await desk.control.pause(torrent.state.id);
    expect(torrent.state.epoch, 'paused once').to.equal(epoch + 1);
    expect(desk.stats(torrent).phase).to.equal('paused');
    await desk.control.remove(torrent.state.id, false);
    failTorrent(engine, torrent.state, { code: 'EIO', message: 'later' });
    engine.happen({ type: 'pause', torrent: torrent.state });
    expect(torrent.state.phase).to.equal('closed');
    expect(engine.eventsOf('error').map(({ error }) => error.code)).to.deep.equal(['EBUSY']);
  });

  it('a paused torrent stays paused by an error, which is logged and shown: the first one', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    await desk.control.pause(torrent.state.id);
    engine.events = [];
    for (const code of ['EBUSY', 'EIO']) {
      failTorrent(engine, torrent.state, { code, message: 'x' });
      const [log] = engine.logs.splice(0);
      expect(log?.level).to.equal('warn');
      expect(log?.message)
        .to.match(/^a paused torrent has an error/)
        .and.include(torrent.state.infoHash)
        .and.include(`"code":"${code}"`)
        .and.include('resume the torrent');
    }
    expect(desk.stats(torrent).phase).to.equal('paused');
    expect(desk.stats(torrent).error?.code).to.equal('EBUSY');
    expect(desk.stats(torrent).error?.message).to.include('another program uses it');
    expect(engine.eventsOf('error')).to.deep.equal([]);
  });

  it('by a touched file saves a record first, marked open, and then looks at the files again', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL, request: ON_DISK });
    const disk = engine.disk.sinceNow();
    const saves = disk.holdSaves();
    disk.file = disk.file && { ...disk.file, mtimeNs: 200n };
    engine.pass(30_000);
    await settled();
    const { looks } = disk;
    expect(torrent.state.life).to.include({ phase: 'checking', step: 'saving' });
    expect(disk.records).to.deep.equal(['open']);
    saves[0]?.answer();
    await settled();
    expect(disk.looks).to.equal(looks + 1);
    disk.holdNothing();
    await desk.answerJobs();
    expect(desk.stats(torrent)).to.include({ phase: 'seeding', piecesDone: 4 });
    engine.logs.length = 0;
  });

  it('of a torrent whose content is not known ends its dials', async () => {
    const desk = new SimDesk();
    const { state } = await desk.addUnknown(SHORT);
    await desk.control.pause(state.id);
    expect(state.life).to.include({ phase: 'paused', step: 'rest' });
  });

  it('is waited for only where one is under way', async () => {
    const trackers = [['http://tracker.example/announce']];
    const { desk, engine, torrent } = await SimDesk.with({ ...SHORT, trackers }, { good: ALL });
    const announces = engine.holdAnnounces();
    await stopped(torrent.state);
    const removed = desk.control.remove(torrent.state.id, false);
    await settled();
    expect(torrent.state.life).to.include({ phase: 'closed', step: 'leaving' });
    let over = false;
    const waiting = stopped(torrent.state).then(() => (over = true));
    await settled();
    expect(over, 'its removal is under way').to.equal(false);
    announces[0]?.answer();
    await removed;
    await waiting;
    await stopped(torrent.state);
  });

  it('ends its look at the files, and the next run begins with one of its own', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL, request: ON_DISK });
    desk.connect(torrent, { have: [] });
    const { disk } = engine;
    const looks = disk.holdLooks();
    engine.pass(30_000);
    expect(looks).to.have.length(1);
    await desk.control.pause(torrent.state.id);
    disk.holdNothing();
    await desk.control.resume(torrent.state.id);
    await desk.answerJobs();
    desk.connect(torrent, { have: [] });
    const before = disk.looks;
    engine.pass(30_000);
    expect(disk.looks).to.equal(before + 1);
  });

  it('a pause is over when the torrent is at rest, or runs again', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    const saves = engine.disk.holdSaves();
    let over = 0;
    const pause = (): void =>
      void desk.control.pause(torrent.state.id).then(() => {
        over++;
      });
    pause();
    await settled();
    expect(over).to.equal(0);
    saves[0]?.answer();
    await settled();
    expect(over, 'at rest').to.equal(1);
    pause();
    await settled();
    expect(over, 'at rest before').to.equal(2);
    await desk.control.resume(torrent.state.id);
    await desk.answerJobs();
    pause();
    await desk.control.resume(torrent.state.id);
    await settled();
    expect(over, 'not before its record is saved').to.equal(2);
    for (const save of saves) save.answer();
    await settled();
    expect(over, 'it runs again').to.equal(3);
  });

  it('keeps no dial and no memory', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const dials = engine.holdDials();
    desk.connect(torrent, { creditBlocks: 16 });
    await desk.control.addPeers(torrent.state.id, [{ host: '10.9.0.1', port: 7 }]);
    expect(dials).to.have.length(1);
    await desk.control.pause(torrent.state.id);
    expect(torrent.state.dialing).to.equal(0);
    expect(engine.memoryIsBack).to.equal(true);
    expect(engine.state.budget.tryCommit(torrent.state.id, 64 * KIB), 'no share').to.equal(false);
    for (const dial of dials) await dial();
    expect(engine.ordersOf('dial')).to.deep.equal([]);
  });
});
