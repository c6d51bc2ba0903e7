// The metainfo of a torrent is learnt: it is kept until its output is open, whatever stops the
// torrent or fails, and a removal leaves nothing behind.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { SYSTEM_DISK } from '../../../lib/coordinator/outlets/disk';
import type { Disk } from '../../../lib/coordinator/outlets/disk';
import { acquireLock } from '../../../lib/storage/lock';
import { codeOf } from '../../support/code-of';
import { SimDesk } from '../../support/sim-desk';
import type { UnknownTorrent } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import type { Held } from '../../support/sim-disk';
import { addRequest, settled } from '../../support/sim-engine';
import { KIB, simTorrent } from '../../support/sim-torrent';
import { useTempFolder } from '../../storage/temp';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const LOCKED = Object.assign(new Error('process 77 is at work there'), { code: 'output-locked' });

describe('coordinator: learnt metainfo', () => {
  /** A torrent on disk of which nothing is known, and the opening of its output, which waits. */
  async function waiting(): Promise<{
    desk: SimDesk;
    unknown: UnknownTorrent;
    openings: Held<void>[];
    learn: () => Promise<void>;
  }> {
    const desk = new SimDesk();
    const unknown = await desk.addUnknown(SHORT, [], ON_DISK);
    const openings = desk.engine.disk.holdOpenings();
    const learn = async (): Promise<void> => {
      const { state: torrent, metainfo } = unknown;
      desk.engine.happen({ type: 'metainfo', torrent, metainfo });
      await settled();
    };
    return { desk, unknown, openings, learn };
  }

  const take = (openings: Held<void>[]): Held<void> => {
    const [opening, ...others] = openings.splice(0);
    expect(others).to.have.length(0);
    if (opening === undefined) throw new Error('nothing is being opened');
    return opening;
  };

  it('of another torrent is dropped, and the right one is opened after it', async () => {
    const { desk, unknown, openings, learn } = await waiting();
    const { metainfo } = simTorrent({ ...SHORT, seed: 9 });
    desk.engine.happen({ type: 'metainfo', torrent: unknown.state, metainfo });
    await settled();
    expect(openings).to.have.length(0);
    expect(desk.engine.logs.splice(0).map(({ message }) => message)).to.match(/another torrent/);
    await learn();
    take(openings).answer();
    await settled();
    expect(unknown.state.phase).to.equal('checking');
    expect(unknown.state.content?.metainfo.infoHash).to.deep.equal(unknown.metainfo.infoHash);
  });

  it('is known to the app before it is checked, and also if its output cannot be opened', async () => {
    const { desk, unknown, openings, learn } = await waiting();
    const { metainfo } = unknown;
    const known = { type: 'metadata', torrent: unknown.state.id, metainfo };
    const kinds = (): string[] =>
      desk.engine.events.map((event) => {
        const phase = event.type === 'stats' ? ` ${event.stats.phase}` : '';
        return event.type + phase;
      });
    desk.engine.events = [];
    await learn();
    expect(kinds(), 'its files may get other names').to.deep.equal([]);
    take(openings).fail(LOCKED);
    await settled();
    expect(desk.engine.eventsOf('metadata')).to.deep.equal([known]);
    expect(kinds()).to.deep.equal(['metadata', 'error', 'stats failed']);
    desk.engine.logs.length = 0;
    await desk.control.resume(unknown.state.id);
    desk.engine.events = [];
    take(openings).answer();
    await settled();
    expect(desk.engine.eventsOf('metadata')).to.deep.equal([known]);
    expect(kinds().slice(0, 2)).to.deep.equal(['metadata', 'stats checking']);
    const [figures] = desk.engine.eventsOf('stats');
    expect(figures?.stats.metadata, 'it is known').to.equal(undefined);
  });

  it('is opened again by a resume after an error, without being learnt again', async () => {
    const { desk, unknown, openings, learn } = await waiting();
    const { state } = unknown;
    await learn();
    take(openings).fail(LOCKED);
    await settled();
    expect(state.phase).to.equal('failed');
    desk.engine.logs.length = 0;
    expect(openings, 'it is stopped').to.have.length(0);
    await desk.control.resume(state.id);
    expect(state.phase).to.equal('metadata');
    take(openings).answer();
    await settled();
    expect(state.phase).to.equal('checking');
    expect(state.learnt, 'its content has it').to.equal(undefined);
    expect(desk.engine.eventsOf('error')).to.have.length(1);
  });

  it('keeps the error that came while it was paused, and is opened by the resume', async () => {
    const { desk, unknown, openings, learn } = await waiting();
    const { state } = unknown;
    await learn();
    const paused = desk.control.pause(state.id);
    take(openings).fail(LOCKED);
    await paused;
    expect(state.life).to.deep.include({
      phase: 'paused',
      step: 'rest',
      error: { code: 'output-locked', message: LOCKED.message },
    });
    expect(desk.engine.logs.splice(0).map(({ message }) => message)).to.match(/output-locked/);
    expect(desk.engine.eventsOf('error'), 'it was stopped by its user').to.deep.equal([]);
    await desk.control.resume(state.id);
    take(openings).fail(LOCKED);
    await settled();
    expect(state.phase).to.equal('failed');
    expect(desk.engine.eventsOf('error')).to.have.length(1);
    desk.engine.logs.length = 0;
  });

  it('that comes to a paused torrent is opened by its next run', async () => {
    const { desk, unknown, openings, learn } = await waiting();
    const { state } = unknown;
    await desk.control.pause(state.id);
    await learn();
    expect(openings).to.have.length(0);
    await desk.control.resume(state.id);
    take(openings).answer();
    await settled();
    expect(state.phase).to.equal('checking');
  });

  it('is opened once, though the torrent is paused and resumed meanwhile', async () => {
    const { desk, unknown, openings, learn } = await waiting();
    const { state } = unknown;
    await learn();
    const paused = desk.control.pause(state.id);
    await desk.control.resume(state.id);
    await paused;
    take(openings).answer();
    await settled();
    expect(state.life).to.include({ phase: 'checking', inSwarm: true });
    expect(desk.engine.disk.looks, 'the record was loaded a moment ago').to.equal(0);
    expect(desk.engine.disk.locks).to.have.length(1);
    await desk.answerJobs();
    expect(state.phase).to.equal('downloading');
  });

  it('whose output was opened during a pause is compared with the disk before it is checked', async () => {
    const { desk, unknown, openings, learn } = await waiting();
    await learn();
    const paused = desk.control.pause(unknown.state.id);
    take(openings).answer();
    await paused;
    await desk.control.resume(unknown.state.id);
    await settled();
    expect(desk.engine.disk.looks).to.equal(1);
  });

  it('leaves no lock where a removal meets a bug of ours while the output is opened', async () => {
    const { desk, unknown, openings, learn } = await waiting();
    const { state: torrent } = unknown;
    const { engine } = desk;
    await learn();
    const gone = desk.remove(unknown);
    const nobody = undefined as never;
    engine.happen({ type: 'add-peers', torrent, peers: [nobody] });
    expect(engine.logs.splice(0)).to.have.length(1);
    await settled();
    expect(engine.state.torrents.size, 'what is opened must be closed').to.equal(1);
    take(openings).answer();
    await gone;
    expect(engine.disk.locks).to.deep.equal([]);
    expect(engine.state.paths.size).to.equal(0);
    expect(engine.state.torrents.size).to.equal(0);
  });

  it('whose opening fails while the engine closes is no error', async () => {
    const { desk, unknown, openings, learn } = await waiting();
    const { engine } = desk;
    await learn();
    const [opening] = openings;
    // The engine waits for what is being added before it removes torrents.
    const { metainfo } = simTorrent({ ...SHORT, seed: 9 });
    const adding = codeOf(desk.control.add(9, addRequest(metainfo, ON_DISK)));
    await settled();
    const closed = desk.control.close();
    opening?.fail(LOCKED);
    await settled();
    expect(unknown.state.phase).to.equal('metadata');
    openings[1]?.answer();
    await closed;
    expect(await adding).to.equal('closed');
    expect(engine.eventsOf('error')).to.deep.equal([]);
    expect(engine.state.torrents.size).to.equal(0);
    expect(engine.disk.locks).to.deep.equal([]);
  });

  for (const download of [true, false])
    it(`is opened as its app wished, ${download ? 'to be downloaded' : 'only to be served'}`, async () => {
      const desk = new SimDesk();
      const { disk } = desk.engine;
      const { checkOutput } = disk;
      const looks: unknown[] = [];
      const look: Disk['checkOutput'] = (root, files, options) => {
        looks.push({ root, ...options });
        return checkOutput.call(disk, root, files);
      };
      Object.assign(disk, { checkOutput: look });
      const wish = { ...ON_DISK, output: '/there', force: true, followLinks: true, download };
      const { state } = await desk.learn(await desk.addUnknown(SHORT, [], wish));
      const { force, followLinks } = wish;
      expect(looks).to.deep.equal([{ root: '/there', force, followLinks, readOnly: !download }]);
      const { key, root, made } = state.content.storage;
      expect({ key, root }).to.deep.equal({ key: `${state.id}:${state.infoHash}`, root: '/there' });
      const list = path.join('/there', '.millrace', `${state.infoHash}.made`);
      expect(made).to.equal(download ? list : undefined);
    });

  it('of a torrent in memory looks at no folder', async () => {
    const desk = new SimDesk();
    desk.engine.disk.checkOutput = () => Promise.reject(new Error('a look'));
    const { state } = await desk.learn(await desk.addUnknown(SHORT));
    expect(state.content.storage.made).to.equal(undefined);
  });

  describe('a removal that forgets, before it came', () => {
    const temp = useTempFolder();

    /** An unknown torrent at a real folder. */
    async function atFolder(): Promise<{ desk: SimDesk; unknown: UnknownTorrent; file: string }> {
      const desk = new SimDesk();
      const { disk } = desk.engine;
      const { openState, statFiles, forgetMade } = SYSTEM_DISK;
      Object.assign(disk, { openState, statFiles, forgetMade });
      const output = path.join(temp(), 'output');
      const unknown = await desk.addUnknown(SHORT, [], { ...ON_DISK, output });
      const file = path.join(output, '.millrace', unknown.state.infoHash);
      return { desk, unknown, file };
    }

    function leave(file: string, ...kinds: readonly string[]): void {
      mkdirSync(path.dirname(file), { recursive: true });
      for (const kind of [...kinds, 'other']) writeFileSync(`${file}.${kind}`, 'left');
    }

    for (const kinds of [['resume', 'made', 'info'], ['resume'], ['made'], ['info']])
      it(`deletes what an earlier run left: ${kinds.join(', ')}`, async () => {
        const { desk, unknown, file } = await atFolder();
        leave(file, ...kinds);
        await desk.control.remove(unknown.state.id, true);
        expect(readdirSync(path.dirname(file))).to.deep.equal([`${unknown.state.infoHash}.other`]);
      });

    it('leaves it where it is not to forget', async () => {
      const { desk, unknown, file } = await atFolder();
      leave(file, 'resume', 'made');
      await desk.control.remove(unknown.state.id, false);
      expect(readdirSync(path.dirname(file))).to.have.length(3);
    });

    it('makes no folder where there is nothing', async () => {
      const { desk, unknown, file } = await atFolder();
      await desk.control.remove(unknown.state.id, true);
      expect(existsSync(path.dirname(path.dirname(file)))).to.equal(false);
    });

    it('touches nothing of another engine, and says so', async () => {
      const { desk, unknown, file } = await atFolder();
      leave(file, 'resume', 'made');
      const output = path.dirname(path.dirname(file));
      const lock = acquireLock(output, unknown.metainfo.infoHash);
      expect(await codeOf(desk.control.remove(unknown.state.id, true))).to.equal('output-locked');
      expect(readdirSync(path.dirname(file))).to.have.length(4);
      expect(desk.engine.state.torrents.size, 'it is gone from this engine').to.equal(0);
      lock.release();
    });

    it('asks a back end without files, too', async () => {
      const desk = new SimDesk();
      const calls: string[] = [];
      const call = (name: string) => (): undefined => void calls.push(name);
      desk.engine.disk.forgetMade = call('forget');
      desk.engine.disk.openState = async () => ({
        lock: () => (calls.push('lock'), { release: call('release') }),
        load: call('load'),
        save: call('save'),
        remove: call('remove'),
        stat: () => [],
        close: call('close'),
      });
      const unknown = await desk.addUnknown(SHORT);
      await desk.control.remove(unknown.state.id, true);
      // The first one: no metadata was kept there.
      expect(calls).to.deep.equal(['close', 'lock', 'remove', 'release', 'close']);
    });

    it('has nothing to do where nothing is kept', async () => {
      const desk = new SimDesk();
      const unknown = await desk.addUnknown(SHORT);
      await desk.control.remove(unknown.state.id, true);
      expect(desk.engine.state.torrents.size).to.equal(0);
    });
  });
});
