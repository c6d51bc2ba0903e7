// A torrent whose content is not known yet: it finds and keeps peers, can be stopped in every way, and is
// checked and downloaded once its content is known.

import { expect } from 'chai';
import { removed } from '../../../lib/coordinator/torrent/removing';
import { Bitfield } from '../../../lib/bytes/bitfield';
import { SimDesk } from '../../support/sim-desk';
import type { UnknownTorrent } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { addRequest, settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const TRACKER = 'http://tracker.example/announce';
const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB, trackers: [[TRACKER]] };
const PEER = { host: '10.1.1.1', port: 6881 };
const EVERY_PIECE = [0, 1, 2, 3];

describe('coordinator: a torrent whose content is not known', () => {
  /** A peer connects: nothing of what it has is reported before the content is known. */
  function connect(desk: SimDesk, { state }: UnknownTorrent, dial?: number): number {
    const connection = 32 * (1 + desk.engine.state.peers.size);
    const origin = dial === undefined ? {} : { dial };
    desk.engine.facts({
      type: 'connected',
      connection,
      torrent: state.id,
      host: dial === undefined ? `10.0.0.${connection / 32}` : PEER.host,
      port: 6881,
      peerId: Buffer.from(`peer-${connection}`.padEnd(20, '.')),
      ...origin,
    });
    return connection;
  }

  /** What a session reports when its content is known. */
  function report(desk: SimDesk, connection: number): void {
    const bits = new Bitfield(EVERY_PIECE.length);
    bits.setAll();
    desk.engine.facts({ type: 'peer-bitfield', connection, bits: bits.bytes });
    desk.engine.facts({ type: 'peer-choke', connection, choked: false, epoch: 0 });
  }

  const started = (desk: SimDesk): (string | undefined)[] =>
    desk.engine.announces.map(({ request }) => request.event);

  it('is open on every thread, announces, dials and takes who comes', async () => {
    const desk = new SimDesk({ settings: { peerThreads: 2 } });
    const { engine } = desk;
    engine.answerAnnounce = async () => ({ intervalSec: 1800, peers: [PEER] });
    const torrent = await desk.addUnknown(SHORT, [], { peers: [{ host: '10.2.2.2', port: 1 }] });
    await settled();
    expect(torrent.state.phase).to.equal('metadata');
    const opened = engine.ordersOf('open-torrent').map((order) => order.torrent);
    const { infoHash } = torrent.metainfo;
    expect(opened).to.deep.equal(
      Array(2).fill({
        torrent: torrent.state.id,
        infoHash,
        private: false,
        uploadOnly: false,
        content: undefined,
      }),
    );
    expect(engine.ordersOf('dial').map(({ host }) => host)).to.deep.equal(['10.2.2.2', PEER.host]);
    const [announce] = engine.announces;
    expect(announce?.request).to.include({ event: 'started', leftBytes: 16 * KIB });
    expect(announce?.request.numWant).to.be.above(0);
    connect(desk, torrent);
    connect(desk, torrent, 2);
    engine.pass(60_000);
    expect(torrent.state.peers.size).to.equal(2);
    expect(engine.ordersOf('close')).to.deep.equal([]);
    expect(engine.eventsOf('stats').at(-1)?.stats, 'its figures').to.deep.include({
      phase: 'metadata',
      metadata: { receivedBytes: 0, totalBytes: undefined, peers: 0 },
      totalBytes: undefined,
      doneBytes: 0,
      pieceCount: undefined,
      piecesDone: 0,
    });
    expect(engine.logs).to.deep.equal([]);
  });

  it('downloads from the peers that it has, and goes on with its announces', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const unknown = await desk.addUnknown(SHORT);
    const early = [connect(desk, unknown), connect(desk, unknown)];
    const torrent = await desk.learn(unknown, early);
    expect(torrent.state.phase).to.equal('checking');
    expect(engine.ordersOf('torrent-content'), 'while it is checked').to.deep.equal([]);
    await desk.answerJobs();
    expect(torrent.state.phase).to.equal('downloading');
    const [content] = engine.ordersOf('torrent-content');
    expect(content?.content.have).to.equal(torrent.state.content.possession.haveBuffer);
    expect(content?.content.pieceCount).to.equal(4);
    for (const connection of early) report(desk, connection);
    expect(engine.ordersOf('interest').map(({ connection }) => connection)).to.deep.equal(early);
    for (const connection of early) desk.want(connection, 8);
    await desk.serveAll(...early);
    await desk.answerJobs();
    expect(Buffer.from(torrent.stored).equals(torrent.content)).to.equal(true);
    expect(torrent.state.phase).to.equal('seeding');
    expect(engine.eventsOf('complete')).to.have.length(1);
    expect(started(desk), 'one run to its trackers').to.deep.equal(['started', 'completed']);
    expect(engine.ordersOf('open-torrent'), 'one opening').to.have.length(1);
    expect(engine.memoryIsBack).to.equal(true);
  });

  it('announces no `completed` where all of it was there before', async () => {
    for (const seed of [true, false]) {
      const desk = new SimDesk();
      const unknown = await desk.addUnknown(SHORT, EVERY_PIECE, { seed });
      const early = connect(desk, unknown);
      const torrent = await desk.learn(unknown);
      await desk.answerJobs();
      expect(torrent.state.phase).to.equal(seed ? 'seeding' : 'complete');
      expect(desk.engine.eventsOf('complete')).to.have.length(1);
      await settled();
      expect(started(desk)).to.deep.equal(seed ? ['started'] : ['started', 'stopped']);
      const closed = desk.engine.ordersOf('close', early);
      expect(closed, 'its peer stays only with a seed').to.have.length(seed ? 0 : 1);
    }
  });

  it('rests without peers, and no longer once it is checked', async () => {
    const desk = new SimDesk();
    const unknown = await desk.addUnknown(SHORT);
    await settled();
    desk.engine.pass(5_000);
    expect(unknown.state.restUntilMs).to.be.a('number');
    await desk.learn(unknown);
    desk.engine.events = [];
    desk.engine.pass(250);
    expect(desk.engine.eventsOf('stats')[0]?.stats.phase).to.equal('checking');
  });

  it('a thread that begins anew gets what is known by then', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const unknown = await desk.addUnknown(SHORT);
    const again = (): unknown[] => {
      engine.takeOrders();
      desk.threadDies(0);
      desk.threadIsBack(0);
      return engine.ordersOf('open-torrent').map((order) => order.torrent.content?.pieceCount);
    };
    expect(again()).to.deep.equal([undefined]);
    await desk.learn(unknown);
    await desk.answerJobs();
    expect(again()).to.deep.equal([4]);
  });

  it('is added once, and another time once it is removed', async () => {
    const desk = new SimDesk();
    const torrent = await desk.addUnknown(SHORT);
    const twice = await desk.control.add(9, addRequest(torrent.metainfo)).catch((error) => error);
    expect(twice).to.have.property('code', 'already-added');
    await desk.remove(torrent);
    expect(started(desk)).to.deep.equal(['started', 'stopped']);
    expect(desk.engine.state.torrents.size).to.equal(0);
    const added = await desk.add(SHORT);
    expect(added.state.phase).to.equal('downloading');
  });

  it('is paused and resumed, with its swarm left and joined', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const unknown = await desk.addUnknown(SHORT);
    const early = connect(desk, unknown);
    await desk.control.pause(unknown.state.id);
    expect(unknown.state.life).to.include({ phase: 'paused', step: 'rest' });
    expect(engine.ordersOf('close', early)).to.have.length(1);
    expect(engine.ordersOf('close-torrent')).to.have.length(1);
    desk.close(early, 'torrent-closed');
    await desk.control.resume(unknown.state.id);
    await settled();
    expect(unknown.state.phase).to.equal('metadata');
    expect(engine.ordersOf('open-torrent')).to.have.length(2);
    expect(started(desk)).to.deep.equal(['started', 'stopped', 'started']);
    await desk.learn(unknown);
    await desk.answerJobs();
    expect(unknown.state.phase).to.equal('downloading');
  });

  describe('while its output is opened', () => {
    /** Its metainfo came; what its lock does is up to the spec. */
    async function opening(): Promise<{
      readonly desk: SimDesk;
      readonly unknown: UnknownTorrent;
      readonly proceed: () => Promise<void>;
      readonly fail: (error: Error) => Promise<void>;
    }> {
      const desk = new SimDesk();
      const unknown = await desk.addUnknown(SHORT, [], ON_DISK);
      const { disk } = desk.engine;
      const { checkOutput } = disk;
      let settle: { done(): void; fail(error: Error): void } | undefined;
      const gate = new Promise<void>((done, fail) => (settle = { done, fail }));
      disk.checkOutput = async (...look) => gate.then(() => checkOutput.apply(disk, look));
      const { state: torrent, metainfo } = unknown;
      desk.engine.happen({ type: 'metainfo', torrent, metainfo });
      await settled();
      expect(torrent.phase).to.equal('metadata');
      const after = async (): Promise<void> => {
        disk.checkOutput = checkOutput;
        await settled();
      };
      return {
        desk,
        unknown,
        proceed: () => (settle?.done(), after()),
        fail: (error) => (settle?.fail(error), after()),
      };
    }

    it('a pause waits for it, and the next run has the content', async () => {
      const { desk, unknown, proceed } = await opening();
      const paused = desk.control.pause(unknown.state.id);
      await settled();
      expect(unknown.state.life).to.include({ phase: 'paused', step: 'settling' });
      await proceed();
      await paused;
      expect(desk.engine.ordersOf('torrent-content'), 'no thread has it open').to.deep.equal([]);
      expect(desk.engine.disk.records).to.deep.equal(['open']);
      await desk.control.resume(unknown.state.id);
      await settled();
      expect(unknown.state.phase).to.equal('checking');
      await desk.remove(unknown);
      expect(desk.engine.disk.locks).to.deep.equal([]);
    });

    it('a removal waits for it, and leaves no lock', async () => {
      const { desk, unknown, proceed } = await opening();
      const gone = removed(unknown.state);
      desk.engine.happen({ type: 'remove', torrent: unknown.state, forget: false });
      await settled();
      expect(desk.engine.state.torrents.size).to.equal(1);
      await proceed();
      await gone;
      expect(desk.engine.disk.locks).to.deep.equal([]);
      expect(desk.engine.state.torrents.size).to.equal(0);
      expect(desk.engine.state.paths.size).to.equal(0);
    });

    it('metainfo that comes once more is not opened twice', async () => {
      const { desk, unknown, proceed } = await opening();
      const { state: torrent, metainfo } = unknown;
      desk.engine.happen({ type: 'metainfo', torrent, metainfo });
      await proceed();
      desk.engine.happen({ type: 'metainfo', torrent, metainfo });
      await desk.answerJobs();
      expect(desk.engine.disk.locks).to.have.length(1);
      expect(desk.engine.ordersOf('torrent-content')).to.have.length(1);
    });

    it('an error stops it, and a resume begins where it was', async () => {
      const { desk, unknown, fail } = await opening();
      const early = connect(desk, unknown);
      await fail(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }));
      const { state } = unknown;
      expect(state.life).to.include({ phase: 'failed', step: 'rest' });
      const [stopped] = desk.engine.eventsOf('error');
      expect(stopped?.error.code).to.equal('ENOSPC');
      expect(stopped?.error.message).to.not.include('missing');
      desk.engine.logs.length = 0;
      expect(desk.engine.ordersOf('close', early)).to.have.length(1);
      desk.close(early, 'torrent-failed');
      await desk.control.resume(state.id);
      expect(state.phase).to.equal('metadata');
      await desk.learn(unknown);
      expect(state.phase).to.equal('checking');
    });
  });
});
