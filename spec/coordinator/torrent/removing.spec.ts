// The removal of a torrent: what is deleted, in which order things are released, and what a failure
// on the way leaves.

import { expect } from 'chai';
import { removed } from '../../../lib/coordinator/torrent/removing';
import { SimDesk } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };

describe('coordinator: the removal of a torrent', () => {
  /** What is done on the disk, in its order. */
  async function removing() {
    const desk = new SimDesk();
    const { disk } = desk.engine;
    const done: string[] = [];
    const open = disk.openRecord.bind(disk);
    disk.openRecord = (state, shape) => {
      const record = open(state, shape);
      const save: typeof record.save = async (have, entry) => {
        await record.save(have, entry);
        done.push('save');
      };
      const remove = async (): Promise<void> => {
        done.push('remove');
        await record.remove();
      };
      return { ...record, save, remove };
    };
    disk.forgetMade = (list) => void done.push(`forget ${list.replace(/.*\./, '')}`);
    const torrent = await desk.add(SHORT, [], ON_DISK);
    done.length = 0;
    return { desk, engine: desk.engine, torrent, disk, done };
  }

  it('keeps the record, but not the list of files that a killed run would need', async () => {
    const { desk, torrent, done } = await removing();
    await desk.control.remove(torrent.state.id, false);
    expect(done).to.deep.equal(['save', 'forget made']);
  });

  it('deletes the record on request, after it was saved', async () => {
    const { desk, engine, torrent, done, disk } = await removing();
    await desk.control.remove(torrent.state.id, true);
    expect(done).to.deep.equal(['save', 'remove', 'forget made']);
    expect(disk.locks).to.deep.equal([]);
    expect(engine.state.torrents.size).to.equal(0);
    await removed(torrent.state);
    engine.happen({ type: 'remove', torrent: torrent.state, forget: true });
    await settled();
    expect(done, 'once').to.have.length(3);
  });

  it('rejects where the record cannot be deleted, and the torrent is gone all the same', async () => {
    const { desk, engine, torrent, disk } = await removing();
    disk.failing = { remove: new Error('read-only') };
    const reason: unknown = await desk.control.remove(torrent.state.id, true).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(String(reason)).to.include('read-only');
    expect(engine.state.torrents.size).to.equal(0);
    expect(disk.locks).to.deep.equal([]);
    await desk.add(SHORT, [], ON_DISK);
  });

  it('releases nothing before trackers were told', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const trackers = [['http://tracker.example/announce']];
    const torrent = await desk.add({ ...SHORT, trackers }, [], ON_DISK);
    const announces = engine.holdAnnounces();
    const handles = engine.handlesClosed;
    const gone = desk.control.remove(torrent.state.id, false);
    await settled();
    expect(torrent.state.life).to.include({ step: 'leaving' });
    expect(engine.disk.locks).to.have.length(1);
    expect(announces.map(({ event }) => event)).to.deep.equal(['stopped']);
    announces[0]?.answer();
    await gone;
    expect(torrent.state.life).to.include({ step: 'gone' });
    expect(engine.disk.locks).to.deep.equal([]);
    expect(engine.handlesClosed).to.be.greaterThan(handles);
    expect(engine.state.paths.size).to.equal(0);
  });

  it('keeps the error of a torrent that failed before', async () => {
    const { desk, engine, torrent } = await removing();
    engine.facts({
      type: 'read-failed',
      torrent: torrent.state.id,
      code: 'EIO',
      message: 'bad disk',
      path: 'sim-1.bin',
    });
    await settled();
    engine.logs.length = 0;
    await desk.control.remove(torrent.state.id, false);
    expect(torrent.state.life).to.deep.include({ forget: false }).and.have.property('error');
    expect('error' in torrent.state.life && torrent.state.life.error?.code).to.equal(
      'data-unreadable',
    );
  });
});
