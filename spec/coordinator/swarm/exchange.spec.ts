// Peer exchange (BEP 11) in the coordinator: the list of peers that sessions send, and the addresses that
// they receive.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import type { SimEngine } from '../../support/sim-engine';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const PRIVATE = { ...SHORT, private: true };

/** The peers in the last list, as `address:port/flags`. */
function listed(engine: SimEngine): string[] | undefined {
  const order = engine.ordersOf('swarm').at(-1);
  if (order === undefined) return undefined;
  const read = (bytes: Uint8Array, stride: number): string[] =>
    Array.from({ length: bytes.length / stride }, (_, n) => {
      const entry = Buffer.from(bytes.subarray(n * stride, (n + 1) * stride));
      const address = entry.subarray(0, stride - 3);
      const host = stride === 7 ? address.join('.') : address.toString('hex');
      return `${host}:${entry.readUInt16BE(stride - 3)}/${entry[stride - 1] ?? 0}`;
    });
  return [...read(order.ipv4, 7), ...read(order.ipv6, 19)];
}

function says(engine: SimEngine, connection: number, listenPort: number): void {
  engine.facts({ type: 'extended-handshake', connection, listenPort });
}

function sends(engine: SimEngine, connection: number, ...hosts: string[]): void {
  const added = hosts.map((host) => ({ host, port: 6881, isSeed: false }));
  engine.facts({ type: 'peer-exchange', connection, added, dropped: [] });
}

const dialled = (engine: SimEngine): string[] => engine.ordersOf('dial').map(({ host }) => host);

/** The torrent dials `host`, and the peer answers. */
async function dialTo(desk: SimDesk, torrent: DeskTorrent, host: string): Promise<number> {
  await desk.control.addPeers(torrent.state.id, [{ host, port: 7000 }]);
  const dial = desk.engine.ordersOf('dial').at(-1)?.dial ?? 0;
  const connection = desk.connect(torrent, { host, port: 7000, dial, have: [], unchoke: false });
  await settled();
  return connection;
}

describe('coordinator/exchange', () => {
  describe('the list of peers', () => {
    it('has dialled peers, incoming ones with their listening port, and flags', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      await dialTo(desk, torrent, '203.0.113.1');
      const incoming = desk.connect(torrent, { host: '2001:db8::1', have: 'all', unchoke: false });
      desk.connect(torrent, { host: '203.0.113.3', unchoke: false });
      says(engine, incoming, 6999);
      engine.pass(250);
      expect(listed(engine)).to.deep.equal([
        '203.0.113.1:7000/16',
        '20010db8000000000000000000000001:6999/2',
      ]);
    });

    it('is sent when a peer came or left, every 5 s at most, to each thread', async () => {
      const settings = { peerThreads: 2 };
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { settings });
      await dialTo(desk, torrent, '203.0.113.1');
      const second = await dialTo(desk, torrent, '203.0.113.2');
      engine.pass(250);
      expect(engine.ordersOf('swarm')).to.have.length(2);
      engine.takeOrders();
      await dialTo(desk, torrent, '203.0.113.3');
      engine.pass(4_500);
      expect(engine.ordersOf('swarm')).to.deep.equal([]);
      engine.pass(500);
      expect(listed(engine)).to.have.length(3);
      engine.takeOrders();
      engine.pass(60_000);
      expect(engine.ordersOf('swarm'), 'nothing has changed').to.deep.equal([]);
      desk.close(second);
      engine.pass(250);
      expect(listed(engine)).to.have.length(2);
    });

    it('is not sent for a single peer, and is empty when the last one has left', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const first = await dialTo(desk, torrent, '203.0.113.1');
      engine.pass(10_000);
      expect(engine.ordersOf('swarm')).to.deep.equal([]);
      const second = await dialTo(desk, torrent, '203.0.113.2');
      engine.pass(250);
      expect(listed(engine)).to.have.length(2);
      desk.close(first);
      desk.close(second);
      engine.pass(250);
      expect(listed(engine)).to.deep.equal([]);
    });

    it('is sent again when a thread was restarted', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { settings: { peerThreads: 2 } });
      for (const host of ['203.0.113.1', '203.0.113.2'])
        desk.connect(torrent, { host, thread: 0, unchoke: false });
      for (const { id } of torrent.state.peers) says(engine, id, 7000);
      engine.pass(250);
      desk.threadDies(1);
      desk.threadIsBack(1);
      engine.takeOrders();
      engine.pass(5_000);
      expect(listed(engine)).to.have.length(2);
    });

    it('has no peers of another torrent', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const other = await desk.add({ ...SHORT, seed: 9 });
      for (const n of [1, 2]) await dialTo(desk, torrent, `203.0.113.${n}`);
      for (const n of [3, 4]) await dialTo(desk, other, `203.0.113.${n}`);
      engine.pass(250);
      for (const { torrent: id, ipv4 } of engine.ordersOf('swarm')) {
        const last = [...ipv4].filter((_, at) => at % 7 === 3);
        expect(last).to.deep.equal(id === torrent.state.id ? [1, 2] : [3, 4]);
      }
    });
  });

  describe('received addresses', () => {
    it('are dialled, except our own and banned ones', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const peer = await dialTo(desk, torrent, '203.0.113.1');
      await desk.control.addPeers(torrent.state.id, [{ host: '203.0.113.2', port: 6881 }]);
      const dial = engine.ordersOf('dial').at(-1)?.dial ?? 0;
      engine.facts({ type: 'dial-failed', dial, reason: 'self-connection', detail: '' });
      await settled();
      const other = await desk.add({ ...SHORT, seed: 9 });
      const second = await dialTo(desk, other, '203.0.113.9');
      engine.takeOrders();
      sends(engine, second, '203.0.113.2', '203.0.113.3');
      expect(dialled(engine), 'known to be ours in every torrent').to.deep.equal(['203.0.113.3']);
      sends(engine, peer, '203.0.113.2');
      await desk.control.addPeers(other.state.id, [{ host: '203.0.113.2', port: 6881 }]);
      expect(dialled(engine)).to.deep.equal(['203.0.113.3']);
    });

    it('from one household count as those of one sender', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const hosts = Array.from({ length: 300 }, (_, n) => `203.0.${n >> 8}.${n & 255}`);
      for (const n of [1, 2, 3]) {
        const liar = desk.connect(torrent, { host: `2001:db8::${n}`, unchoke: false });
        sends(engine, liar, ...hosts.slice(100 * (n - 1), 100 * n));
      }
      expect(torrent.state.book.known).to.equal(100);
    });

    it('are ignored if they are reported after the end of the peer', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const peer = await dialTo(desk, torrent, '203.0.113.1');
      desk.close(peer);
      engine.takeOrders();
      sends(engine, peer, '203.0.113.3');
      expect(dialled(engine)).to.deep.equal([]);
    });
  });

  describe('a private torrent (BEP 27)', () => {
    it('sends no list, dials no received address, and opens as private', async () => {
      const { desk, engine, torrent } = await SimDesk.with(PRIVATE);
      expect(engine.ordersOf('open-torrent').map((order) => order.torrent.private)).to.deep.equal([
        true,
      ]);
      const peer = await dialTo(desk, torrent, '203.0.113.1');
      await dialTo(desk, torrent, '203.0.113.2');
      engine.takeOrders();
      sends(engine, peer, '203.0.113.3');
      engine.pass(10_000);
      expect(engine.ordersOf('swarm')).to.deep.equal([]);
      expect(dialled(engine)).to.deep.equal([]);
    });

    it('does not dial the listening port of an incoming peer that has left', async () => {
      for (const [options, expected] of [
        [PRIVATE, []],
        [SHORT, ['203.0.113.1']],
      ] as const) {
        const { desk, engine, torrent } = await SimDesk.with(options);
        const peer = desk.connect(torrent, { host: '203.0.113.1', unchoke: false });
        says(engine, peer, 7000);
        desk.close(peer);
        engine.pass(60_000);
        expect([...new Set(dialled(engine))]).to.deep.equal(expected);
      }
    });

    it('whose flag is known late removes exchanged addresses, and closes their peers', async () => {
      const desk = new SimDesk();
      const { engine } = desk;
      const torrent = await desk.addUnknown(PRIVATE);
      await desk.control.addPeers(torrent.state.id, [{ host: '203.0.113.1', port: 7000 }]);
      const dial = (): number => engine.ordersOf('dial').at(-1)?.dial ?? 0;
      const connect = (host: string, port: number): number =>
        desk.connect(torrent, { host, port, dial: dial(), unchoke: false });
      connect('203.0.113.1', 7000);
      const [first] = torrent.state.peers;
      sends(engine, first?.id ?? 0, '203.0.113.2');
      await settled();
      const second = connect('203.0.113.2', 6881);
      sends(engine, second, '203.0.113.3');
      await settled();
      const late = dial();
      engine.takeOrders();
      await desk.learn(torrent);
      expect(engine.ordersOf('torrent-private')).to.have.length(1);
      expect(engine.ordersOf('close')).to.deep.equal([
        { type: 'close', connection: second, reason: 'private-torrent' },
      ]);
      const third = desk.connect(torrent, {
        host: '203.0.113.3',
        port: 6881,
        dial: late,
        unchoke: false,
      });
      expect(engine.ordersOf('close', third).map(({ reason }) => reason)).to.deep.equal([
        'private-torrent',
      ]);
    });
  });
});
