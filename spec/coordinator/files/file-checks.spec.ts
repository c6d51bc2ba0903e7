// Looks at the files of a torrent: before it is reported complete, while it seeds, and when it
// resumes. What other programs did to them, and what follows.

import { expect } from 'chai';
import type { TorrentOptions } from '../../../lib/messages/control';
import type { FileIdentity } from '../../../lib/messages/storage';
import { Bitfield } from '../../../lib/bytes/bitfield';
import { SimDesk } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import { KIB, MIB } from '../../support/sim-torrent';
import type { SimTorrentOptions } from '../../support/sim-torrent';
import { NO_OUTCOMES, outcomeForAll } from '../../support/sim-verify';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };
const ALL = Array.from({ length: 16 }, (_, piece) => piece);

describe('coordinator: files of a torrent that other programs touch', () => {
  const NAME = 'sim-1.bin';
  const FOUND = { sizeBytes: MIB, mtimeNs: 100n, device: 1n, inode: 1n };

  /** A seed whose files look as the spec decides. */
  async function seed(
    options: Partial<TorrentOptions> = {},
    shape: Partial<SimTorrentOptions> = {},
  ) {
    const { desk, engine, torrent } = await SimDesk.with(
      { ...SHORT, ...shape },
      { good: ALL, request: { ...ON_DISK, ...options } },
    );
    const { state } = torrent;
    const { disk } = engine;
    disk.looks = 0;
    const pass = async (ms: number): Promise<void> => {
      engine.pass(ms);
      await desk.answerJobs();
    };
    return { desk, engine, torrent, state, disk, pass };
  }

  it('looks at the files of a seed that has peers twice a minute, not more often', async () => {
    const { desk, engine, state, disk, pass } = await seed();
    const [torrent] = desk.torrents.values();
    if (torrent) desk.connect(torrent, { have: [] });
    await pass(29_000);
    expect(disk.looks).to.equal(0);
    for (let second = 0; second < 61; second++) await pass(1_000);
    expect(disk.looks).to.equal(3);
    expect(state.phase).to.equal('seeding');
    expect(engine.logs).to.deep.equal([]);
  });

  it('wakes no seed at rest for that', async () => {
    const { engine, state, pass } = await seed();
    await pass(60_000);
    await pass(60_000);
    expect(state.restUntilMs).to.equal(Infinity);
    expect(engine.tickAtMs).to.equal(Infinity);
  });

  const AGAIN = 'start the download again';
  const FETCH = 'fetch it again by add() with the option download';
  const harms: readonly {
    readonly what: string;
    readonly now: FileIdentity | undefined;
    readonly code: string;
    readonly sentence: string;
    readonly advice: (again: string) => string;
  }[] = [
    {
      what: 'removed',
      now: undefined,
      code: 'data-missing',
      sentence: 'was removed or renamed',
      advice: (again) => `${again} to check what is there and fetch the rest`,
    },
    {
      what: 'replaced',
      now: { ...FOUND, mtimeNs: 200n, inode: 2n },
      code: 'data-changed',
      sentence: 'was replaced by another file',
      advice: (again) =>
        `move that file away (or allow it to be overwritten, by the option adopt) and ${again}`,
    },
    {
      what: 'replaced by a longer one',
      now: { ...FOUND, sizeBytes: MIB + 1, mtimeNs: 200n, inode: 2n },
      code: 'data-changed',
      sentence: 'was replaced by another file',
      advice: (again) =>
        `move that file away (or allow it to be overwritten, by the option adopt) and ${again}`,
    },
    {
      what: 'cut',
      now: { ...FOUND, sizeBytes: 100, mtimeNs: 200n },
      code: 'data-changed',
      sentence: 'was cut by another program',
      advice: (again) => `${again} to check what is there and fetch the rest`,
    },
    {
      what: 'longer than it may be',
      now: { ...FOUND, sizeBytes: MIB + 1, mtimeNs: 200n },
      code: 'data-changed',
      sentence: 'became longer than the torrent says',
      advice: (again) => `${again}, with the option force to cut it`,
    },
  ];
  for (const { what, now, code, sentence, advice } of harms) {
    for (const download of [true, false]) {
      it(`fails a seed whose file is ${what}, although no peer reads it (download: ${download})`, async () => {
        const { engine, state, disk, pass } = await seed({ download });
        disk.file = now;
        await pass(30_000);
        expect(state.phase).to.equal('failed');
        expect(state.content.possession.have.isEmpty()).to.equal(true);
        const [error] = engine.eventsOf('error');
        expect(error?.error.code).to.equal(code);
        expect(error?.error.message).to.equal(
          `/nowhere/${NAME} ${sentence} while it was in use; ` +
            (download ? advice(AGAIN) : `put it back, or ${advice(FETCH)}`),
        );
        const [log] = engine.logs;
        expect(log?.level).to.equal('warn');
        expect(log?.message)
          .to.match(/^another program touched files/)
          .and.include(state.infoHash)
          .and.include('"files":1')
          .and.include(NAME);
      });
    }
  }

  it('reads a file again that was touched, and goes on seeding when it is right', async () => {
    const { engine, state, disk, pass } = await seed();
    disk.file = { ...FOUND, mtimeNs: 200n };
    await pass(30_000);
    expect(state.content.piecesToCheck).to.equal(16);
    expect(state.phase).to.equal('seeding');
    expect(state.content.possession.have.isFull()).to.equal(true);
    expect(engine.eventsOf('error')).to.deep.equal([]);
    expect(engine.eventsOf('complete'), 'reported once').to.have.length(1);
    await pass(30_000);
    await pass(30_000);
    expect(state.phase, 'it is known as it is now').to.equal('seeding');
  });

  it('fetches nothing over what its user wrote into a complete file', async () => {
    const { desk, engine, state, disk, pass } = await seed();
    disk.file = { ...FOUND, mtimeNs: 200n };
    const [torrent] = desk.torrents.values();
    torrent?.stored.fill(0, 0, 100);
    await pass(30_000);
    expect(state.phase).to.equal('failed');
    expect(engine.eventsOf('error')[0]?.error.code).to.equal('data-changed');
    expect(state.content.possession.missingWantedPieces).to.equal(1);
  });

  it('gives up on a file that something keeps writing to, once it was read three times', async () => {
    const { engine, state, disk, desk } = await seed();
    let reads = 0;
    disk.file = { ...FOUND, mtimeNs: 200n };
    engine.pass(30_000);
    await settled();
    while (state.phase === 'checking') {
      const check = desk.takeJob('recheck');
      reads++;
      // Touched between the check and the look before completion.
      disk.file = { ...FOUND, mtimeNs: BigInt(200 + reads) };
      check.resolve(outcomeForAll(check.job, 'good'));
      await settled();
      desk.takeJob('sync').resolve(NO_OUTCOMES);
      await settled();
    }
    expect(reads).to.equal(3);
    expect(state.phase).to.equal('failed');
    expect(engine.eventsOf('error')[0]?.error.message).to.equal(
      `/nowhere/${NAME} is written to by another program again and again while it was in use; ` +
        'stop that program, then start the download again to check what is there and fetch the rest',
    );
    engine.logs.length = 0;
  });

  it('keeps a seed whose files cannot be looked at for a moment', async () => {
    const { desk, engine, torrent, state, pass } = await seed();
    desk.connect(torrent, { have: [] });
    const looks = engine.disk.holdLooks();
    await pass(30_000);
    looks[0]?.fail(Object.assign(new Error(), { code: 'EMFILE' }));
    await settled();
    expect(state.phase).to.equal('seeding');
    const [{ level, message } = { level: '', message: '' }] = engine.logs.splice(0);
    expect(level).to.equal('warn');
    expect(message)
      .to.match(/^the files of a seed could not be looked at/)
      .and.include(state.infoHash)
      .and.include('"error":"');
    await pass(30_000);
    expect(looks, 'it is looked at again').to.have.length(2);
  });

  it('asks for one look at a time, and saves nothing when it finds no difference', async () => {
    const { desk, torrent, disk, pass } = await seed();
    desk.connect(torrent, { have: [] });
    disk.sinceNow();
    const looks = disk.holdLooks();
    await pass(30_000);
    await pass(30_000);
    expect(looks).to.have.length(1);
    looks[0]?.answer(FOUND);
    await settled();
    expect(disk.records).to.deep.equal([]);
  });

  it('looks at many files less often: 100 of them a second', async () => {
    const emptyFiles = Array.from({ length: 3_999 }, (_, at) => `empty-${at}`);
    const { desk, torrent, disk, pass } = await seed({}, { emptyFiles });
    desk.connect(torrent, { have: [] });
    await pass(39_000);
    expect(disk.looks).to.equal(0);
    await pass(1_000);
    expect(disk.looks).to.equal(1);
  });

  it('looks neither at a download, nor at what was not reported complete, nor at storage of its own', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: [0], request: ON_DISK });
    const { disk } = engine;
    engine.pass(60_000);
    await desk.answerJobs();
    expect(disk.looks, 'a download').to.equal(0);
    const saves = disk.holdSaves();
    await desk.serveAll(desk.connect(torrent, { creditBlocks: 64 }));
    const { looks } = disk;
    expect(torrent.state.life).to.include({ phase: 'seeding', step: 'saving' });
    engine.pass(60_000);
    await settled();
    expect(disk.looks, 'not reported').to.equal(looks);
    for (const save of saves) save.answer();
    const leech = await SimDesk.with(SHORT, { good: ALL, request: { ...ON_DISK, seed: false } });
    leech.engine.disk.looks = 0;
    leech.engine.pass(60_000);
    await leech.desk.answerJobs();
    expect(leech.engine.disk.looks, 'not seeded').to.equal(0);
    const own = await SimDesk.with(SHORT, {
      good: ALL,
      request: { storage: { module: 'own' } },
    });
    own.engine.disk.looks = 0;
    own.desk.connect(own.torrent, { have: [] });
    own.engine.pass(60_000);
    expect(own.engine.disk.looks, 'its own').to.equal(0);
  });

  describe('before completion', () => {
    /** The last piece is verified; the look before completion waits. */
    async function completing() {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: ALL.slice(1),
        request: ON_DISK,
      });
      const { disk } = engine;
      desk.fetch(torrent, 0);
      const looks = disk.holdLooks();
      await desk.answerJobs();
      expect(looks).to.have.length(1);
      return { desk, engine, torrent, disk, looks };
    }

    it('reads a file again that another program touched, and completes when it is right', async () => {
      const { desk, engine, torrent, disk, looks } = await completing();
      const touched = { ...FOUND, mtimeNs: 200n };
      disk.file = touched;
      looks[0]?.answer(touched);
      await settled();
      expect(engine.eventsOf('complete')).to.deep.equal([]);
      expect(desk.stats(torrent)).to.include({ phase: 'checking' });
      disk.holdNothing();
      looks[1]?.answer(touched);
      await desk.answerJobs();
      expect(desk.stats(torrent)).to.include({ phase: 'seeding', piecesDone: 16 });
      expect(engine.eventsOf('complete')).to.have.length(1);
    });

    it('does not complete what cannot be looked at', async () => {
      const { desk, engine, torrent, looks } = await completing();
      looks[0]?.fail(Object.assign(new Error('open'), { code: 'EMFILE' }));
      await settled();
      expect(desk.stats(torrent).phase).to.equal('failed');
      expect(engine.eventsOf('error').map(({ error }) => error.code)).to.deep.equal(['EMFILE']);
      expect(engine.eventsOf('complete')).to.deep.equal([]);
    });

    it('needs no look where nothing was written: the record was compared with the files just now', async () => {
      const desk = new SimDesk();
      const { disk, eventsOf } = desk.engine;
      disk.resume = ({ pieceCount }) => {
        const have = new Bitfield(pieceCount);
        have.setAll();
        return { status: 'clean', have, recheck: new Bitfield(pieceCount) };
      };
      const torrent = await desk.add(SHORT, ALL, ON_DISK);
      expect(eventsOf.call(desk.engine, 'complete')).to.have.length(1);
      expect(disk.looks).to.equal(0);
      await desk.control.pause(torrent.state.id);
      await desk.control.resume(torrent.state.id);
      await desk.answerJobs();
      expect(desk.stats(torrent).phase).to.equal('seeding');
      expect(disk.looks, 'only as the run begins').to.equal(1);
    });

    it('after a download a resumed seed is looked at once, as its run begins', async () => {
      const { desk, torrent, disk } = await seed();
      await desk.control.pause(torrent.state.id);
      await desk.control.resume(torrent.state.id);
      await desk.answerJobs();
      expect(disk.looks).to.equal(1);
    });
  });

  describe('as a run begins', () => {
    /** Half a torrent, paused. */
    async function paused() {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: ALL.slice(8),
        request: ON_DISK,
      });
      engine.pass(2_000);
      await desk.answerJobs();
      await desk.control.pause(torrent.state.id);
      const resume = async (): Promise<number> => {
        await desk.control.resume(torrent.state.id);
        await settled();
        const [check] = desk.jobsOf('recheck');
        const read = check?.job.type === 'recheck' ? check.job.pieces.length : 0;
        await desk.answerJobs();
        return read;
      };
      return { desk, engine, torrent, disk: engine.disk, resume };
    }

    it('reads nothing again where nothing has changed', async () => {
      const { desk, torrent, resume } = await paused();
      expect(await resume()).to.equal(0);
      expect(desk.stats(torrent)).to.include({ phase: 'downloading', piecesDone: 8 });
    });

    it('reads again what another program touched, and may go on to write to it', async () => {
      const { desk, torrent, disk, resume } = await paused();
      for (const [mtimeNs, piecesDone] of [
        [200n, 8],
        [300n, 0],
      ] as const) {
        if (piecesDone === 0) torrent.stored.fill(0);
        disk.stranger = { sizeBytes: MIB };
        disk.isBlank = async () => false;
        disk.file = { ...FOUND, mtimeNs };
        expect(await resume()).to.equal(8);
        expect(desk.stats(torrent)).to.include({ phase: 'downloading', piecesDone });
        void desk.control.pause(torrent.state.id);
        await desk.answerJobs();
      }
    });

    it('a file that replaced ours is not ours: it is not overwritten', async () => {
      const { desk, engine, torrent, disk, resume } = await paused();
      disk.file = { ...FOUND, mtimeNs: 200n, inode: 2n };
      disk.stranger = { sizeBytes: MIB };
      disk.isBlank = async () => false;
      torrent.stored.fill(0);
      await resume();
      expect(desk.stats(torrent)).to.include({ phase: 'failed', piecesDone: 0 });
      expect(engine.eventsOf('error').map(({ error }) => error.code)).to.deep.equal([
        'file-not-ours',
      ]);
    });

    it('fails where the files cannot be looked at', async () => {
      const { desk, engine, torrent, disk } = await paused();
      const looks = disk.holdLooks();
      await desk.control.resume(torrent.state.id);
      await settled();
      looks[0]?.fail(Object.assign(new Error('open'), { code: 'EMFILE' }));
      await settled();
      expect(desk.stats(torrent)).to.include({ phase: 'failed', piecesDone: 8 });
      expect(engine.eventsOf('error').map(({ error }) => error.code)).to.deep.equal(['EMFILE']);
    });
  });

  it('what a sync of the last run finds does not stop the run that reads the files anyway', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    const sync = await desk.fetchToSync(torrent, 0);
    void desk.control.pause(torrent.state.id);
    await desk.control.resume(torrent.state.id);
    sync.resolve({
      ...NO_OUTCOMES,
      synced: [{ path: NAME, now: { ...FOUND, sizeBytes: 9, mtimeNs: 200n } }],
    });
    await settled();
    await desk.answerJobs();
    expect(engine.eventsOf('error')).to.deep.equal([]);
    expect(desk.stats(torrent).phase).to.equal('downloading');
  });

  it('what is only served is reported missing by a look or a read, not by its first sync', async () => {
    const desk = new SimDesk();
    const torrent = await desk.begin(SHORT, ALL, { ...ON_DISK, download: false });
    const check = desk.takeJob('recheck');
    check.resolve(outcomeForAll(check.job, 'good'));
    await settled();
    desk.takeJob('sync').resolve({ ...NO_OUTCOMES, synced: [{ path: NAME, now: undefined }] });
    await settled();
    expect(desk.engine.eventsOf('error')).to.deep.equal([]);
    expect(desk.stats(torrent).phase).to.equal('seeding');
  });

  describe('an empty file', () => {
    const EMPTY = { emptyFiles: ['empty'] };
    const empty = { sizeBytes: 0, mtimeNs: 100n, device: 1n, inode: 2n };

    it('may be touched, or made anew', async () => {
      for (const other of [
        { ...empty, mtimeNs: 300n },
        { ...empty, inode: 9n },
      ]) {
        const { state, engine, disk, pass } = await seed({}, EMPTY);
        disk.others = [other];
        await pass(30_000);
        expect(state.phase).to.equal('seeding');
        expect(engine.logs).to.deep.equal([]);
        expect(state.content.watch?.recorded().map(({ path }) => path)).to.deep.equal([NAME]);
      }
    });

    it('must stay empty where we made it', async () => {
      const { engine, state, disk, pass } = await seed({}, EMPTY);
      disk.others = [{ ...empty, sizeBytes: 3, mtimeNs: 300n }];
      await pass(30_000);
      expect(state.phase).to.equal('failed');
      expect(engine.eventsOf('error')[0]?.error).to.deep.include({
        code: 'data-changed',
        message:
          '/nowhere/empty is empty in the torrent, and another program wrote to it while it was in use; ' +
          'move it away and start the download again',
      });
    });

    it('that its user has emptied again may be touched as before', async () => {
      const { desk, engine, torrent, state, disk, pass } = await seed({}, EMPTY);
      disk.others = [{ ...empty, sizeBytes: 3, mtimeNs: 300n }];
      await pass(30_000);
      disk.others = [{ ...empty, mtimeNs: 400n }];
      await desk.control.resume(torrent.state.id);
      await desk.answerJobs();
      expect(state.phase).to.equal('seeding');
      engine.logs.length = 0;
      desk.connect(torrent, { have: [] });
      const { looks } = disk;
      disk.others = [{ ...empty, mtimeNs: 500n }];
      await pass(30_000);
      expect(disk.looks).to.equal(looks + 1);
      expect(engine.logs).to.deep.equal([]);
    });

    it('must not be removed where we made it', async () => {
      const { engine, state, disk, pass } = await seed({}, EMPTY);
      disk.others = [undefined];
      await pass(30_000);
      expect(state.phase).to.equal('failed');
      expect(engine.eventsOf('error')[0]?.error).to.include({ code: 'data-missing' });
    });

    it('is of no account where data is only served: it may never have been there', async () => {
      for (const other of [{ ...empty, sizeBytes: 3, mtimeNs: 300n }, undefined]) {
        const { engine, state, disk, pass } = await seed({ download: false }, EMPTY);
        disk.others = [other];
        await pass(30_000);
        expect(disk.looks).to.equal(1);
        expect(state.phase).to.equal('seeding');
        expect(engine.logs).to.deep.equal([]);
      }
    });
  });
});
