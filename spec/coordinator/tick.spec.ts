// What a tick does for a torrent: it shares memory, waits for a free place, and goes on while work
// of the torrent is out.

import { expect } from 'chai';
import { closePeer } from '../../lib/coordinator/swarm/peer-orders';
import { SimDesk } from '../support/sim-desk';
import type { DeskTorrent } from '../support/sim-desk';
import { settled } from '../support/sim-engine';
import type { SimEngine } from '../support/sim-engine';
import { KIB } from '../support/sim-torrent';

const PIECE = 64 * KIB;
const TORRENT = { totalLengthBytes: 16 * PIECE, pieceLengthBytes: PIECE };
const TINY = { totalLengthBytes: KIB, pieceLengthBytes: 16 * KIB };
const ALL = Array.from({ length: 16 }, (_, piece) => piece);
const PEER = { host: '10.4.0.1', port: 7000 };

/** Ticks four times a second, as the engine asks where it is busy. */
async function passQuarters(engine: SimEngine, ms: number): Promise<void> {
  for (let n = 0; n < ms / 250; n++) {
    engine.pass(250);
    await settled();
  }
}

const dialled = (engine: SimEngine): string[] => engine.ordersOf('dial').map(({ host }) => host);

describe('coordinator/tick', () => {
  describe('memory for a piece is kept for another torrent', () => {
    /** Pieces that a torrent may start in memory for four, beside this other one. */
    async function piecesBeside(
      act: (desk: SimDesk, other: DeskTorrent) => void,
      good: readonly number[] = [],
    ): Promise<number> {
      const settings = { memoryBytes: 4 * PIECE };
      const { desk, engine, torrent } = await SimDesk.with(TORRENT, { settings });
      const other = await desk.add({ ...TORRENT, seed: 2 }, good);
      act(desk, other);
      engine.pass(250);
      const peer = desk.connect(torrent, { creditBlocks: 64 });
      return new Set(desk.leases(peer).map(({ piece }) => piece)).size;
    }

    it('while a source serves it', async () => {
      expect(await piecesBeside((desk, other) => void desk.connect(other))).to.equal(3);
    });

    it('not while it has no source, or all choke us', async () => {
      expect(await piecesBeside(() => undefined)).to.equal(4);
      const choking = piecesBeside((desk, other) => {
        const peer = desk.connect(other);
        desk.engine.facts({ type: 'peer-choke', connection: peer, choked: true, epoch: 1 });
      });
      expect(await choking).to.equal(4);
    });

    it('not for a source that is closed, or has nothing that we lack', async () => {
      const closed = piecesBeside((desk, other) =>
        closePeer(desk.engine, desk.peer(desk.connect(other)), 'idle-timeout'),
      );
      expect(await closed).to.equal(4);
      const useless = piecesBeside((desk, other) => void desk.connect(other, { have: [0] }), [0]);
      expect(await useless).to.equal(4);
    });

    it('not once it is whole', async () => {
      const whole = piecesBeside((desk, other) => void desk.connect(other, { have: [] }), ALL);
      expect(await whole).to.equal(4);
    });
  });

  describe('a torrent that is held up by the limit of all connections', () => {
    /** It waits beside a torrent whose peer has the only place. */
    async function heldUp(more = 0, trackers: readonly (readonly string[])[] = []) {
      const settings = { maxConnections: 1 };
      const { desk, engine, torrent: full } = await SimDesk.with(TORRENT, { settings });
      const connection = desk.connect(full, { have: [], unchoke: false });
      const torrent = await desk.add({ ...TORRENT, seed: 2, trackers });
      for (let n = 0; n < more; n++) await desk.add({ ...TINY, seed: 3 + n });
      await passQuarters(engine, 2_000);
      return { desk, engine, torrent, free: () => desk.close(connection) };
    }

    /** Milliseconds until it dials, with ticks four times a second. */
    async function untilDialled(engine: SimEngine): Promise<number> {
      for (let ms = 250; ms <= 5_000; ms += 250) {
        engine.pass(250);
        if (dialled(engine).includes(PEER.host)) return ms;
      }
      return Infinity;
    }

    it('tries once a second, and sends no figures', async () => {
      const { desk, engine, torrent, free } = await heldUp();
      await desk.control.addPeers(torrent.state.id, [PEER]);
      engine.pass(250); // It looks, and waits from now on.
      engine.events = [];
      await passQuarters(engine, 2_000);
      const figures = engine.eventsOf('stats').filter(({ torrent: id }) => id === torrent.state.id);
      expect(figures).to.deep.equal([]);
      free();
      expect(await untilDialled(engine)).to.equal(1_000);
    });

    it('tries less often if there are very many: 200 a second', async () => {
      const { desk, engine, torrent, free } = await heldUp(298);
      await desk.control.addPeers(torrent.state.id, [PEER]);
      engine.pass(250);
      free();
      expect(await untilDialled(engine)).to.equal(1_500);
    });

    it('asks no tracker meanwhile, and does once there is room', async () => {
      const { engine, free } = await heldUp(0, [['http://a.example/announce']]);
      await passQuarters(engine, 120_000);
      expect(engine.announces).to.have.length(1);
      free();
      await passQuarters(engine, 1_250);
      expect(engine.announces).to.have.length(2);
    });
  });

  it('a tracker is not asked for more while addresses wait to be dialled', async () => {
    const trackers = [['http://a.example/announce']];
    const desk = new SimDesk();
    const { engine } = desk;
    const torrent = await desk.add({ ...TORRENT, trackers }, [], { peers: [PEER] });
    // Each dial fails for lack of descriptors, so the next address has to wait.
    let failed = 0;
    for (let quarter = 0; quarter < 4 * 70; quarter++) {
      for (const { dial } of engine.ordersOf('dial').slice(failed)) {
        failed++;
        const another = { ...PEER, port: PEER.port + failed };
        await desk.control.addPeers(torrent.state.id, [another]);
        engine.facts({ type: 'dial-failed', dial, reason: 'local-limit', detail: '' });
      }
      await passQuarters(engine, 250);
    }
    engine.logs.length = 0;
    expect(failed).to.be.above(5);
    expect(engine.announces).to.have.length(1);
  });

  it('a complete torrent that is not seeded rests, though it knows addresses', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT, {
      good: ALL,
      request: { seed: false },
    });
    await desk.control.addPeers(torrent.state.id, [PEER]);
    await desk.answerJobs();
    await passQuarters(engine, 5_000);
    expect(engine.tickAtMs).to.equal(Infinity);
  });

  describe('goes on, although the last peer is gone,', () => {
    /** A peer has brought these pieces, which wait for their verify jobs, and is gone. */
    async function brought(...pieces: readonly number[]) {
      const { desk, engine, torrent } = await SimDesk.with(TORRENT);
      const peer = desk.connect(torrent, { have: pieces, creditBlocks: 4 * pieces.length });
      for (const lease of desk.leases(peer)) desk.deliver(lease);
      desk.close(peer);
      await settled();
      return { desk, engine, torrent };
    }

    it('while a piece is verified, so that it is synced in time', async () => {
      const { desk, engine, torrent } = await brought(0);
      const { durability } = torrent.state.content.possession;
      await passQuarters(engine, 10_000);
      expect(engine.tickAtMs).to.be.below(Infinity);
      await desk.answerJobs();
      await passQuarters(engine, 2_500);
      await desk.answerJobs();
      expect(durability.durable.count()).to.equal(1);
    });

    it('until the app and the peers know every piece', async () => {
      const { desk, engine } = await brought(0);
      await desk.answerJobs();
      const [torrent] = desk.torrents.values();
      if (torrent === undefined) throw new Error('no torrent');
      const peer = desk.connect(torrent, { have: [1], creditBlocks: 4 });
      for (const lease of desk.leases(peer)) desk.deliver(lease);
      desk.close(peer);
      engine.clockMs += 10; // Too soon after the last news.
      await desk.answerJobs();
      const had = () => engine.ordersOf('have').flatMap(({ pieces }) => pieces);
      expect(had()).to.deep.equal([0]);
      engine.pass(Math.max(0, engine.tickAtMs - engine.nowMs()) + 250);
      expect(had()).to.deep.equal([0, 1]);
    });
  });

  it('goes on while stored data is checked, with figures four times a second', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const torrent = await desk.begin(TORRENT);
    engine.events = [];
    await passQuarters(engine, 1_000);
    const figures = engine.eventsOf('stats').filter(({ torrent: id }) => id === torrent.state.id);
    expect(figures.map(({ stats }) => stats.phase)).to.deep.equal(Array(4).fill('checking'));
  });
});
