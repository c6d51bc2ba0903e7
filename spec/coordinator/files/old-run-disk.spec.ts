// A pause, a resume or a removal overlaps with what the disk was asked before it: answers of a run
// that is over change nothing in the run that came after it.

import { expect } from 'chai';
import type { VerifyResult } from '../../../lib/messages/verify';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import type { PendingJob } from '../../support/sim-engine';
import { KIB, MIB } from '../../support/sim-torrent';
import { DISK_FAILS, NO_OUTCOMES, outcomeForAll } from '../../support/sim-verify';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const ALL = [0, 1, 2, 3];

/** The one job that waits. */
function takeJob(desk: SimDesk, type: PendingJob['job']['type']): PendingJob {
  const [pending, ...others] = desk.engine.jobs.splice(0);
  expect([pending, ...others].map((each) => each?.job.type)).to.deep.equal([type]);
  if (pending === undefined) throw new Error('no job');
  return pending;
}

async function answer(pending: PendingJob, result: VerifyResult): Promise<void> {
  pending.resolve(result);
  await settled();
}

/** Ends the run and begins the next, without waiting for either. */
async function restart(desk: SimDesk, torrent: DeskTorrent): Promise<void> {
  void desk.control.pause(torrent.state.id);
  await desk.control.resume(torrent.state.id);
  await settled();
}

/** Brings what is missing up to the job that verifies it. */
function fetchRest(desk: SimDesk, torrent: DeskTorrent): PendingJob {
  const peer = desk.connect(torrent, { creditBlocks: 16 });
  for (const lease of desk.leases(peer)) desk.deliver(lease);
  return takeJob(desk, 'pieces');
}

describe('coordinator: answers of the disk to a run that is over', () => {
  describe('a check', () => {
    /** A check that is out, and the same of the next run. */
    async function checkedTwice(): Promise<{
      readonly desk: SimDesk;
      readonly torrent: DeskTorrent;
      readonly early: PendingJob;
      readonly late: PendingJob;
    }> {
      const desk = new SimDesk();
      const torrent = await desk.begin(SHORT);
      const early = takeJob(desk, 'recheck');
      await restart(desk, torrent);
      return { desk, torrent, early, late: takeJob(desk, 'recheck') };
    }

    it('does not change what is good now, and does not end the new check', async () => {
      const { desk, torrent, early, late } = await checkedTwice();
      await answer(early, outcomeForAll(early.job, 'good'));
      expect(desk.stats(torrent)).to.include({ phase: 'checking', piecesDone: 0 });
      expect(desk.stats(torrent)).to.include({ piecesChecked: 0, piecesToCheck: 4 });
      expect(desk.engine.ordersOf('open-torrent')).to.deep.equal([]);
      // The files are others by now.
      await answer(late, outcomeForAll(late.job, 'bad'));
      expect(desk.stats(torrent)).to.include({ phase: 'downloading', piecesDone: 0 });
      expect(desk.stats(torrent)).to.include({ piecesChecked: 4 });
    });

    it('fails with its own run', async () => {
      const { desk, torrent, early, late } = await checkedTwice();
      early.reject(new Error('the worker died'));
      await settled();
      expect(desk.stats(torrent).phase).to.equal('checking');
      await answer(late, outcomeForAll(late.job, 'good'));
      expect(desk.stats(torrent)).to.include({ phase: 'seeding', piecesDone: 4 });
      expect(desk.engine.eventsOf('error')).to.deep.equal([]);
    });

    it('hands out no more once it was stopped', async () => {
      const desk = new SimDesk();
      const torrent = await desk.begin({ totalLengthBytes: 6 * MIB, pieceLengthBytes: 16 * KIB });
      const jobs = desk.engine.jobs.splice(0);
      expect(jobs, 'a job has 64 pieces, and two wait').to.have.length(4);
      await desk.control.pause(torrent.state.id);
      for (const { job, resolve } of jobs) resolve(outcomeForAll(job, 'bad'));
      await settled();
      expect(desk.engine.jobs).to.deep.equal([]);
    });
  });

  describe('the last sync before completion', () => {
    async function syncing() {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: [0, 1, 2],
        request: ON_DISK,
      });
      const disk = desk.engine.disk.sinceNow();
      const verify = fetchRest(desk, torrent);
      await answer(verify, outcomeForAll(verify.job, 'good'));
      return { desk, engine, torrent, disk, sync: takeJob(desk, 'sync') };
    }

    it('completes nothing that was paused meanwhile, and leaves its record closed', async () => {
      const { desk, engine, torrent, disk, sync } = await syncing();
      const paused = desk.control.pause(torrent.state.id);
      await answer(sync, NO_OUTCOMES);
      await paused;
      expect(disk.records).to.deep.equal(['closed']);
      expect(engine.eventsOf('complete')).to.deep.equal([]);
      await desk.control.resume(torrent.state.id);
      await settled();
      expect(engine.eventsOf('complete')).to.have.length(1);
    });

    it('completes nothing that is being removed', async () => {
      const { desk, engine, torrent, disk, sync } = await syncing();
      const removed = desk.control.remove(torrent.state.id, false);
      for (const { id } of torrent.state.peers) desk.close(id);
      await answer(sync, NO_OUTCOMES);
      await removed;
      expect(disk.records).to.deep.equal(['closed']);
      expect(engine.eventsOf('complete')).to.deep.equal([]);
    });
  });

  describe('the record of a completion', () => {
    it('is no completion of a torrent that was paused while it was saved', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: [0, 1, 2],
        request: ON_DISK,
      });
      const disk = desk.engine.disk.sinceNow();
      const saves = disk.holdSaves();
      fetchRest(desk, torrent).resolve({ ...NO_OUTCOMES, outcomes: [{ type: 'good', piece: 3 }] });
      await desk.answerJobs();
      expect(disk.records).to.deep.equal(['open']);
      const paused = desk.control.pause(torrent.state.id);
      await settled();
      for (const save of saves) save.answer();
      await paused;
      expect(disk.records).to.deep.equal(['open', 'closed']);
      expect(engine.eventsOf('complete')).to.deep.equal([]);
      disk.holdNothing();
      await desk.control.resume(torrent.state.id);
      await settled();
      expect(engine.eventsOf('complete')).to.have.length(1);
    });

    it('completes only the run that it was saved for', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: [0, 1, 2],
        request: ON_DISK,
      });
      const saves = engine.disk.holdSaves();
      fetchRest(desk, torrent).resolve({ ...NO_OUTCOMES, outcomes: [{ type: 'good', piece: 3 }] });
      await desk.answerJobs();
      await restart(desk, torrent);
      const [early, closing] = saves;
      early?.answer();
      closing?.answer();
      await settled();
      expect(engine.eventsOf('complete'), 'its own record is not saved').to.deep.equal([]);
      saves[2]?.answer();
      await settled();
      expect(engine.eventsOf('complete')).to.have.length(1);
      expect(saves).to.have.length(3);
    });
  });

  describe('the record of a run', () => {
    it('that was resumed before it was saved stays open', async () => {
      const { desk, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
      const disk = desk.engine.disk.sinceNow();
      const peer = desk.connect(torrent, { creditBlocks: 4 });
      for (const lease of desk.leases(peer)) desk.deliver(lease);
      const verify = takeJob(desk, 'pieces');
      await restart(desk, torrent);
      verify.resolve(outcomeForAll(verify.job, 'good'));
      await desk.answerJobs();
      expect(desk.stats(torrent).phase).to.equal('downloading');
      expect(disk.records).to.include('open').and.not.include('closed');
    });

    it('that was paused during one of its syncs is closed in the end', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
      const disk = desk.engine.disk.sinceNow();
      const peer = desk.connect(torrent, { have: [0], creditBlocks: 4 });
      for (const lease of desk.leases(peer)) desk.deliver(lease);
      const verify = takeJob(desk, 'pieces');
      await answer(verify, outcomeForAll(verify.job, 'good'));
      engine.pass(2_000);
      const sync = takeJob(desk, 'sync');
      const paused = desk.control.pause(torrent.state.id);
      await answer(sync, NO_OUTCOMES);
      await paused;
      expect(disk.records.at(-1)).to.equal('closed');
    });

    it('that was paused while its empty files were made is closed', async () => {
      const desk = new SimDesk();
      const torrent = await desk.begin({ ...SHORT, emptyFiles: ['empty'] }, [], ON_DISK);
      const { disk } = desk.engine;
      const check = takeJob(desk, 'recheck');
      await answer(check, outcomeForAll(check.job, 'bad'));
      const making = takeJob(desk, 'create-empty');
      const paused = desk.control.pause(torrent.state.id);
      await answer(making, NO_OUTCOMES);
      await paused;
      expect(disk.records).to.deep.equal(['closed']);
    });

    it('is no error of the next one where an empty file could not be made', async () => {
      const desk = new SimDesk();
      const torrent = await desk.begin({ ...SHORT, emptyFiles: ['empty'] });
      const check = takeJob(desk, 'recheck');
      await answer(check, outcomeForAll(check.job, 'bad'));
      const making = takeJob(desk, 'create-empty');
      const paused = desk.control.pause(torrent.state.id);
      await desk.control.resume(torrent.state.id);
      await answer(making, DISK_FAILS);
      expect(desk.stats(torrent).phase).to.equal('downloading');
      expect(desk.engine.eventsOf('error')).to.deep.equal([]);
      await desk.answerJobs();
      await paused;
    });
  });

  describe('the last record of a run', () => {
    async function pausing() {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
      const saves = engine.disk.holdSaves();
      void desk.control.pause(torrent.state.id);
      await settled();
      expect(saves).to.have.length(1);
      return { desk, engine, torrent, saves };
    }

    it('is saved before the next run looks at the files', async () => {
      const { desk, engine, torrent, saves } = await pausing();
      const { looks } = engine.disk;
      await desk.control.resume(torrent.state.id);
      await settled();
      expect(engine.disk.looks).to.equal(looks);
      saves[0]?.answer();
      await settled();
      expect(engine.disk.looks).to.equal(looks + 1);
    });

    it('brings no rest to a torrent that was resumed and paused meanwhile', async () => {
      const { desk, torrent, saves } = await pausing();
      await desk.control.resume(torrent.state.id);
      const paused = desk.control.pause(torrent.state.id);
      await settled();
      expect(saves).to.have.length(2);
      saves[0]?.answer();
      await settled();
      expect(torrent.state.life).to.include({ phase: 'paused', step: 'saving' });
      saves[1]?.answer();
      await paused;
      expect(torrent.state.life).to.include({ phase: 'paused', step: 'rest' });
    });
  });

  describe('a look at the files', () => {
    async function seed() {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL, request: ON_DISK });
      const disk = engine.disk.sinceNow();
      return { desk, engine, torrent, disk, looks: disk.holdLooks(), left: disk.file };
    }

    it('of a seed does not affect the run that came after it', async () => {
      const { desk, engine, torrent, looks, left } = await seed();
      desk.connect(torrent, { have: [] });
      engine.pass(30_000);
      await settled();
      expect(looks).to.have.length(1);
      await restart(desk, torrent);
      looks[1]?.answer(left);
      await settled();
      looks[0]?.answer(undefined);
      await settled();
      expect(desk.stats(torrent)).to.include({ phase: 'seeding', piecesDone: 4 });
      expect(engine.eventsOf('error')).to.deep.equal([]);
    });

    for (const [what, end] of [
      ['that finds none', 'missing'],
      ['that fails', 'fails'],
    ] as const) {
      it(`before completion ${what} does not affect the next run`, async () => {
        const { desk, engine, torrent } = await SimDesk.with(SHORT, {
          good: [0, 1, 2],
          request: ON_DISK,
        });
        const disk = engine.disk.sinceNow();
        const looks = disk.holdLooks();
        fetchRest(desk, torrent).resolve({
          ...NO_OUTCOMES,
          outcomes: [{ type: 'good', piece: 3 }],
        });
        await desk.answerJobs();
        expect(looks).to.have.length(1);
        await restart(desk, torrent);
        looks[1]?.answer(disk.file); // as its run begins …
        await settled();
        if (end === 'missing') looks[0]?.answer(undefined);
        else looks[0]?.fail(new Error('too many open files'));
        await settled();
        expect(desk.stats(torrent)).to.include({ phase: 'seeding', piecesDone: 4 });
        looks[2]?.answer(disk.file); // … and before it is called complete
        await settled();
        expect(engine.eventsOf('complete')).to.have.length(1);
        expect(engine.eventsOf('error')).to.deep.equal([]);
      });
    }

    /** Resumed twice, with a look out for each. */
    async function resumedTwice() {
      const { desk, engine, torrent, looks, left } = await seed();
      await restart(desk, torrent);
      await restart(desk, torrent);
      expect(looks).to.have.length(2);
      engine.orders = [];
      const [early, late] = looks;
      if (!early || !late) throw new Error('no looks');
      return { desk, engine, torrent, early, late, left };
    }

    it('as a run begins does not begin the next', async () => {
      const { desk, engine, torrent, early, late, left } = await resumedTwice();
      early.answer(left);
      await settled();
      expect(desk.stats(torrent).phase).to.equal('checking');
      expect(engine.ordersOf('open-torrent')).to.deep.equal([]);
      late.answer(left);
      await settled();
      expect(desk.stats(torrent).phase).to.equal('seeding');
      expect(engine.ordersOf('open-torrent')).to.have.length(1);
    });

    it('as a run begins is no error of the next', async () => {
      const { desk, engine, torrent, early, late, left } = await resumedTwice();
      early.fail(new Error('too many open files'));
      await settled();
      expect(desk.stats(torrent).phase).to.equal('checking');
      late.answer(left);
      await settled();
      expect(desk.stats(torrent).phase).to.equal('seeding');
      expect(engine.eventsOf('error')).to.deep.equal([]);
    });

    it('as a run begins is of no account once a later one was answered', async () => {
      const { desk, engine, torrent, early, late, left } = await resumedTwice();
      late.answer(left);
      await settled();
      early.answer(undefined);
      await settled();
      expect(desk.stats(torrent)).to.include({ phase: 'seeding', piecesDone: 4 });
      expect(engine.eventsOf('error')).to.deep.equal([]);
    });

    it('that has a file read again starts nothing that was paused meanwhile', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL, request: ON_DISK });
      const disk = engine.disk.sinceNow();
      const saves = disk.holdSaves();
      disk.file = disk.file && { ...disk.file, mtimeNs: 200n };
      desk.connect(torrent, { have: [] });
      engine.pass(30_000);
      await settled();
      expect(desk.stats(torrent).phase).to.equal('checking');
      const paused = desk.control.pause(torrent.state.id);
      await settled();
      for (const save of saves) save.answer();
      await paused;
      await settled();
      expect(desk.stats(torrent).phase).to.equal('paused');
      expect(engine.jobs).to.deep.equal([]);
      expect(disk.records.at(-1)).to.equal('open');
    });
  });

  describe('the cut of a file that was too long', () => {
    const LONG = { sizeBytes: 300 * KIB, mtimeNs: 100n, device: 1n, inode: 1n };

    /** A file is being cut; `done` ends that. */
    async function cutting() {
      const desk = new SimDesk();
      const { disk } = desk.engine;
      const check = disk.checkOutput.bind(disk);
      disk.checkOutput = async (root, files) => ({
        ...(await check(root, files)),
        stats: [{ ...LONG, kind: 'file', names: 1, bornNs: 1n }],
      });
      let done = (): void => undefined;
      disk.cutLonger = async () => {
        if (disk.file?.sizeBytes !== LONG.sizeBytes) return [];
        await new Promise<void>((resolve) => (done = resolve));
        disk.file = { ...LONG, sizeBytes: 256 * KIB, mtimeNs: 200n };
        return ['sim-1.bin'];
      };
      const torrent = await desk.begin(SHORT, [0, 1], ON_DISK);
      disk.file = LONG;
      await desk.answerJobs();
      desk.engine.pass(2_000);
      await desk.answerJobs(); // the sync of what the check has found
      return { desk, torrent, disk, done: () => done() };
    }

    it('is known to the run that begins meanwhile', async () => {
      const { desk, torrent, done } = await cutting();
      const { engine } = desk;
      await restart(desk, torrent);
      done();
      await desk.answerJobs();
      await desk.serveAll(desk.connect(torrent, { creditBlocks: 16 }));
      expect(engine.eventsOf('error')).to.deep.equal([]);
      expect(engine.eventsOf('complete')).to.have.length(1);
    });

    it('is over before its torrent is gone', async () => {
      const { desk, torrent, disk, done } = await cutting();
      const removed = desk.control.remove(torrent.state.id, false);
      await settled();
      expect(disk.locks).to.have.length(1);
      done();
      await removed;
      expect(disk.locks).to.deep.equal([]);
    });
  });
});
