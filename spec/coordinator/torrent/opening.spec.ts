// How the content of a torrent is opened: what the storage is asked for, what a record changes, and
// that an error leaves nothing behind.

import { expect } from 'chai';
import { Bitfield } from '../../../lib/bytes/bitfield';
import { MillraceError } from '../../../lib/errors/millrace-error';
import type { StorageRef } from '../../../lib/messages/storage';
import type { StorageState } from '../../../lib/storage/storage';
import { codeOf } from '../../support/code-of';
import { SimDesk } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import { KIB, MIB } from '../../support/sim-torrent';
import { outcomeForAll } from '../../support/sim-verify';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };

describe('coordinator: the opening of content', () => {
  /** A desk whose storage state is changed by `change` as it is opened. */
  function deskWith(change: (state: StorageState) => Partial<StorageState>) {
    const desk = new SimDesk();
    const { disk } = desk.engine;
    const open = disk.openState.bind(disk);
    const refs: StorageRef[] = [];
    let closed = 0;
    disk.openState = async (ref, infoHash) => {
      refs.push(ref);
      const state = await open(ref, infoHash);
      return state && { ...state, close: () => void closed++, ...change(state) };
    };
    return { desk, disk, refs, closed: () => closed };
  }

  it('gives the storage what the user has said of it', async () => {
    const { desk, disk, refs } = deskWith(() => ({}));
    const checks: unknown[] = [];
    const check = disk.checkOutput.bind(disk);
    disk.checkOutput = async (root, files, options) => {
      checks.push([root, options]);
      return check(root, files);
    };
    const { state } = await desk.begin(SHORT, [], { ...ON_DISK, followLinks: true });
    const own = { module: 'own', options: { bucket: 'b' } };
    const other = await desk.begin({ ...SHORT, seed: 2 }, [], { storage: own, output: '/own' });
    expect(refs).to.deep.equal([
      {
        module: 'files',
        key: `1:${state.infoHash}`,
        root: '/nowhere',
        followLinks: true,
        options: undefined,
      },
      {
        module: 'own',
        key: `2:${other.state.infoHash}`,
        root: '/own',
        followLinks: false,
        options: { bucket: 'b' },
      },
    ]);
    await desk.begin({ ...SHORT, seed: 3 }, [], { ...ON_DISK, force: true, download: false });
    expect(checks).to.deep.equal([
      ['/nowhere', { force: false, followLinks: true, readOnly: false }],
      ['/nowhere', { force: true, followLinks: false, readOnly: true }],
    ]);
    expect(state.content.storage).to.include({
      made: `/nowhere/.millrace/${state.infoHash}.made`,
    });
    expect(other.state.content.storage).to.deep.equal(refs[1]);
  });

  it('trusts what a record lists, and reads what it is in doubt about, or all on request', async () => {
    for (const recheck of [false, true]) {
      const desk = new SimDesk();
      desk.engine.disk.resume = ({ pieceCount }) => {
        const have = new Bitfield(pieceCount);
        for (const piece of [0, 1]) have.set(piece);
        const doubtful = new Bitfield(pieceCount);
        doubtful.set(3);
        return { status: 'crashed', have, recheck: doubtful };
      };
      const torrent = await desk.begin(SHORT, [], { ...ON_DISK, recheck });
      expect(desk.stats(torrent).piecesDone).to.equal(recheck ? 0 : 2);
      const { job } = desk.takeJob('recheck');
      expect(job.type === 'recheck' && job.pieces.map(({ piece }) => piece)).to.deep.equal(
        recheck ? [0, 1, 3] : [3],
      );
    }
  });

  it('reads everything of storage that keeps no record', async () => {
    const desk = new SimDesk();
    await desk.begin(SHORT);
    const { job } = desk.takeJob('recheck');
    expect(job.type === 'recheck' && job.pieces).to.have.length(4);
  });

  it('fails where the lock cannot be had, closes the back end, and leaves nothing', async () => {
    for (const [code, download] of [
      ['output-locked', true],
      ['output-locked', false],
      ['output-not-writable', true],
    ] as const) {
      let locks = 0;
      const { desk, closed } = deskWith(({ lock }) => ({
        lock: () => {
          if (locks++ === 0) throw new MillraceError(code, 'no lock');
          return lock();
        },
      }));
      const { engine } = desk;
      expect(await codeOf(desk.begin(SHORT, [], { ...ON_DISK, download }))).to.equal(code);
      expect(closed()).to.equal(1);
      expect(engine.logs).to.deep.equal([]);
      expect(engine.state.paths.size).to.equal(0);
      expect(engine.state.torrents.size).to.equal(0);
      await desk.begin(SHORT, [], { ...ON_DISK, download });
    }
  });

  it('gives back its lock, its files and its memory when the record cannot be loaded', async () => {
    const desk = new SimDesk();
    const { disk } = desk.engine;
    const open = disk.openRecord.bind(disk);
    disk.openRecord = (state, shape) => ({
      ...open(state, shape),
      load: () => Promise.reject(new MillraceError('bad-resume', 'it cannot be read')),
    });
    expect(await codeOf(desk.begin(SHORT, [], ON_DISK))).to.equal('bad-resume');
    expect(disk.locks).to.deep.equal([]);
    expect(desk.engine.state.paths.size).to.equal(0);
    disk.openRecord = open;
    await desk.begin(SHORT, [], ON_DISK);
  });

  it('ends at once when the add is given up, whatever was opened by then', async () => {
    for (const during of ['checkOutput', 'claimFiles'] as const) {
      const { desk, disk, closed } = deskWith(() => ({}));
      const call = disk[during].bind(disk) as (...args: unknown[]) => Promise<unknown>;
      Object.assign(disk, {
        [during]: async (...args: unknown[]) => {
          const result = await call(...args);
          void desk.control.cancelAdd(1);
          return result;
        },
      });
      expect(await codeOf(desk.begin(SHORT, [], ON_DISK)), during).to.equal('aborted');
      expect(disk.locks).to.deep.equal([]);
      expect(closed()).to.equal(1);
      expect(desk.engine.state.paths.size).to.equal(0);
    }
  });

  it('an error on the way out is logged, and keeps no torrent', async () => {
    const { desk, disk } = deskWith(() => ({
      close: () => {
        throw new Error('the store is gone');
      },
    }));
    const torrent = await desk.begin(SHORT, [], ON_DISK);
    const check = desk.takeJob('recheck');
    check.resolve(outcomeForAll(check.job, 'bad'));
    await settled();
    disk.failing = { release: new Error('read-only') };
    await desk.control.remove(torrent.state.id, false);
    expect(desk.engine.state.torrents.size).to.equal(0);
    const logs = desk.engine.logs.splice(0);
    expect(logs.map(({ level }) => level)).to.deep.equal(['warn', 'warn']);
    const [lock, store] = logs;
    expect(lock?.message)
      .to.match(/^a lock could not be released/)
      .and.include(torrent.state.infoHash)
      .and.include('read-only');
    expect(store?.message)
      .to.match(/^a storage back end could not be closed/)
      .and.include(torrent.state.infoHash)
      .and.include('the store is gone');
  });

  it('the budget grows for long pieces as far as it may', async () => {
    const desk = new SimDesk({ settings: { memoryBytes: 4 * MIB } });
    await desk.begin({ totalLengthBytes: 4 * MIB, pieceLengthBytes: 2 * MIB });
    expect(desk.engine.state.budget.limitBytes).to.equal(4 * MIB);
    const long = { totalLengthBytes: 4 * MIB, pieceLengthBytes: 4 * MIB, seed: 2 };
    expect(await codeOf(desk.begin(long))).to.equal('piece-too-large');
    expect(desk.engine.state.torrents.size).to.equal(1);
  });

  it('an end without errors is silent, whatever the storage keeps', async () => {
    for (const storage of [undefined, { module: 'memory' }, { module: 'own' }]) {
      const desk = new SimDesk();
      const torrent = await desk.add(SHORT, [0], { storage });
      void desk.control.remove(torrent.state.id, true);
      await desk.answerJobs();
      expect(desk.engine.state.torrents.size).to.equal(0);
      expect(desk.engine.logs).to.deep.equal([]);
    }
  });

  it('logs what the record says, and that the memory budget grew', async () => {
    const desk = new SimDesk({ settings: { memoryBytes: 4 * MIB } });
    const { engine } = desk;
    const logs: unknown[] = [];
    engine.log = (...log) => void logs.push(log);
    const { state } = await desk.begin(SHORT, [], ON_DISK);
    const record = { status: 'none', reason: 'there is no record' };
    const logged = ['info', 'resume record', { torrent: state.infoHash, ...record }];
    expect(logs.splice(0)).to.deep.equal([logged]);
    await desk.begin({ ...SHORT, seed: 2 });
    expect(logs, 'without a record').to.deep.equal([]);
    engine.state.budget.register = () => ({ grown: true, limitBytes: 99 });
    const grown = await desk.begin({ ...SHORT, seed: 3 });
    expect(logs).to.deep.equal([
      [
        'info',
        'the memory budget grew for long pieces',
        { torrent: grown.state.infoHash, limitBytes: 99 },
      ],
    ]);
  });

  it('begins with a piece that the dice choose', async () => {
    const first = new Set<number | undefined>();
    for (let seed = 1; seed <= 8; seed++) {
      const { desk, torrent } = await SimDesk.with(SHORT, { seed });
      const [lease] = desk.leases(desk.connect(torrent, { creditBlocks: 4 }));
      first.add(lease?.piece);
    }
    expect(first.size).to.be.greaterThan(1);
    expect([...first]).to.not.include(undefined);
  });

  describe('of a torrent that learnt it', () => {
    it('is done once, and not after a removal', async () => {
      const desk = new SimDesk();
      const { disk } = desk.engine;
      const unknown = await desk.addUnknown(SHORT, [], ON_DISK);
      const { metainfo, state } = unknown;
      const openings = disk.holdOpenings();
      for (let time = 0; time < 2; time++)
        desk.engine.happen({ type: 'metainfo', torrent: state, metainfo });
      await settled();
      expect(openings).to.have.length(1);
      openings[0]?.answer();
      await settled();
      desk.engine.happen({ type: 'metainfo', torrent: state, metainfo });
      await settled();
      expect(openings).to.have.length(1);
      expect(state.learnt).to.equal(undefined);
      disk.holdNothing();
      const gone = (await desk.addUnknown({ ...SHORT, seed: 2 })).state;
      await desk.control.remove(gone.id, false);
      desk.engine.happen({ type: 'metainfo', torrent: gone, metainfo });
      expect(gone.learnt).to.equal(undefined);
      expect(desk.engine.logs).to.deep.equal([]);
    });

    it('fails without an error while the engine closes', async () => {
      const desk = new SimDesk();
      const { metainfo, state } = await desk.addUnknown(SHORT, [], ON_DISK);
      const openings = desk.engine.disk.holdOpenings();
      desk.engine.happen({ type: 'metainfo', torrent: state, metainfo });
      await settled();
      const closed = desk.closeSlowly();
      openings[0]?.fail(new Error('no such folder'));
      await settled();
      expect(desk.engine.eventsOf('error')).to.deep.equal([]);
      desk.engine.disk.holdNothing();
      await closed();
    });

    it('was never done: a removal forgets what the storage keeps, if it keeps anything', async () => {
      for (const module of ['memory', 'own']) {
        const { desk, disk, closed } = deskWith(() => ({}));
        const made: string[] = [];
        disk.forgetMade = (list) => void made.push(list);
        const { state } = await desk.addUnknown(SHORT, [], { storage: { module } });
        await desk.control.remove(state.id, true);
        expect(closed(), 'once for metadata that may be there').to.equal(module === 'own' ? 2 : 0);
        expect(made).to.deep.equal([]);
        expect(desk.engine.logs).to.deep.equal([]);
      }
    });
  });
});
