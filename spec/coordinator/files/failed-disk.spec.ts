// A disk that fails: what it leaves of the pieces that were verified, and what the torrent does
// once its user has it go on.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';
import { DISK_FAILS, NO_OUTCOMES, outcomeForAll } from '../../support/sim-verify';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const ALL = [0, 1, 2, 3];

/** A peer thread reports that the file cannot be read any more. */
function cannotRead({ engine }: SimDesk, { state, metainfo }: DeskTorrent): void {
  const path = metainfo.name;
  engine.facts({ type: 'read-failed', torrent: state.id, code: 'EIO', message: 'bad disk', path });
  engine.logs.length = 0;
}

describe('coordinator: a disk that fails', () => {
  describe('during a sync', () => {
    /** One piece in the sync that is out, one written since, one that is being written. */
    async function syncing() {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
      const sync = await desk.fetchToSync(torrent, 0);
      desk.fetch(torrent, 1);
      await desk.verify();
      desk.fetch(torrent, 2);
      expect(desk.jobsOf('pieces')).to.have.length(1);
      expect(desk.stats(torrent).piecesDone).to.equal(2);
      return { desk, engine, torrent, sync };
    }

    it('pieces written since it began are lost, too, before the error is reported', async () => {
      const { desk, engine, torrent, sync } = await syncing();
      sync.resolve(DISK_FAILS);
      await settled();
      expect(engine.eventsOf('error')).to.have.length(1);
      expect(desk.stats(torrent)).to.include({ phase: 'failed', piecesDone: 0, doneBytes: 0 });
    });

    it('what was being written is lost, too, though the torrent is resumed before that is done', async () => {
      const { desk, torrent, sync } = await syncing();
      const disk = desk.engine.disk.sinceNow();
      sync.resolve(DISK_FAILS);
      await settled();
      await desk.control.resume(torrent.state.id);
      await desk.verify();
      await desk.answerJobs();
      expect(desk.stats(torrent)).to.include({ phase: 'downloading', piecesDone: 0 });
      expect(disk.records).to.not.include('closed');
      await desk.serveAll(desk.connect(torrent, { creditBlocks: 16 }));
      expect(desk.stats(torrent).phase).to.equal('seeding');
    });

    it('a closing engine reports no error, and records none of the lost pieces', async () => {
      const { desk, engine, torrent, sync } = await syncing();
      const disk = desk.engine.disk.sinceNow();
      const closed = desk.control.close();
      sync.resolve(DISK_FAILS);
      await settled();
      await desk.verify();
      await closed;
      expect(engine.eventsOf('error')).to.deep.equal([]);
      expect(torrent.state.content.possession.durability.durable.isEmpty()).to.equal(true);
      expect(disk.records).to.include('open').and.not.include('closed');
    });
  });

  it('the record after a job that failed names nothing that the same job found in doubt', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    const disk = engine.disk.sinceNow();
    desk.fetch(torrent, 0);
    await desk.verify();
    engine.pass(2_000);
    await desk.answerJobs();
    expect(disk.recordedPieces.at(-1)).to.deep.equal([0]);
    desk.fetch(torrent, 1);
    const { resolve } = desk.takeJob('pieces');
    const after = { sizeBytes: 256 * KIB, mtimeNs: 300n, device: 1n, inode: 2n };
    resolve({
      ...NO_OUTCOMES,
      outcomes: [{ type: 'storage-error', piece: 1, error: { code: 'ENOSPC', message: 'full' } }],
      written: [{ path: torrent.metainfo.name, before: after, after, endBytes: 0 }],
    });
    await settled();
    expect(engine.eventsOf('error').map(({ error }) => error.code)).to.deep.equal(['ENOSPC']);
    expect(disk.recordedPieces.at(-1)).to.deep.equal([]);
    engine.logs.length = 0;
  });

  it('full pieces that wait for their check are not written to it any more', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    desk.fetch(torrent, 0);
    desk.fetch(torrent, 1);
    expect(desk.jobsOf('pieces'), 'the second waits for the first').to.have.length(1);
    cannotRead(desk, torrent);
    const { job, resolve } = desk.takeJob('pieces');
    resolve(outcomeForAll(job, 'good'));
    await settled();
    expect(desk.jobsOf('pieces')).to.deep.equal([]);
    expect(engine.memoryIsBack).to.equal(true);
  });

  it('… but those of a pause are', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    desk.fetch(torrent, 0);
    desk.fetch(torrent, 1);
    const paused = desk.control.pause(torrent.state.id);
    await desk.answerJobs();
    await paused;
    expect(desk.stats(torrent).piecesDone).to.equal(2);
    expect(engine.memoryIsBack).to.equal(true);
  });

  describe('after completion', () => {
    it('`complete` is emitted again once everything was found good again', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
      expect(engine.eventsOf('complete')).to.have.length(1);
      cannotRead(desk, torrent);
      expect(desk.stats(torrent)).to.include({ phase: 'failed', piecesDone: 0 });
      await desk.control.resume(torrent.state.id);
      await desk.answerJobs();
      expect(desk.stats(torrent)).to.include({ phase: 'seeding', piecesDone: 4 });
      expect(engine.eventsOf('complete')).to.have.length(2);
    });

    it('what is lost is fetched again once its user has resumed it', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
      cannotRead(desk, torrent);
      torrent.stored.fill(0, 0, 1);
      await desk.control.resume(torrent.state.id);
      await desk.answerJobs();
      expect(desk.stats(torrent)).to.include({ phase: 'downloading', piecesDone: 3 });
      await desk.serveAll(desk.connect(torrent, { creditBlocks: 16 }));
      expect(engine.eventsOf('complete')).to.have.length(2);
    });

    it('a torrent that was only paused does not emit `complete` again', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
      await desk.control.pause(torrent.state.id);
      await desk.control.resume(torrent.state.id);
      await desk.answerJobs();
      expect(desk.stats(torrent).phase).to.equal('seeding');
      expect(engine.eventsOf('complete')).to.have.length(1);
    });
  });

  it('a paused torrent stays paused, and says why its last pieces are lost', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    desk.fetch(torrent, 0);
    await desk.verify();
    const paused = desk.control.pause(torrent.state.id);
    await settled();
    desk.takeJob('sync').resolve(DISK_FAILS);
    await paused;
    const { phase, piecesDone, error } = desk.stats(torrent);
    expect({ phase, piecesDone }).to.deep.equal({ phase: 'paused', piecesDone: 0 });
    expect(error?.code).to.equal(DISK_FAILS.error?.code);
    expect(engine.logs.splice(0).map(({ message }) => message)).to.match(/a paused torrent/);
    expect(engine.eventsOf('error')).to.deep.equal([]);
    await desk.control.resume(torrent.state.id);
    await desk.answerJobs();
    const after = desk.stats(torrent);
    expect(after.phase).to.equal('downloading');
    expect(after.error).to.equal(undefined);
  });

  it('an empty file that cannot be made stops the torrent', async () => {
    const desk = new SimDesk();
    const torrent = await desk.begin({ ...SHORT, emptyFiles: ['empty'] });
    const check = desk.takeJob('recheck');
    check.resolve(outcomeForAll(check.job, 'bad'));
    await settled();
    desk.takeJob('create-empty').resolve(DISK_FAILS);
    await settled();
    expect(desk.stats(torrent).phase).to.equal('failed');
    expect(torrent.state.life, 'all is done').to.include({ step: 'rest' });
    await desk.control.resume(torrent.state.id);
    await settled();
    desk.takeJob('create-empty').resolve(NO_OUTCOMES);
    await settled();
    expect(desk.stats(torrent).phase).to.equal('downloading');
  });
});
