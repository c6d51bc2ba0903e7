// The loop: happenings are handled one after the other, turns end, and an internal error stops
// neither.

import { expect } from 'chai';
import { SimDesk } from '../support/sim-desk';
import { ON_DISK } from '../support/sim-disk';
import { SimEngine, addRequest, settled } from '../support/sim-engine';
import { KIB, simTorrent } from '../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };

describe('coordinator/loop', () => {
  it('one fact that cannot be handled keeps no other from being handled, nor the turn from ending', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent, { creditBlocks: 4, have: [0] });
    const broken = { type: 'traffic', rows: undefined as unknown as number[] } as const;
    const { id } = torrent.state;
    engine.turn.stats.add(torrent.state);
    engine.events = [];
    engine.facts(broken, { type: 'traffic', rows: [peer, 1000, 0, 0] });
    expect(torrent.state.downloadedBytes).to.equal(1000);
    expect(engine.eventsOf('stats').map((event) => event.torrent)).to.deep.equal([id]);
    expect(engine.logs.splice(0).map(({ level }) => level)).to.deep.equal(['error']);
  });

  it('what happens while something is handled comes after it', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const dials = engine.holdDials();
    const peers = [1, 2].map((n) => ({ host: `10.9.0.${n}`, port: 7000 }));
    await desk.control.addPeers(torrent.state.id, peers);
    expect(dials).to.have.length(2);
    engine.order = (_thread, order) => {
      if (order.type !== 'dial') return;
      // In the middle of the first turn the second comes.
      void dials.pop()?.();
      seen.push(`dial ${order.dial} of ${engine.state.dials.size}`);
    };
    const seen: string[] = [];
    void dials.shift()?.();
    expect(seen).to.deep.equal(['dial 1 of 1', 'dial 2 of 2']);
  });

  it('announces the port on which peers can connect', async () => {
    const desk = new SimDesk();
    desk.engine.happen({ type: 'listening', port: 7_000 });
    await desk.add({ ...SHORT, trackers: [['http://t.example/']] });
    expect(desk.engine.announces.map(({ request }) => request.port)).to.deep.equal([7_000]);
  });

  it('counts and logs the death of a verify worker', () => {
    const engine = new SimEngine();
    engine.happen({ type: 'verify-thread-died', reason: 'out of memory' });
    engine.happen({ type: 'verify-thread-died', reason: 'out of memory' });
    expect(engine.state.threadRestarts).to.equal(2);
    const [log] = engine.logs;
    expect(log?.level).to.equal('error');
    expect(log?.message).to.match(/^a verify worker died.*out of memory/);
    expect(engine.logs).to.have.length(2);
  });

  it('has no figures of a torrent that is gone', () => {
    const engine = new SimEngine();
    engine.happen({ type: 'stats-wanted', torrent: 99 });
    expect(engine.events).to.deep.equal([]);
    expect(engine.logs).to.deep.equal([]);
  });

  it('logs a handler failure once, with its place', async () => {
    const { desk, engine } = await SimDesk.with(SHORT);
    desk.threadDies(0);
    engine.order = () => {
      throw new Error('a bug');
    };
    desk.threadIsBack(0);
    const logs = engine.logs.splice(0).map(({ message }) => message);
    expect(logs).to.have.length(1);
    expect(logs.join())
      .to.match(/^something that happened could not be handled/)
      .and.include('"what":"thread-restarted"')
      .and.include('Error: a bug')
      .and.include('loop.spec.ts');
  });

  it('goes on after the end of a turn that failed', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const { emit } = engine;
    engine.emit = () => {
      throw new Error('a bug');
    };
    engine.happen({ type: 'stats-wanted', torrent: torrent.state.id });
    engine.emit = emit;
    const logs = engine.logs.splice(0).map(({ message }) => message);
    expect(logs).to.have.length(1);
    expect(logs.join()).to.include('"what":"end of a turn"');
    expect(desk.stats(torrent).phase).to.equal('downloading');
  });

  it('a torrent whose removal meets a bug of ours is given back all the same', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    engine.disk.forgetMade = () => {
      throw new Error('a bug');
    };
    const removed = desk.control.remove(torrent.state.id, true);
    const error = await removed.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(String(error)).to.include('a bug');
    expect(engine.state.torrents.size).to.equal(0);
    expect(engine.disk.locks).to.deep.equal([]);
    expect(engine.logs.splice(0)).to.have.length(1);
  });

  it('… once only, though its record is deleted after that', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    const other = await desk.add({ ...SHORT, seed: 2 }, [], { ...ON_DISK, output: '/elsewhere' });
    const deletions = engine.disk.holdRemovals();
    const gone = desk.remove(torrent, true);
    const settledGone = gone.catch((error: unknown) => String(error));
    await settled();
    const peer = {
      port: 1,
      get host(): string {
        throw new Error('a bug');
      },
    };
    engine.happen({ type: 'add-peers', torrent: torrent.state, peers: [peer] });
    expect(engine.logs.splice(0)).to.have.length(1);
    expect(await settledGone).to.include('a bug');
    let released = 0;
    torrent.state.content.lock.release = () => void released++;
    deletions.splice(0).forEach((deletion) => deletion.answer());
    await settled();
    expect(released).to.equal(0);
    expect(torrent.state.life).to.include({ step: 'gone' });
    expect(engine.disk.locks).to.deep.equal([other.state.infoHash]);
  });

  it('a pause whose last job meets a bug of ours comes to rest all the same', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent, { creditBlocks: 4, have: [0] });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    const paused = desk.control.pause(torrent.state.id);
    engine.emit = (event) => {
      if (event.type === 'pieces') throw new Error('a bug');
    };
    await desk.answerJobs();
    await paused;
    expect(torrent.state.life).to.include({ phase: 'paused', step: 'rest' });
    expect(engine.logs.splice(0)).to.have.length(1);
  });

  it('… and one that meets a bug itself', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const { order } = engine;
    engine.order = (thread, message) => {
      if (message.type === 'close-torrent') throw new Error('a bug');
      order.call(engine, thread, message);
    };
    await desk.control.pause(torrent.state.id);
    expect(torrent.state.life).to.include({ phase: 'paused', step: 'rest' });
    expect(engine.logs.splice(0)).to.have.length(1);
  });

  it('a claim that cannot be released holds up neither a removal nor the loop', async () => {
    const desk = new SimDesk();
    desk.engine.disk.claimFiles = claimThatStays;
    const torrent = await desk.add(SHORT, [], ON_DISK);
    const other = await desk.add({ ...SHORT, seed: 2 });
    await desk.control.remove(torrent.state.id, false);
    expect([...desk.engine.state.torrents.values()]).to.deep.equal([other.state]);
    expect(desk.engine.disk.locks).to.deep.equal([]);
    const logs = desk.engine.logs.splice(0).map(({ message }) => message);
    expect(logs.join()).to.include('a claim of files could not be released').and.include('EROFS');
    await desk.control.pause(other.state.id);
    expect(desk.stats(other).phase).to.equal('paused');
  });

  it('… nor the lock of a torrent that could not be added', async () => {
    const desk = new SimDesk();
    desk.engine.disk.claimFiles = async () => {
      void desk.control.cancelAdd(7);
      return claimThatStays();
    };
    const { metainfo } = simTorrent(SHORT);
    const error = await desk.control.add(7, addRequest(metainfo, ON_DISK)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.have.property('code', 'aborted');
    expect(desk.engine.disk.locks).to.deep.equal([]);
    expect(desk.engine.logs.splice(0)).to.have.length(1);
  });
});

/** As on a disk that has become read-only. */
async function claimThatStays(): Promise<{ release(): void }> {
  return {
    release: () => {
      throw new Error('EROFS: read-only file system');
    },
  };
}
