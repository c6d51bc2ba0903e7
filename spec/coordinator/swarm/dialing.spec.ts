// Which addresses are dialled, how many at once, and by which thread.

import { expect } from 'chai';
import type { CloseReason } from '../../../lib/messages/close-reasons';
import { addPeersTo } from './dialing-helper';
import { SimDesk } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import type { SimEngine } from '../../support/sim-engine';
import { KIB, MIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };
const ALL = Array.from({ length: 16 }, (_, piece) => piece);
const PEER = { host: '10.4.0.1', port: 7000 };

/** The threads that dial, in order. */
const dialers = (engine: SimEngine): number[] =>
  engine.orders.filter(({ order }) => order.type === 'dial').map(({ thread }) => thread);

const refused = { type: 'dial-failed', reason: 'dial-failed', detail: 'refused' } as const;

describe('coordinator/dialing', () => {
  describe('a torrent that does not transfer dials nobody', () => {
    it('while it is paused; addresses that it gets meanwhile are dialled when it resumes', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      await desk.control.pause(torrent.state.id);
      await desk.control.addPeers(torrent.state.id, [PEER]);
      expect(engine.ordersOf('dial')).to.deep.equal([]);
      await desk.control.resume(torrent.state.id);
      await settled();
      expect(engine.ordersOf('dial').map(({ host }) => host)).to.deep.equal([PEER.host]);
    });

    it('once it is complete, where it is not to be seeded', async () => {
      const made = await SimDesk.with(SHORT, { good: ALL, request: { seed: false } });
      await made.desk.control.addPeers(made.torrent.state.id, [PEER]);
      expect(made.engine.ordersOf('dial')).to.deep.equal([]);
    });
  });

  describe('connections and dials in progress take the places', () => {
    it('of a torrent', async () => {
      const settings = { maxConnectionsPerTorrent: 4 };
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { settings });
      desk.connect(torrent, { have: [], unchoke: false });
      addPeersTo(engine, torrent, 2);
      expect(engine.ordersOf('dial')).to.have.length(2);
      addPeersTo(engine, torrent, 9);
      expect(engine.ordersOf('dial')).to.have.length(3);
      engine.pass(250);
      expect(engine.ordersOf('dial'), 'no peer is useless yet').to.have.length(3);
    });

    it('of the engine', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        settings: { maxConnections: 4 },
      });
      const other = await desk.add({ ...SHORT, seed: 2 });
      desk.connect(other, { have: [], unchoke: false });
      addPeersTo(engine, other, 2);
      addPeersTo(engine, torrent, 9);
      expect(engine.ordersOf('dial')).to.have.length(3);
    });

    it('a torrent with one free place dials once, however many peers of a full engine are useless', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        settings: { maxConnections: 4, maxConnectionsPerTorrent: 3 },
      });
      const other = await desk.add({ ...SHORT, seed: 2 });
      for (const each of [torrent, torrent, other, other])
        desk.connect(each, { have: [], unchoke: false });
      engine.clockMs += 60_000;
      addPeersTo(engine, torrent, 5);
      expect(engine.ordersOf('dial')).to.have.length(1);
    });
  });

  it('a full torrent dials at once when it gets an address and has a useless peer', async () => {
    const settings = { maxConnectionsPerTorrent: 1 };
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { settings });
    desk.connect(torrent, { have: [], unchoke: false });
    engine.clockMs += 60_000;
    await desk.control.addPeers(torrent.state.id, [PEER]);
    expect(engine.ordersOf('dial')).to.have.length(1);
  });

  it('when descriptors run out, no torrent dials for ten seconds; the log says so once', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const other = await desk.add({ ...SHORT, seed: 2 });
    addPeersTo(engine, torrent, 2);
    const shortage = { ...refused, reason: 'local-limit', detail: 'EMFILE' } as const;
    for (const { dial } of engine.ordersOf('dial')) engine.facts({ ...shortage, dial });
    await settled();
    expect(engine.logs).to.deep.equal([
      { level: 'warn', message: 'no peer can be dialled: EMFILE {"times":1}' },
    ]);
    engine.orders = [];
    await desk.control.addPeers(other.state.id, [PEER]);
    engine.pass(9_999);
    expect(engine.ordersOf('dial')).to.deep.equal([]);
    engine.pass(1);
    expect(engine.ordersOf('dial').map(({ host }) => host)).to.include(PEER.host);
  });

  describe('the thread that dials', () => {
    it('is the one with the fewest connections and dials', async () => {
      const settings = { peerThreads: 3 };
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { settings });
      for (const thread of [0, 0, 2]) desk.connect(torrent, { thread, have: [], unchoke: false });
      addPeersTo(engine, torrent, 4);
      expect(dialers(engine)).to.deep.equal([1, 1, 2, 0]);
    });

    it('is none while all are down; then the address is dialled by the first that is back', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { settings: { peerThreads: 2 } });
      desk.threadDies(0);
      desk.threadDies(1);
      await desk.control.addPeers(torrent.state.id, [PEER]);
      engine.pass(250);
      expect(dialers(engine)).to.deep.equal([]);
      expect(desk.stats(torrent).peers.dialing).to.equal(0);
      desk.threadIsBack(1);
      engine.pass(250);
      expect(dialers(engine)).to.deep.equal([1]);
    });
  });

  it('an address whose dial outlived a pause is not dialled while it is connected', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { settings: { maxHalfOpen: 1 } });
    await desk.control.addPeers(torrent.state.id, [PEER]);
    const [{ dial } = { dial: 0 }] = engine.ordersOf('dial');
    await desk.control.pause(torrent.state.id);
    await desk.control.resume(torrent.state.id);
    await settled();
    const peer = desk.connect(torrent, { ...PEER, dial });
    await settled();
    for (let n = 0; n < 10; n++) engine.pass(60_000);
    expect(engine.ordersOf('dial')).to.have.length(1);
    desk.close(peer, 'remote-closed', 1);
    engine.pass(2_500);
    expect(engine.ordersOf('dial')).to.have.length(2);
  });

  describe('an address whose connections failed before', () => {
    /** Three dials fail, a fourth connects and moves this much; how long the fifth is waited for. */
    async function redialAfter(bytes: {
      readonly downloadedBytes?: number;
      readonly uploadedBytes?: number;
    }): Promise<number> {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      await desk.control.addPeers(torrent.state.id, [PEER]);
      const last = (): number => engine.ordersOf('dial').at(-1)?.dial ?? 0;
      for (let n = 0; n < 3; n++) {
        engine.facts({ ...refused, dial: last() });
        await settled();
        engine.pass(60_000);
      }
      const connection = desk.connect(torrent, { ...PEER, dial: last(), have: [] });
      await settled();
      const count = engine.ordersOf('dial').length;
      engine.facts({
        type: 'closed',
        connection,
        reason: 'remote-closed',
        detail: '',
        downloadedBytes: 0,
        uploadedBytes: 0,
        ...bytes,
      });
      let waitedMs = 0;
      for (; engine.ordersOf('dial').length === count && waitedMs < 600_000; waitedMs += 500)
        engine.pass(500);
      return waitedMs;
    }

    it('is dialled again soon after one that moved payload, either way', async () => {
      for (const bytes of [{ downloadedBytes: 1 }, { uploadedBytes: 1 }])
        expect(await redialAfter(bytes), JSON.stringify(bytes)).to.be.within(2_000, 3_000);
    });

    it('has to wait longer after one that moved nothing', async () => {
      expect(await redialAfter({})).to.be.within(16_000, 20_500);
    });
  });

  describe('an address that could not be reached', () => {
    /** Milliseconds until it is dialled again, in steps of half a second. */
    async function redialled(reason: CloseReason, good: readonly number[]): Promise<number> {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good });
      await desk.control.addPeers(torrent.state.id, [PEER]);
      const [{ dial } = { dial: 0 }] = engine.ordersOf('dial');
      engine.facts({ ...refused, dial, reason });
      await settled();
      for (let ms = 500; ms <= 60_000; ms += 500) {
        engine.pass(500);
        if (engine.ordersOf('dial').length > 1) return ms;
      }
      return Infinity;
    }

    it('is dialled again after 2 s, by a seed after 8 s, each with a quarter of jitter', async () => {
      expect(await redialled('dial-failed', [])).to.be.within(2_000, 2_500);
      expect(await redialled('dial-failed', ALL)).to.be.within(8_000, 10_000);
    });

    it('is not where the peer serves another torrent', async () => {
      expect(await redialled('wrong-info-hash', [])).to.equal(Infinity);
    });
  });

  it('a seed dials another seed again after six hours, and a leecher after seconds', async () => {
    for (const [have, first, last] of [
      ['all', 6 * 60, 7.5 * 60],
      [[], 0, 1],
    ] as const) {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
      await desk.control.addPeers(torrent.state.id, [PEER]);
      const [{ dial } = { dial: 0 }] = engine.ordersOf('dial');
      const connection = desk.connect(torrent, { ...PEER, dial, have, unchoke: false });
      await settled();
      desk.close(connection);
      let minutes = 0;
      for (; engine.ordersOf('dial').length === 1 && minutes < 1_000; minutes++)
        engine.pass(60_000);
      expect(minutes, JSON.stringify(have)).to.be.within(first, last);
    }
  });
});
