import { expect } from 'chai';
import { MillraceError } from '../../../lib/errors/millrace-error';
import { engineControl } from '../../../lib/coordinator/control';
import { failTorrent } from '../../../lib/coordinator/torrent/stopping';
import { torrentStats } from '../../../lib/coordinator/snapshot';
import { settled } from '../../support/sim-engine';
import type { SimEngine } from '../../support/sim-engine';
import { SimDesk } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { KIB, MIB } from '../../support/sim-torrent';
import { NO_OUTCOMES, outcomeForAll } from '../../support/sim-verify';
import { codeOf } from '../../support/code-of';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };
const ALL = Array.from({ length: 16 }, (_, piece) => piece);

/** Answers what waits, live jobs well and syncs with a disk error, until nothing more comes. */
async function answerOnBadDisk(engine: SimEngine): Promise<void> {
  while (engine.jobs.length > 0) {
    for (const { job, resolve } of engine.jobs.splice(0)) {
      const outcomes =
        job.type === 'pieces'
          ? job.pieces.map(({ piece }) => ({ type: 'good' as const, piece }))
          : [];
      const error = job.type === 'sync' ? { error: { code: 'EIO', message: 'bad disk' } } : {};
      resolve({ outcomes, ...error, hashMs: 0, storageMs: 0 });
    }
    await settled();
  }
}

/** Answers the jobs that wait now: every piece is good. */
async function verifyAll(engine: SimEngine): Promise<void> {
  for (const { job, resolve } of engine.jobs.splice(0)) {
    if (job.type !== 'pieces') throw new Error('an unexpected job');
    resolve({
      outcomes: job.pieces.map(({ piece }) => ({ type: 'good', piece })),
      hashMs: 0,
      storageMs: 0,
    });
  }
  await settled();
}

/** Says whether the promise has settled by now. */
function watch(promise: Promise<unknown>): { done: boolean } {
  const seen = { done: false };
  void promise.finally(() => (seen.done = true));
  return seen;
}

describe('coordinator: the life of a torrent', () => {
  it('goes from checking to downloading to seeding, and emits each phase once', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: [0, 1, 2] });
    expect(torrent.state.phase).to.equal('downloading');
    expect(torrent.state.content.possession.doneBytes).to.equal(192 * KIB);
    const peer = desk.connect(torrent, { creditBlocks: 64 });
    await desk.serveAll(peer);
    expect(torrent.state.phase).to.equal('seeding');
    expect(engine.eventsOf('complete')).to.have.length(1);
    const stats = torrentStats(engine, torrent.state);
    expect(stats).to.include({ doneBytes: MIB, piecesDone: 16, memoryBytes: 0 });
    expect(Buffer.from(torrent.stored).equals(torrent.content)).to.equal(true);
    expect(engine.logs).to.deep.equal([]);
  });

  describe('its empty files', () => {
    /** They are being made, and nothing else is out. */
    async function making() {
      const desk = new SimDesk();
      const torrent = await desk.begin({ ...SHORT, emptyFiles: ['empty'] });
      const [check] = desk.engine.jobs.splice(0);
      check?.resolve(outcomeForAll(check.job, 'bad'));
      await settled();
      const [made] = desk.engine.jobs.splice(0);
      expect(made?.job.type).to.equal('create-empty');
      return { desk, engine: desk.engine, torrent, made: () => made?.resolve(NO_OUTCOMES) };
    }

    it('are there before it is complete', async () => {
      const { desk, engine, torrent, made } = await making();
      await desk.serveAll(desk.connect(torrent, { creditBlocks: 64 }));
      expect(torrent.state.content.possession.doneBytes).to.equal(MIB);
      expect(engine.eventsOf('complete')).to.have.length(0);
      made();
      await desk.answerJobs();
      expect(engine.eventsOf('complete')).to.have.length(1);
    });

    it('are made, or could not be, before it is at rest', async () => {
      const { desk, torrent, made } = await making();
      const paused = watch(desk.control.pause(torrent.state.id));
      await desk.answerJobs();
      expect(paused.done).to.equal(false);
      made();
      await desk.answerJobs();
      expect(paused.done).to.equal(true);
    });
  });

  it('is complete only after a file sync that covers every piece', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL.slice(1) });
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    while (engine.jobs[0]?.job.type !== 'sync') {
      const [pending] = engine.jobs.splice(0, 1);
      const job = pending?.job;
      if (job?.type !== 'pieces') throw new Error('an unexpected job');
      pending?.resolve({
        outcomes: job.pieces.map(({ piece }) => ({ type: 'good', piece })),
        hashMs: 0,
        storageMs: 0,
      });
      await settled();
    }
    expect(engine.eventsOf('complete')).to.have.length(0);
    await desk.answerJobs();
    expect(engine.eventsOf('complete')).to.have.length(1);
    expect(torrent.state.content.possession.durability.durable.isFull()).to.equal(true);
  });

  it('stops instead when that sync fails', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL.slice(1) });
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    await answerOnBadDisk(engine);
    expect(engine.eventsOf('complete')).to.have.length(0);
    expect(desk.stats(torrent).error?.code).to.equal('EIO');
    expect(torrent.state.content.possession.durability.durable.isFull()).to.equal(false);
  });

  it('loses what a failed sync covered: it is not synced again, but fetched again', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    const { records } = engine.disk.sinceNow();
    const { state } = torrent;
    const peer = desk.connect(torrent, { creditBlocks: 64 });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    let syncs = 0;
    while (engine.jobs.length > 0) {
      syncs += engine.jobs.filter(({ job }) => job.type === 'sync').length;
      const [sync] = engine.jobs.filter(({ job }) => job.type === 'sync');
      if (sync) {
        engine.jobs = [];
        sync.resolve({
          outcomes: [],
          error: { code: 'EIO', message: 'bad disk' },
          hashMs: 0,
          storageMs: 0,
        });
        await desk.answerJobs(); // The disk reports no error, as Linux does after a failed sync.
      } else await verifyAll(engine);
    }
    expect(syncs).to.equal(1);
    expect(state.phase).to.equal('failed');
    expect(state.content.possession.durability.durable.isEmpty()).to.equal(true);
    expect(state.content.possession.have.isEmpty()).to.equal(true);
    expect(torrent.state.content.possession.doneBytes).to.equal(0);
    expect(state.content.possession.missingWantedPieces).to.equal(16);
    expect(records, 'the record stays open').to.deep.equal(['open']);
    desk.close(peer, 'torrent-closed');
    engine.happen({ type: 'resume', torrent: state });
    await settled();
    expect(state.phase).to.equal('downloading');
    await desk.serveAll(desk.connect(torrent, { creditBlocks: 64 }));
    expect(state.phase).to.equal('seeding');
    expect(torrent.state.content.possession.doneBytes).to.equal(MIB);
    expect(state.content.possession.durability.durable.isFull()).to.equal(true);
    await desk.control.pause(state.id);
    expect(records.at(-1), 'all is well again').to.equal('closed');
  });

  it('leaves an open record when the last sync of a pause fails', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    const { records } = engine.disk.sinceNow();
    const peer = desk.connect(torrent, { creditBlocks: 8 });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    const paused = desk.control.pause(torrent.state.id);
    await answerOnBadDisk(engine);
    await paused;
    expect(records).to.deep.equal(['open']);
    expect(torrent.state.content.possession.doneBytes).to.equal(0);
  });

  it('reports an error at once, not after the last sync', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    failTorrent(engine, torrent.state, { code: 'ENOSPC', message: 'disk full' });
    expect(engine.jobs, 'pieces are still being verified').to.have.length(1);
    expect(engine.eventsOf('error').map(({ error }) => error.code)).to.deep.equal(['ENOSPC']);
    engine.happen({ type: 'resume', torrent: torrent.state });
    await desk.answerJobs();
    expect(engine.eventsOf('error'), 'and not to the run that resumed it').to.have.length(1);
  });

  it('reports a full disk with the missing space and the remedy', async () => {
    const { engine, torrent } = await SimDesk.with(SHORT);
    failTorrent(engine, torrent.state, {
      code: 'ENOSPC',
      message: 'cannot write /out/a.bin: the disk is full',
      details: { path: '/out/a.bin' },
    });
    const missingBytes = torrent.state.content.metainfo.totalLengthBytes;
    expect(engine.eventsOf('error').map(({ error }) => error)).to.deep.equal([
      {
        code: 'ENOSPC',
        message: `cannot write /out/a.bin: the disk is full; ${missingBytes} bytes of the torrent are still missing; free space, or use another place, then resume the torrent or start it again: nothing that was verified is lost`,
        details: {
          path: '/out/a.bin',
          missingBytes,
          advice:
            'free space, or use another place, then resume the torrent or start it again: nothing that was verified is lost',
        },
      },
    ]);
  });

  it('seeds at once what is whole, and closes other seeds', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    expect(torrent.state.phase).to.equal('seeding');
    const seed = desk.connect(torrent);
    const leecher = desk.connect(torrent, { have: [1] });
    expect(engine.ordersOf('close')).to.deep.equal([
      { type: 'close', connection: seed, reason: 'not-useful' },
    ]);
    expect(engine.ordersOf('interest', leecher)).to.have.length(0);
  });

  it('closes its peers when it is complete and not to be seeded', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, {
      good: ALL.slice(1),
      request: { seed: false },
    });
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    await desk.serveAll(peer);
    expect(engine.ordersOf('close', peer)).to.have.length(1);
    expect(engine.ordersOf('close-torrent')).to.have.length(1);
    desk.threadDies(0);
    desk.threadIsBack(0);
    expect(engine.ordersOf('open-torrent'), 'no other thread opens it').to.have.length(1);
  });

  it('pauses: peers closed, memory back, pieces kept; and goes on', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent, { creditBlocks: 12 });
    for (const lease of desk.leases(peer).slice(0, 2)) desk.deliver(lease);
    const paused = desk.control.pause(torrent.state.id);
    await desk.answerJobs();
    await paused;
    expect(engine.ordersOf('close', peer)[0]?.reason).to.equal('torrent-closed');
    expect(engine.ordersOf('close-torrent')).to.have.length(1);
    expect(engine.memoryIsBack).to.equal(true);
    expect(torrent.state.content.possession.doneBytes).to.equal(128 * KIB);
    desk.close(peer, 'torrent-closed');
    engine.orders = [];
    engine.happen({ type: 'resume', torrent: torrent.state });
    await settled();
    expect(torrent.state.phase).to.equal('downloading');
    expect(engine.ordersOf('open-torrent')).to.have.length(1);
    const next = desk.connect(torrent, { creditBlocks: 64 });
    await desk.serveAll(next);
    expect(torrent.state.phase).to.equal('seeding');
    expect(Buffer.from(torrent.stored).equals(torrent.content)).to.equal(true);
  });

  it('goes on checking after a pause in the middle of the check', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const adding = desk.add({ totalLengthBytes: 32 * MIB, pieceLengthBytes: 4 * MIB }, [0, 6, 7]);
    await settled();
    const [state] = engine.state.torrents.values();
    if (!state) throw new Error('no torrent');
    expect(state.phase).to.equal('checking');
    const paused = desk.control.pause(state.id);
    const torrent = await adding;
    await paused;
    expect(state.phase).to.equal('paused');
    engine.happen({ type: 'resume', torrent: state });
    await desk.answerJobs();
    expect(state.phase).to.equal('downloading');
    expect(
      [0, 1, 6, 7].map((piece) => torrent.state.content.possession.have.get(piece)),
    ).to.deep.equal([true, false, true, true]);
    expect(torrent.state.content.possession.doneBytes).to.equal(12 * MIB);
  });

  it('saves what a check has found so far, for one that is killed', async () => {
    const desk = new SimDesk();
    const long = { totalLengthBytes: 6 * MIB, pieceLengthBytes: 16 * KIB };
    const torrent = await desk.begin(long, [], ON_DISK);
    const { disk, jobs } = desk.engine;
    const [first] = jobs.splice(0, 1);
    first?.resolve(outcomeForAll(first.job, 'good'));
    await settled();
    desk.engine.pass(2_000);
    const sync = jobs.find(({ job }) => job.type === 'sync');
    sync?.resolve(NO_OUTCOMES);
    await settled();
    expect(desk.stats(torrent)).to.include({ phase: 'checking', piecesChecked: 64 });
    expect(disk.records).to.deep.equal(['open']);
  });

  it('stops when the check meets a disk error', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    await Promise.race([desk.add(SHORT), settled()]);
    for (const { job, resolve } of engine.jobs.splice(0)) {
      if (job.type !== 'recheck') throw new Error('an unexpected job');
      const error = { code: 'EIO', message: 'bad disk' };
      resolve({
        outcomes: job.pieces.map(({ piece }) => ({ type: 'storage-error', piece, error })),
        hashMs: 0,
        storageMs: 0,
      });
    }
    await settled();
    const [state] = engine.state.torrents.values();
    expect(state?.phase).to.equal('failed');
    expect(engine.eventsOf('error').map(({ error }) => error.code)).to.deep.equal(['EIO']);
  });

  it('is added once', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    expect(await codeOf(engine.add(torrent.metainfo))).to.equal('already-added');
    expect(await codeOf(Promise.all([3, 3].map(() => desk.add({ ...SHORT, seed: 9 }))))).to.equal(
      'already-added',
    );
  });

  it('is refused when a piece is longer than half the memory may ever be', async () => {
    const { engine, desk } = await SimDesk.with(SHORT);
    const long = desk.add({ totalLengthBytes: 8 * MIB, pieceLengthBytes: 8 * MIB, seed: 5 });
    expect(await codeOf(long)).to.equal('piece-too-large');
    expect(engine.state.torrents.size).to.equal(1);
  });

  it('may be added again after its removal', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    await desk.remove(torrent);
    expect(engine.handlesClosed).to.be.at.least(1);
    const again = await desk.add(SHORT);
    expect(again.state.phase).to.equal('downloading');
  });

  it('removed twice at once ends once', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    await Promise.all([1, 2].map(() => desk.remove(torrent)));
    expect(engine.state.torrents.size).to.equal(0);
    expect(engine.state.budget.committedBytes).to.equal(0);
  });

  it('is removed under `close`: threads stop only when both are done', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    let stopped = false;
    const control = engineControl(engine, {
      start: async () => undefined,
      stop: async () => void (stopped = true),
      kill: () => false,
    });
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    const removed = control.remove(torrent.state.id, false);
    const closed = control.close();
    await settled();
    expect(engine.jobs, 'a piece is still being verified').to.have.length(1);
    expect(stopped).to.equal(false);
    desk.close(peer, 'torrent-closed');
    await desk.answerJobs();
    await Promise.all([removed, closed]);
    expect(stopped).to.equal(true);
  });

  it('paused twice at once: both wait until it is at rest', async () => {
    const { desk, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    const first = desk.control.pause(torrent.state.id);
    const second = desk.control.pause(torrent.state.id);
    const seen = watch(second);
    await settled();
    expect(seen.done).to.equal(false);
    await desk.answerJobs();
    await Promise.all([first, second]);
  });

  describe('trackers', () => {
    const TRACKED = { ...SHORT, trackers: [['http://tracker.example/announce']] };
    const url = 'http://tracker.example/announce';

    it('hear started, completed and stopped, each once, with what is left', async () => {
      const { desk, engine, torrent } = await SimDesk.with(TRACKED);
      await settled();
      expect(engine.announces.map(({ request }) => request.event)).to.deep.equal(['started']);
      expect(engine.announces[0]?.request.leftBytes).to.equal(MIB);
      const peer = desk.connect(torrent, { creditBlocks: 64 });
      await desk.serveAll(peer);
      engine.pass(250);
      await settled();
      engine.pass(250);
      expect(engine.announces.map(({ request }) => request.event)).to.deep.equal([
        'started',
        'completed',
      ]);
      expect(engine.announces[1]?.request.leftBytes).to.equal(0);
      await desk.remove(torrent);
      expect(engine.announces.at(-1)?.request.event).to.equal('stopped');
      expect(engine.announces).to.have.length(3);
    });

    it('hear the same of a torrent that is not to be seeded, and then nothing', async () => {
      const { desk, engine, torrent } = await SimDesk.with(TRACKED, { request: { seed: false } });
      await desk.serveAll(desk.connect(torrent, { creditBlocks: 64 }));
      await settled();
      const events = (): unknown[] => engine.announces.map(({ request }) => request.event);
      expect(events()).to.deep.equal(['started', 'completed', 'stopped']);
      engine.pass(7_200_000);
      for (let tick = 0; tick < 4; tick++) engine.pass(250);
      await desk.remove(torrent);
      expect(events()).to.have.length(3);
    });

    it('whose turn never comes do not hold up a removal', async () => {
      const desk = new SimDesk();
      const { engine } = desk;
      engine.paceAnnounce = () => undefined; // The queue is full of slow trackers.
      const torrent = await desk.add(TRACKED);
      await desk.remove(torrent);
      expect(engine.announces).to.have.length(0);
    });

    it('are waited for no longer than 2 s, even when `completed` never has its turn', async () => {
      const { desk, engine, torrent } = await SimDesk.with(TRACKED);
      engine.paceAnnounce = () => undefined;
      await desk.serveAll(desk.connect(torrent, { creditBlocks: 64 }));
      const removed = desk.remove(torrent);
      const seen = watch(removed);
      await settled();
      expect(seen.done).to.equal(false);
      engine.passTimers(2_000);
      await removed;
    });

    it('are not asked for a run that ended before their turn came', async () => {
      const desk = new SimDesk();
      const { engine } = desk;
      const queue: (() => Promise<void>)[] = [];
      engine.paceAnnounce = (task) => void queue.push(task);
      const torrent = await desk.add(TRACKED);
      await desk.control.pause(torrent.state.id);
      engine.happen({ type: 'resume', torrent: torrent.state });
      await settled();
      expect(queue).to.have.length(2);
      await queue[0]?.();
      expect(engine.announces).to.have.length(0);
      expect(engine.eventsOf('tracker')).to.have.length(0);
      await queue[1]?.();
      expect(engine.announces.map(({ request }) => request.event)).to.deep.equal(['started']);
      expect(engine.eventsOf('tracker').map(({ ok }) => ok)).to.deep.equal([true]);
    });

    it('return peers that are dialled, and their answer is reported', async () => {
      const desk = new SimDesk();
      const { engine } = desk;
      engine.answerAnnounce = () =>
        Promise.resolve({
          intervalSec: 1800,
          peers: [{ host: '10.3.0.1', port: 7000 }],
          seeds: 4,
          leechers: 2,
          warning: 'mind the gap',
        });
      const torrent = await desk.add(TRACKED);
      await settled();
      expect(engine.ordersOf('dial').map(({ host, port }) => [host, port])).to.deep.equal([
        ['10.3.0.1', 7000],
      ]);
      expect(engine.eventsOf('tracker')).to.deep.equal([
        {
          type: 'tracker',
          torrent: torrent.state.id,
          url,
          ok: true,
          message: 'mind the gap',
          peers: 1,
          seeds: 4,
          leechers: 2,
          nextAnnounceSec: 1800,
        },
      ]);
    });

    it('that fail are reported word for word, and asked again later', async () => {
      const desk = new SimDesk();
      const { engine } = desk;
      engine.answerAnnounce = () =>
        Promise.reject(new MillraceError('tracker-failure', 'torrent not registered'));
      const torrent = await desk.add(TRACKED);
      await settled();
      expect(engine.eventsOf('tracker')[0]).to.include({
        ok: false,
        message: 'torrent not registered',
      });
      expect(torrentStats(engine, torrent.state).trackers[0]).to.include({
        status: 'failed',
        message: 'torrent not registered',
      });
      engine.pass(59_000);
      expect(engine.announces).to.have.length(1);
      engine.pass(20_000);
      for (let tick = 0; tick < 4; tick++) engine.pass(250); // an idle torrent's turn comes once a second
      expect(engine.announces).to.have.length(2);
    });

    it('that never answer are let go when the torrent is removed', async () => {
      const desk = new SimDesk();
      const { engine } = desk;
      engine.answerAnnounce = () => new Promise(() => undefined);
      const torrent = await desk.add(TRACKED);
      await desk.remove(torrent);
      expect(engine.eventsOf('tracker')).to.deep.equal([]);
      expect(engine.announces).to.have.length(1);
    });
  });
});
