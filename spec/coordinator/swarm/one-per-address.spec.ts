// Duplicates: one connection per peer id and, unless the user says otherwise, one per address; and
// which addresses are dialled first (BEP 40).

import { expect } from 'chai';
import type { EngineSettings } from '../../../lib/messages/control';
import { SimDesk } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import type { SimEngine } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const HOST = '203.0.113.1';

const desk = (settings: Partial<EngineSettings> = {}) => SimDesk.with(SHORT, { settings });
const closed = (engine: SimEngine): unknown[] =>
  engine.ordersOf('close').map(({ connection, reason }) => [connection, reason]);
const dialled = (engine: SimEngine): string[] =>
  engine.ordersOf('dial').map(({ host, port }) => `${host}:${port}`);

describe('coordinator: one connection per address', () => {
  it('refuses a second peer at the address of the first, of this torrent', async () => {
    const { desk: own, engine, torrent } = await desk();
    own.connect(torrent, { host: HOST, port: 1, unchoke: false });
    const second = own.connect(torrent, { host: HOST, port: 2, unchoke: false });
    expect(closed(engine)).to.deep.equal([[second, 'same-address']]);
    own.connect(torrent, { host: '203.0.113.2', unchoke: false });
    const other = await own.add({ ...SHORT, seed: 9 });
    own.connect(other, { host: HOST, port: 3, unchoke: false });
    expect(closed(engine)).to.have.length(1);
  });

  it('lets in a peer that restarted, in place of its last connection, once that is of no use', async () => {
    const { desk: own, engine, torrent } = await desk();
    const first = own.connect(torrent, { host: HOST, port: 1, have: [], unchoke: false });
    engine.pass(20_000);
    own.connect(torrent, { host: HOST, port: 2, have: [], unchoke: false });
    expect(closed(engine)).to.deep.equal([[first, 'gave-way']]);
  });

  it('does not count loopback, and nothing if the user allows more', async () => {
    for (const [host, multiplePerAddress] of [
      ['127.0.0.1', false],
      [HOST, true],
    ] as const) {
      const { desk: own, engine, torrent } = await desk({ multiplePerAddress });
      for (let port = 1; port <= 5; port++) own.connect(torrent, { host, port, unchoke: false });
      expect(closed(engine)).to.deep.equal([]);
    }
  });

  it('dials one port of an address at a time, and another one when that has failed', async () => {
    const { desk: own, engine, torrent } = await desk();
    const peers = [1, 2, 3].map((port) => ({ host: HOST, port }));
    await own.control.addPeers(torrent.state.id, peers);
    expect(dialled(engine)).to.deep.equal([`${HOST}:1`]);
    const [first] = engine.ordersOf('dial');
    engine.facts({
      type: 'dial-failed',
      dial: first?.dial ?? 0,
      reason: 'dial-failed',
      detail: '',
    });
    await settled();
    engine.takeOrders();
    engine.pass(60_000);
    expect(dialled(engine)).to.have.length(1);
  });

  it('does not dial another port of a peer that connected to us', async () => {
    const { desk: own, engine, torrent } = await desk();
    const peer = own.connect(torrent, { host: HOST, port: 50_000, unchoke: false });
    await own.control.addPeers(torrent.state.id, [{ host: HOST, port: 7000 }]);
    engine.pass(10 * 60_000);
    expect(dialled(engine)).to.deep.equal([]);
    own.close(peer);
    engine.pass(60_000);
    expect(dialled(engine)).to.deep.equal([`${HOST}:7000`]);
  });

  it('on loopback and if the user allows it, every port is dialled', async () => {
    for (const [host, multiplePerAddress] of [
      ['127.0.0.1', false],
      [HOST, true],
    ] as const) {
      const { desk: own, engine, torrent } = await desk({ multiplePerAddress });
      const peers = [1, 2, 3].map((port) => ({ host, port }));
      await own.control.addPeers(torrent.state.id, peers);
      expect(dialled(engine)).to.have.length(3);
    }
  });

  it('a peer that is connected over IPv4 is a duplicate over IPv6', async () => {
    const { desk: own, engine, torrent } = await desk();
    own.connect(torrent, { host: HOST, peerId: 'twin', unchoke: false });
    const second = own.connect(torrent, { host: '2001:db8::1', peerId: 'twin', unchoke: false });
    expect(closed(engine)).to.deep.equal([[second, 'duplicate-peer']]);
  });
});

describe('coordinator: canonical peer priority (BEP 40)', () => {
  it('orders addresses that are due since the same time, once we know our own address', async () => {
    const hosts = ['98.76.54.32', '203.0.113.7', '198.51.100.9', '192.0.2.200', '123.213.32.234'];
    const order = async (externalIp?: string): Promise<string[]> => {
      const {
        desk: own,
        engine,
        torrent,
      } = await SimDesk.with(SHORT, {
        settings: { maxHalfOpen: 1 },
      });
      if (externalIp !== undefined)
        engine.state.external.vote(Uint8Array.from(externalIp.split('.').map(Number)), 'tracker');
      await own.control.addPeers(
        torrent.state.id,
        hosts.map((host) => ({ host, port: 6881 })),
      );
      for (const _ of hosts) {
        const last = engine.ordersOf('dial').at(-1)?.dial ?? 0;
        engine.facts({ type: 'dial-failed', dial: last, reason: 'dial-failed', detail: '' });
        await settled();
        engine.pass(250);
      }
      return engine
        .ordersOf('dial')
        .map(({ host }) => host)
        .slice(0, hosts.length);
    };
    expect(await order()).to.deep.equal(hosts);
    const preferred = await order('123.213.32.10');
    expect(preferred).to.have.members(hosts).and.to.not.deep.equal(hosts);
    // ec2d7224 is higher than 99568189: the examples of the BEP.
    expect(preferred.indexOf('98.76.54.32')).to.be.below(preferred.indexOf('123.213.32.234'));
    expect(await order('123.213.32.10')).to.deep.equal(preferred);
  });

  it('takes our address from trackers that report it (BEP 24)', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    engine.answerAnnounce = async () => ({
      intervalSec: 1800,
      peers: [],
      externalIp: '123.213.32.10',
    });
    await desk.add({ ...SHORT, trackers: [['http://t.example/announce']] });
    await settled();
    expect([...(engine.state.external.of(4) ?? [])]).to.deep.equal([123, 213, 32, 10]);
  });
});
