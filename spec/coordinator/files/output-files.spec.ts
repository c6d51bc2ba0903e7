// Which files a torrent may write to: claims against other torrents, and the judgement of files that
// no record of ours lists. The disk is a spec's; `spec/engine/ownership.spec.ts` has real files.

import { expect } from 'chai';
import type { ClaimRequest } from '../../../lib/storage/claims';
import { entryOf } from '../../../lib/storage/made-files';
import { MillraceError } from '../../../lib/errors/millrace-error';
import type { TorrentOptions } from '../../../lib/messages/control';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import type { Held } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';
import type { SimTorrentOptions } from '../../support/sim-torrent';
import { NO_OUTCOMES } from '../../support/sim-verify';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const ALL = [0, 1, 2, 3];
/** Two pieces in the first file, two in the second. */
const TWO = { ...SHORT, moreFiles: [128 * KIB] };
const ONE = 'sim-1.bin';
const OTHER = 'sim-1.bin.1';

async function refusal(adding: Promise<unknown>): Promise<MillraceError> {
  const reason: unknown = await adding.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(reason instanceof MillraceError)) throw new Error('it was added');
  return reason;
}

describe('coordinator: the claim of output files', () => {
  const NAMED = /torrent "sim-1\.bin" \([0-9a-f]{40}\)/.source;

  it('no two torrents of an engine write to one file, and the error names the other', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    const other = { ...SHORT, totalLengthBytes: 128 * KIB };
    for (const download of [true, false]) {
      const error = await refusal(desk.add(other, [], { ...ON_DISK, download }));
      expect(error.code).to.equal('output-conflict');
      expect(error.message).to.match(
        new RegExp(
          `^/nowhere/${ONE} is in use by ${NAMED} in this engine, and ${NAMED} has a file of that name: ` +
            'use another output folder for one of them, or stop the other$',
        ),
      );
      expect(error.details).to.deep.equal({
        path: `/nowhere/${ONE}`,
        infoHash: torrent.state.infoHash,
      });
    }
    await desk.control.remove(torrent.state.id, false);
    expect(engine.state.paths.size).to.equal(0);
    await desk.add(other, [], ON_DISK);
  });

  it('… but any number may serve it', async () => {
    const serve = { ...ON_DISK, download: false };
    const { desk } = await SimDesk.with(SHORT, { good: ALL, request: serve });
    const other = await desk.add({ ...SHORT, totalLengthBytes: 128 * KIB }, [0, 1], serve);
    expect(desk.stats(other).phase).to.equal('seeding');
  });

  it('two names of one file are one file, but files that do not exist are not', async () => {
    const desk = new SimDesk();
    await desk.begin(SHORT, [], ON_DISK);
    await desk.begin({ ...SHORT, seed: 2 }, [], ON_DISK);
    desk.engine.disk.strangers = new Map([
      ['sim-3.bin', { sizeBytes: 9, inode: 7n }],
      ['sim-4.bin', { sizeBytes: 9, inode: 7n }],
    ]);
    await desk.begin({ ...SHORT, seed: 3 }, [], ON_DISK);
    const error = await refusal(desk.begin({ ...SHORT, seed: 4 }, [], ON_DISK));
    expect(error.code).to.equal('output-conflict');
    expect(error.details).to.include({ path: '/nowhere/sim-4.bin' });
  });

  it('two files of one torrent must not be one file', async () => {
    const desk = new SimDesk();
    const { disk } = desk.engine;
    const check = disk.checkOutput.bind(disk);
    disk.checkOutput = async (root, files) => ({
      ...(await check(root, files)),
      fold: () => 'same',
    });
    const error = await refusal(desk.begin(TWO, [], ON_DISK));
    expect(error.code).to.equal('output-conflict');
    expect(error.message).to.match(
      new RegExp(
        `^two files of ${NAMED} are one file on this file system, same: use an output folder on another$`,
      ),
    );
    expect(error.details).to.deep.equal({ path: 'same' });
  });

  describe('against other processes', () => {
    function claims(desk: SimDesk) {
      const { disk } = desk.engine;
      const writers: ClaimRequest[] = [];
      const readers: ClaimRequest[] = [];
      disk.claimFiles = async (request) => {
        writers.push(request);
        return { release: () => undefined };
      };
      disk.findConflict = async (request) => void readers.push(request);
      return { writers, readers };
    }

    it('asks for every file of the torrent', async () => {
      const desk = new SimDesk();
      const { writers, readers } = claims(desk);
      const { state } = await desk.begin(TWO, [], ON_DISK);
      expect(readers).to.deep.equal([]);
      expect(writers[0]).to.deep.include({
        infoHash: state.infoHash,
        writes: true,
        files: [ONE, OTHER],
        places: [`/nowhere/${ONE}`, `/nowhere/${OTHER}`],
      });
    });

    it('only asks where nothing can be written', async () => {
      const desk = new SimDesk();
      const { disk } = desk.engine;
      const { writers, readers } = claims(desk);
      const open = disk.openState.bind(disk);
      disk.openState = async (storage, infoHash) => {
        const state = await open(storage, infoHash);
        const lock = (): never => {
          throw new MillraceError('output-not-writable', 'read-only');
        };
        return state && { ...state, lock };
      };
      await desk.begin(SHORT, [], { ...ON_DISK, download: false });
      expect(writers).to.deep.equal([]);
      expect(readers[0]).to.deep.include({ writes: false, files: [ONE] });
    });

    it('names the process that has one of them, and holds nothing after that', async () => {
      const desk = new SimDesk();
      const { engine } = desk;
      const conflict = { path: '/nowhere/x', name: 'theirs', infoHash: 'ab', pid: 77 };
      engine.disk.claimFiles = async () => conflict;
      const error = await refusal(desk.begin(SHORT, [], ON_DISK));
      expect(error.code).to.equal('output-conflict');
      expect(error.message).to.include(
        '/nowhere/x is in use by torrent "theirs" (ab) in process 77',
      );
      expect(engine.state.paths.size).to.equal(0);
      expect(engine.disk.locks).to.deep.equal([]);
    });
  });
});

describe('coordinator: files that no record of ours lists', () => {
  interface Found {
    readonly desk: SimDesk;
    readonly torrent: DeskTorrent;
    /** The paths that were asked for a byte other than zero, with the part. */
    readonly asked: (readonly [string, number?, number?])[];
    /** What was noted as ours. */
    readonly noted: string[];
    /** Calls that cut files. */
    readonly cuts: (readonly [readonly string[], boolean])[];
  }

  interface Setting {
    readonly shape?: SimTorrentOptions;
    readonly request?: Partial<TorrentOptions>;
    readonly good?: readonly number[];
    readonly files?: SimDesk['engine']['disk']['strangers'];
    /** Files, or parts of them, that contain only zeros: by path and first byte. */
    readonly blank?: readonly string[];
    readonly prepare?: (desk: SimDesk) => void;
  }

  /** Adds a torrent whose files lie there already; the check finds these pieces good. */
  async function find(setting: Setting = {}): Promise<Found> {
    const { shape = SHORT, request = {}, good = [], blank = [], prepare } = setting;
    const desk = new SimDesk();
    const { disk } = desk.engine;
    disk.strangers = setting.files ?? new Map([[ONE, { sizeBytes: 256 * KIB }]]);
    const found: Omit<Found, 'torrent'> = { desk, asked: [], noted: [], cuts: [] };
    disk.isBlank = async (path, from, end) => {
      found.asked.push(from === undefined ? [path] : [path, from, end]);
      return blank.includes(from === undefined ? path : `${path}@${from}`);
    };
    disk.noteMade = (_list, entries) => void found.noted.push(...entries);
    const cut = disk.cutLonger;
    disk.cutLonger = async (root, files, followLinks) => {
      found.cuts.push([files.map(({ path }) => path), followLinks]);
      return cut(root, files, followLinks);
    };
    prepare?.(desk);
    const torrent = await desk.begin(shape, [], { ...ON_DISK, ...request });
    const { job, resolve } = desk.takeJob('recheck');
    const pieces = job.type === 'recheck' ? job.pieces : [];
    resolve({
      ...NO_OUTCOMES,
      outcomes: pieces.map(({ piece }) => ({ type: good.includes(piece) ? 'good' : 'bad', piece })),
    });
    await settled();
    return { ...found, torrent };
  }

  function errorsOf({ desk }: Found): string[] {
    return desk.engine.eventsOf('error').map(({ error }) => error.code);
  }

  /** A pause and a resume, up to the transfer. */
  async function runAgain({ desk, torrent }: Found): Promise<void> {
    void desk.control.pause(torrent.state.id);
    await desk.answerJobs();
    await desk.control.resume(torrent.state.id);
    await desk.answerJobs();
  }

  it('are not overwritten: the error says whose they are not, and what to do', async () => {
    const found = await find();
    const { desk, torrent } = found;
    expect(desk.stats(torrent).phase).to.equal('failed');
    const [event] = desk.engine.eventsOf('error');
    expect(event?.error.code).to.equal('file-not-ours');
    expect(event?.error.message).to.equal(
      `/nowhere/${ONE} exists, and neither a record nor a good piece shows that it belongs to torrent "sim-1.bin" ` +
        `(${torrent.state.infoHash}): it is not overwritten; ` +
        'move it away, use another output folder, or allow it by the option adopt',
    );
    expect(event?.error.details).to.include({ path: `/nowhere/${ONE}` });
    expect(found.noted).to.deep.equal([]);
    expect(found.asked).to.deep.equal([[`/nowhere/${ONE}`]]);
  });

  const FINE: readonly (readonly [string, Setting])[] = [
    ['that contain only zeros', { blank: [`/nowhere/${ONE}`] }],
    ['that are empty', { files: new Map([[ONE, { sizeBytes: 0 }]]) }],
    ['that the user allows', { request: { adopt: true } }],
    ['with a good piece', { good: [2] }],
  ];
  for (const [what, setting] of FINE) {
    it(`${what} are written to, and asked about once`, async () => {
      const found = await find(setting);
      const { desk, torrent } = found;
      expect(desk.stats(torrent).phase).to.equal('downloading');
      await desk.answerJobs();
      found.asked.length = 0;
      desk.engine.disk.statFiles = () => Promise.reject(new Error('not again'));
      await runAgain(found);
      expect(desk.stats(torrent).phase).to.equal('downloading');
      expect(found.asked).to.deep.equal([]);
    });
  }

  it('that a killed run of ours has made or taken are ours', async () => {
    const made = { inode: 5n, bornNs: 50n };
    const lists: string[] = [];
    const found = await find({
      files: new Map([[ONE, { sizeBytes: 256 * KIB, ...made }]]),
      prepare: ({ engine }) => {
        engine.disk.readMade = async (list) => {
          lists.push(list);
          return new Set([entryOf(ONE, made)]);
        };
      },
    });
    expect(found.desk.stats(found.torrent).phase).to.equal('downloading');
    expect(lists).to.deep.equal([`/nowhere/.millrace/${found.torrent.state.infoHash}.made`]);
  });

  it('a piece of zeros shows nothing, nor does a good piece of another file', async () => {
    const one = await find({ good: [2], blank: [`/nowhere/${ONE}@${128 * KIB}`] });
    expect(errorsOf(one)).to.deep.equal(['file-not-ours']);
    expect(one.asked).to.deep.equal([
      [`/nowhere/${ONE}`, 128 * KIB, 192 * KIB],
      [`/nowhere/${ONE}`],
    ]);
    const files = new Map([
      [ONE, { sizeBytes: 128 * KIB }],
      [OTHER, { sizeBytes: 128 * KIB }],
    ]);
    const two = await find({ shape: TWO, files, good: [0] });
    expect(errorsOf(two)).to.deep.equal(['file-not-ours']);
    expect(two.desk.engine.eventsOf('error')[0]?.error.details).to.include({
      path: `/nowhere/${OTHER}`,
    });
    expect(two.asked).to.deep.equal([[`/nowhere/${ONE}`, 0, 64 * KIB], [`/nowhere/${OTHER}`]]);
  });

  it('the part of a shared piece that lies in the file is what counts', async () => {
    const shape = { ...SHORT, moreFiles: [100 * KIB] };
    const files = new Map([[OTHER, { sizeBytes: 100 * KIB }]]);
    // Piece 2 has its last 36 KiB in the second file.
    const found = await find({ shape, files, good: [2] });
    expect(errorsOf(found)).to.deep.equal([]);
    expect(found.asked).to.deep.equal([[`/nowhere/${OTHER}`, 0, 36 * KIB]]);
  });

  it('are looked at piece by piece until one has a byte other than zero', async () => {
    const blank = [0, 1, 2].map((piece) => `/nowhere/${ONE}@${piece * 64 * KIB}`);
    const found = await find({ good: [0, 1, 3], blank });
    expect(errorsOf(found)).to.deep.equal([]);
    expect(found.asked.map(([, from]) => from)).to.deep.equal([0, 64 * KIB, 192 * KIB]);
  });

  it('are not judged where nothing of them would change: whole, gone, or only served', async () => {
    const refuse = (desk: SimDesk): void => {
      desk.engine.disk.recordedOwner = () => Promise.reject(new Error('asked'));
    };
    const files = new Map([
      [ONE, { sizeBytes: 128 * KIB, names: 3 }],
      [OTHER, { sizeBytes: 0 }],
    ]);
    const whole = await find({ shape: TWO, files, good: [0, 1, 2], prepare: refuse });
    expect(errorsOf(whole), 'whole').to.deep.equal([]);
    expect(whole.desk.stats(whole.torrent).phase).to.equal('downloading');
    const gone = await find({
      prepare: (desk) => {
        refuse(desk);
        desk.engine.disk.statFiles = async (_root, paths) => paths.map(() => undefined);
      },
    });
    expect(errorsOf(gone), 'gone').to.deep.equal([]);
    expect(gone.noted).to.deep.equal([]);
    const serve = (good: readonly number[]): Promise<Found> =>
      find({
        request: { download: false },
        good,
        prepare: (desk) => {
          refuse(desk);
          desk.engine.disk.readMade = () => Promise.reject(new Error('read'));
        },
      });
    const served = await serve(ALL);
    expect(errorsOf(served), 'served').to.deep.equal([]);
    expect(served.cuts).to.deep.equal([]);
    expect(errorsOf(await serve([0])), 'not whole').to.deep.equal(['not-whole']);
  });

  it('are refused where the record of another torrent lists them, whatever the user allows', async () => {
    const asked: unknown[][] = [];
    const owner = { path: `/nowhere/${ONE}`, name: 'theirs', infoHash: 'ab', record: '/r' };
    const found = await find({
      request: { adopt: true },
      good: [0],
      prepare: ({ engine }) => {
        engine.disk.recordedOwner = async (files, ...rest) => {
          asked.push([files.map(({ path }) => path), ...rest]);
          return owner;
        };
      },
    });
    const { infoHash } = found.torrent.state;
    const [event] = found.desk.engine.eventsOf('error');
    expect(event?.error).to.deep.include({
      code: 'output-conflict',
      message:
        `/nowhere/${ONE} belongs to torrent "theirs" (ab) by its record, and torrent "sim-1.bin" (${infoHash}) would overwrite it: ` +
        'use another output folder, or give the other up by removing its data and /r',
      details: { path: `/nowhere/${ONE}`, infoHash: 'ab', record: '/r' },
    });
    expect(asked).to.deep.equal([
      [[`/nowhere/${ONE}`], `/nowhere/.millrace/${infoHash}.resume`, '/nowhere', []],
    ]);
  });

  describe('with several names (hard links)', () => {
    const linked = (names: number) => new Map([[ONE, { sizeBytes: 256 * KIB, names }]]);

    it('are not changed under the others', async () => {
      for (const [names, what] of [
        [2, 'another name'],
        [4, '3 other names'],
      ] as const) {
        const found = await find({ files: linked(names), good: [0], request: { adopt: true } });
        const [event] = found.desk.engine.eventsOf('error');
        expect(event?.error.code).to.equal('link-in-path');
        expect(event?.error.message).to.equal(
          `/nowhere/${ONE} has ${what} on this disk (hard links), and torrent "sim-1.bin" (${found.torrent.state.infoHash}) ` +
            'would change the file under each of them; ' +
            'put a copy in its place, use another output folder, or allow it by the option followLinks',
        );
        expect(event?.error.details).to.include({ path: `/nowhere/${ONE}` });
      }
    });

    it('… unless the user follows links, or all of them belong to the torrent', async () => {
      const followed = await find({
        files: linked(2),
        good: [0],
        request: { followLinks: true },
      });
      expect(errorsOf(followed)).to.deep.equal([]);
      const unlike = await find({
        shape: { ...TWO, moreFiles: [64 * KIB, 64 * KIB] },
        files: new Map([
          [ONE, { sizeBytes: 128 * KIB, names: 2 }],
          [OTHER, { sizeBytes: 64 * KIB }],
        ]),
        good: [0, 2],
      });
      expect(errorsOf(unlike), 'others of the torrent are other files').to.deep.equal([
        'link-in-path',
      ]);
      const same = { sizeBytes: 128 * KIB, inode: 7n };
      for (const names of [2, 3]) {
        const files = new Map([
          [ONE, { ...same, names }],
          [OTHER, { ...same, names }],
        ]);
        const own = await find({ shape: TWO, files, good: [0, 2] });
        expect(errorsOf(own)).to.deep.equal(names === 2 ? [] : ['link-in-path']);
        const [event] = own.desk.engine.eventsOf('error');
        if (event) expect(event.error.message).to.include('has another name on this disk');
      }
    });
  });

  describe('that are too long', () => {
    const long = new Map([[ONE, { sizeBytes: 300 * KIB }]]);

    it('are cut, once it is known that they may be written to', async () => {
      const refused = await find({ files: long });
      expect(errorsOf(refused)).to.deep.equal(['file-not-ours']);
      expect(refused.cuts).to.deep.equal([]);
      for (const followLinks of [true, false]) {
        const found = await find({ files: long, good: ALL, request: { followLinks } });
        expect(found.cuts).to.deep.equal([[[ONE], followLinks]]);
        await found.desk.answerJobs();
        expect(found.desk.stats(found.torrent).phase).to.equal('seeding');
        expect(found.desk.engine.eventsOf('complete'), 'its new state is known').to.have.length(1);
      }
    });

    it('… also where another file is not, and then we know what they are', async () => {
      const files = new Map([
        [ONE, { sizeBytes: 200 * KIB }],
        [OTHER, { sizeBytes: 128 * KIB }],
      ]);
      const { cuts, desk, torrent } = await find({ shape: TWO, files, good: [0, 2] });
      expect(cuts).to.have.length(1);
      const { file } = desk.engine.disk;
      const known = torrent.state.content.watch?.recorded() ?? [];
      expect(known.map(({ path }) => path)).to.deep.equal([ONE, OTHER]);
      expect(known[0]).to.deep.equal({ path: ONE, ...file });
      expect(file?.sizeBytes).to.equal(128 * KIB);
    });

    it('… and are not cut under other names, though all of their pieces are good', async () => {
      const files = new Map([[ONE, { sizeBytes: 300 * KIB, names: 2 }]]);
      const found = await find({ files, good: ALL });
      expect(errorsOf(found)).to.deep.equal(['link-in-path']);
      expect(found.cuts).to.deep.equal([]);
    });

    it('… also if they are ours', async () => {
      const found = await find({
        files: long,
        good: [0],
        prepare: ({ engine }) => {
          engine.disk.resume = () => ({ ours: new Set([ONE]) });
          engine.disk.noteMade = () => {
            throw new Error('they were noted when they were made');
          };
        },
      });
      expect(found.cuts).to.have.length(1);
      expect(errorsOf(found)).to.deep.equal([]);
    });

    it('… but not in a later run, and no file that has the right length', async () => {
      const found = await find({ files: long, good: [0] });
      await found.desk.answerJobs();
      await runAgain(found);
      expect(found.cuts).to.have.length(1);
      const exact = await find({ good: [0] });
      expect(exact.cuts).to.deep.equal([]);
      const served = await find({ files: long, good: ALL, request: { download: false } });
      expect(served.cuts).to.deep.equal([]);
    });

    it('fail the torrent where they cannot be cut', async () => {
      const found = await find({
        files: long,
        good: [0],
        prepare: ({ engine }) => {
          engine.disk.cutLonger = () =>
            Promise.reject(Object.assign(new Error('open'), { code: 'EACCES' }));
        },
      });
      expect(errorsOf(found)).to.deep.equal(['EACCES']);
    });
  });

  it('are noted as ours before they are written to, with what they are then', async () => {
    const files = new Map([
      [ONE, { sizeBytes: 128 * KIB, inode: 7n, bornNs: 70n }],
      [OTHER, { sizeBytes: 128 * KIB, inode: 8n, bornNs: 80n }],
    ]);
    const found = await find({ shape: TWO, files, good: [0, 2] });
    expect(found.noted).to.deep.equal([
      entryOf(ONE, { inode: 7n, bornNs: 70n }),
      entryOf(OTHER, { inode: 8n, bornNs: 80n }),
    ]);
    const { watch } = found.torrent.state.content;
    expect(watch?.recorded().map(({ path }) => path)).to.deep.equal([ONE, OTHER]);
  });

  it('the torrent fails where they cannot be noted', async () => {
    const found = await find({
      good: [0],
      prepare: ({ engine }) => {
        engine.disk.noteMade = () => {
          throw Object.assign(new Error('write'), { code: 'ENOSPC' });
        };
      },
    });
    expect(errorsOf(found)).to.deep.equal(['ENOSPC']);
  });

  it('what fails while the engine closes is no error of the torrent', async () => {
    let stats: Held<void>[] = [];
    const found = await find({
      prepare: ({ engine }) => {
        stats = engine.disk.holdStats();
      },
    });
    const closed = found.desk.closeSlowly();
    stats[0]?.answer();
    await settled();
    expect(errorsOf(found)).to.deep.equal([]);
    await closed();
  });

  it('the run that follows a pause waits until they are noted', async () => {
    let stats: Held<void>[] = [];
    const { desk, torrent, noted } = await find({
      good: [0],
      prepare: ({ engine }) => {
        stats = engine.disk.holdStats();
      },
    });
    const { disk } = desk.engine;
    expect(torrent.state.life).to.include({ phase: 'checking', step: 'admitting' });
    stats[0]?.answer(); // They are judged by what they are, and then noted.
    await settled();
    expect(stats).to.have.length(2);
    void desk.control.pause(torrent.state.id);
    await desk.control.resume(torrent.state.id);
    await desk.answerJobs();
    expect(disk.looks).to.equal(0);
    expect(torrent.state.life).to.include({ phase: 'checking', step: 'settling' });
    stats[1]?.answer();
    await desk.answerJobs();
    expect(noted).to.have.length(1);
    expect(disk.looks).to.equal(1);
  });

  describe('in a record', () => {
    /** The admission waits, and a record is saved meanwhile. */
    async function recorded(good: readonly number[]): Promise<Record<string, boolean>> {
      const files = new Map([
        [ONE, { sizeBytes: 128 * KIB }],
        [OTHER, { sizeBytes: 128 * KIB, inode: 2n }],
      ]);
      const found = await find({
        shape: TWO,
        files,
        good,
        prepare: ({ engine }) => {
          const { disk } = engine;
          disk.others = [{ sizeBytes: 128 * KIB, mtimeNs: 50n, device: 1n, inode: 2n }];
          disk.holdStats();
        },
      });
      const { desk } = found;
      const disk = desk.engine.disk.sinceNow();
      desk.engine.pass(2_000);
      desk.takeJob('sync').resolve(NO_OUTCOMES);
      await settled();
      return Object.fromEntries(
        (disk.recordedFiles[0] ?? []).map(({ path, foreign = false }) => [path, foreign]),
      );
    }

    it('are marked until it is known that they are ours', async () => {
      expect(await recorded([0, 2])).to.deep.equal({ [ONE]: true, [OTHER]: true });
    });

    it('… which a file is whose pieces are all good and durable', async () => {
      expect(await recorded([0, 1, 2])).to.deep.equal({ [ONE]: false, [OTHER]: true });
      expect(await recorded([0, 2, 3])).to.deep.equal({ [ONE]: true, [OTHER]: false });
    });
  });
});
