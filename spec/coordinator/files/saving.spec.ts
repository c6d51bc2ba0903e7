// Syncs and records: when verified pieces are made durable, and what a record says of them.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import type { PendingJob } from '../../support/sim-engine';
import { KIB, MIB } from '../../support/sim-torrent';
import { DISK_FAILS, NO_OUTCOMES, outcomeForAll } from '../../support/sim-verify';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const ALL = [0, 1, 2, 3];
const NAME = 'sim-1.bin';
/** A back end of the embedder: it keeps a record, but its workers report no file states. */
const OWN_STORE = { storage: { module: 'own' } };

/** The pieces that a check is to read. */
function toRead({ job }: PendingJob): number[] {
  return job.type === 'recheck' ? job.pieces.map(({ piece }) => piece) : [];
}

describe('coordinator: making verified pieces durable', () => {
  it('syncs what was written once the oldest of it has waited for 2 s', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    desk.fetch(torrent, 0);
    await desk.verify();
    engine.pass(1_500);
    desk.fetch(torrent, 1);
    await desk.verify();
    engine.pass(499);
    expect(desk.jobsOf('sync')).to.deep.equal([]);
    engine.pass(1);
    const { job, priority } = desk.takeJob('sync');
    expect(job)
      .to.include({ type: 'sync' })
      .and.deep.include({ paths: [NAME] });
    expect(priority).to.equal('sync');
    engine.pass(10_000);
    expect(desk.jobsOf('sync'), 'one at a time').to.deep.equal([]);
  });

  it('lists the pieces that a sync covered, and marks the record open, as more follows', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    const disk = engine.disk.sinceNow();
    const sync = await desk.fetchToSync(torrent, 0);
    desk.fetch(torrent, 1);
    await desk.verify();
    sync.resolve(NO_OUTCOMES);
    await settled();
    expect(disk.recordedPieces).to.deep.equal([[0]]);
    expect(disk.records).to.deep.equal(['open']);
  });

  it('saves what a check has found while it goes on, so that a killed one goes on from there', async () => {
    const long = { totalLengthBytes: 6 * MIB, pieceLengthBytes: 16 * KIB };
    const desk = new SimDesk();
    await desk.begin(long, [], ON_DISK);
    const disk = desk.engine.disk.sinceNow();
    const first = desk.takeJob('recheck');
    first.resolve(outcomeForAll(first.job, 'good'));
    await settled();
    desk.engine.pass(2_000);
    desk.takeJob('sync').resolve(NO_OUTCOMES);
    await settled();
    expect(disk.records).to.deep.equal(['open']);
    expect(disk.recordedPieces).to.deep.equal([toRead(first)]);
  });

  it('… and while it finds out whether it may write to the files', async () => {
    const desk = new SimDesk();
    const { disk } = desk.engine;
    disk.stranger = { sizeBytes: 256 * KIB };
    const torrent = await desk.begin(SHORT, [0], ON_DISK);
    const stats = disk.sinceNow().holdStats();
    const check = desk.takeJob('recheck');
    check.resolve({
      ...NO_OUTCOMES,
      outcomes: ALL.map((piece) => ({ type: piece === 0 ? 'good' : 'bad', piece })),
    });
    await settled();
    expect(torrent.state.life).to.include({ step: 'admitting' });
    desk.engine.pass(2_000);
    desk.takeJob('sync').resolve(NO_OUTCOMES);
    await settled();
    expect(disk.recordedPieces).to.deep.equal([[0]]);
    disk.holdNothing();
    for (const stat of stats) stat.answer();
    await settled();
    expect(desk.stats(torrent).phase).to.equal('downloading');
  });

  it('stops a torrent whose file a sync finds replaced', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    desk.fetch(torrent, 0);
    await desk.verify();
    engine.pass(2_000);
    const now = { sizeBytes: 256 * KIB, mtimeNs: 300n, device: 1n, inode: 99n };
    desk.takeJob('sync').resolve({ ...NO_OUTCOMES, synced: [{ path: NAME, now }] });
    await settled();
    expect(desk.stats(torrent)).to.include({ phase: 'failed', piecesDone: 0 });
    expect(engine.eventsOf('error').map(({ error }) => error.code)).to.deep.equal(['data-changed']);
  });

  it('asks a back end whose workers report no file states for them', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: OWN_STORE });
    const { disk } = engine;
    (await desk.fetchToSync(torrent, 0)).resolve(NO_OUTCOMES);
    await settled();
    expect(desk.stats(torrent)).to.include({ phase: 'downloading', piecesDone: 1 });
    expect(disk.recordedPieces.at(-1)).to.deep.equal([0]);
    desk.fetch(torrent, 1);
    await desk.verify();
    engine.pass(2_000);
    disk.file = undefined;
    desk.takeJob('sync').resolve(NO_OUTCOMES);
    await settled();
    expect(engine.eventsOf('error').map(({ error }) => error.code)).to.deep.equal(['data-missing']);
  });

  it('fails where the back end cannot say, and keeps what it has synced', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: OWN_STORE });
    desk.fetch(torrent, 0);
    await desk.verify();
    engine.pass(2_000);
    engine.disk.failing = { stat: new Error('the store is gone') };
    desk.takeJob('sync').resolve(NO_OUTCOMES);
    await settled();
    expect(desk.stats(torrent)).to.include({ phase: 'failed', piecesDone: 1 });
    expect(engine.eventsOf('error')[0]?.error.message).to.include('the store is gone');
    expect(engine.disk.recordedPieces.at(-1)).to.deep.equal([0]);
  });

  it('loses what a sync was to cover that no worker could take', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    (await desk.fetchToSync(torrent, 0)).reject(new Error('no worker'));
    await settled();
    expect(desk.stats(torrent)).to.include({ phase: 'failed', piecesDone: 0 });
    expect(engine.eventsOf('error')[0]?.error.message).to.include('no worker');
  });

  describe('after a failed sync', () => {
    /** A check found all pieces; the sync of them fails; the user resumes. */
    async function resumed(download: boolean): Promise<{ desk: SimDesk; torrent: DeskTorrent }> {
      const desk = new SimDesk();
      const torrent = await desk.begin(SHORT, ALL, { ...ON_DISK, download });
      const check = desk.takeJob('recheck');
      check.resolve(outcomeForAll(check.job, 'good'));
      await settled();
      desk.takeJob('sync').resolve(DISK_FAILS);
      await settled();
      expect(desk.stats(torrent).phase).to.equal('failed');
      desk.engine.logs.length = 0;
      await desk.control.resume(torrent.state.id);
      await settled();
      return { desk, torrent };
    }

    it('a download fetches again, because what it would read may not be on the disk', async () => {
      const { desk, torrent } = await resumed(true);
      expect(desk.engine.jobs.filter(({ job }) => job.type === 'recheck')).to.deep.equal([]);
      expect(desk.stats(torrent)).to.include({ phase: 'downloading', piecesDone: 0 });
    });

    it('what is only served is read again', async () => {
      const { desk } = await resumed(false);
      expect(toRead(desk.takeJob('recheck'))).to.deep.equal(ALL);
    });
  });

  it('makes the empty files before it downloads, and says so in the first record', async () => {
    const desk = new SimDesk();
    await desk.begin({ ...SHORT, emptyFiles: ['one', 'two'] }, [], ON_DISK);
    const disk = desk.engine.disk.sinceNow();
    const check = desk.takeJob('recheck');
    check.resolve(outcomeForAll(check.job, 'bad'));
    await settled();
    const { job, priority, resolve } = desk.takeJob('create-empty');
    expect(job).to.deep.include({ paths: ['one', 'two'] });
    expect(priority).to.equal('live');
    expect(disk.records).to.deep.equal([]);
    resolve(NO_OUTCOMES);
    await settled();
    expect(disk.records).to.deep.equal(['open']);
  });

  it('saves nothing of a torrent in memory, and completes it without', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    await desk.serveAll(desk.connect(torrent, { creditBlocks: 16 }));
    expect(engine.eventsOf('complete')).to.have.length(1);
    await desk.control.pause(torrent.state.id);
    expect(engine.disk.records).to.deep.equal([]);
    expect(engine.logs).to.deep.equal([]);
  });

  it('logs a record that could not be saved, and goes on', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    engine.disk.failing = { save: new Error('no space') };
    (await desk.fetchToSync(torrent, 0)).resolve(NO_OUTCOMES);
    await settled();
    expect(desk.stats(torrent)).to.include({ phase: 'downloading', piecesDone: 1 });
    await desk.control.pause(torrent.state.id);
    const logs = engine.logs.splice(0);
    expect(logs).to.have.length(2);
    for (const { level, message } of logs) {
      expect(level).to.equal('warn');
      expect(message)
        .to.match(/^the resume record could not be saved/)
        .and.include(torrent.state.infoHash)
        .and.include('no space');
    }
  });

  for (const [what, failing, forgotten] of [
    ['is deleted with the last record', {}, 1],
    ['stays where that cannot be saved', { save: new Error('no space') }, 0],
  ] as const)
    it(`the list of the files that it made ${what}`, async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
      const lists: string[] = [];
      engine.disk.forgetMade = (list) => void lists.push(list);
      engine.disk.failing = failing;
      await desk.remove(torrent);
      expect(lists).to.deep.equal(Array(forgotten).fill(torrent.state.content.storage.made));
      expect(engine.logs.splice(0)).to.have.length(1 - forgotten);
    });
});
