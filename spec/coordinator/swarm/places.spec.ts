// Places of a torrent and of the engine, when all are taken: what a flood gets, and which peers are
// closed.

import { expect } from 'chai';
import { uselessSinceMs } from '../../../lib/coordinator/swarm/places';
import { closePeer } from '../../../lib/coordinator/swarm/peer-orders';
import { SESSION_LIMIT } from '../../../lib/messages/account';
import type { EngineSettings } from '../../../lib/messages/control';
import { addPeersTo } from './dialing-helper';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { KIB, MIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };
const ALL = Array.from({ length: 16 }, (_, piece) => piece);
const ATTACKER = '192.0.2.66';

/** A seed with that many places; each connection ordered to close does so. */
function seedWith(settings: Partial<EngineSettings>): ReturnType<typeof SimDesk.with> {
  return SimDesk.with(SHORT, { good: ALL, settings: { multiplePerAddress: true, ...settings } });
}

/** Connects, and closes the connections ordered to close; returns whether the newcomer stays. */
function comes(desk: SimDesk, torrent: DeskTorrent, host: string): boolean {
  const connection = desk.connect(torrent, { host, have: [], unchoke: false });
  for (const { connection: gone, reason } of desk.engine.ordersOf('close'))
    if (desk.engine.state.peers.has(gone)) desk.close(gone, reason);
  return desk.engine.state.peers.has(connection);
}

const countOf = (desk: SimDesk, host: string): number =>
  [...desk.engine.state.peers.values()].filter((peer) => peer.host === host).length;

describe('coordinator/places', () => {
  for (const settings of [{ maxConnectionsPerTorrent: 40 }, { maxConnections: 40 }]) {
    const scope = Object.keys(settings).join();
    it(`${scope}: 500 connections of one address keep no honest peer out`, async () => {
      const { desk, torrent } = await seedWith(settings);
      let flood = 0;
      const honest: string[] = [];
      for (let n = 0; n < 500; n++) {
        if (comes(desk, torrent, ATTACKER)) flood++;
        if (n % 25 !== 24) continue;
        const host = `10.0.0.${n}`;
        honest.push(host);
        expect(comes(desk, torrent, host), host).to.equal(true);
      }
      expect(flood, 'while places were free it had them').to.be.at.least(20);
      expect(honest).to.have.length(20);
      for (const host of honest) expect(countOf(desk, host), host).to.equal(1);
      expect(desk.engine.state.peers.size).to.equal(40);
    });
  }

  it('many peers behind one address get as many places as the option allows', async () => {
    for (const [connectionsPerAddress, kept] of [
      [2, 2],
      [6, 6],
    ] as const) {
      const { desk, torrent } = await seedWith({
        maxConnectionsPerTorrent: 8,
        connectionsPerAddress,
      });
      for (let n = 0; n < 8; n++) comes(desk, torrent, '198.51.100.1');
      for (let n = 0; n < 8; n++) comes(desk, torrent, `10.0.0.${n}`);
      expect(countOf(desk, '198.51.100.1')).to.equal(kept);
    }
  });

  it('addresses of one IPv6 network of 64 bits are one', async () => {
    const { desk, torrent } = await seedWith({
      maxConnectionsPerTorrent: 20,
      connectionsPerAddress: 2,
    });
    for (let n = 0; n < 20; n++) comes(desk, torrent, `2001:db8:1:2::${n}`);
    for (let n = 0; n < 18; n++) expect(comes(desk, torrent, `10.0.0.${n}`)).to.equal(true);
    expect(comes(desk, torrent, '10.0.0.99')).to.equal(false);
  });

  it('an address has four times its share in the whole engine, a quarter of its places at most', async () => {
    for (const [maxConnections, connectionsPerAddress, kept] of [
      [40, 2, 8],
      [24, 2, 6],
      [8, 6, 6],
    ] as const) {
      const { desk, torrent } = await seedWith({ maxConnections, connectionsPerAddress });
      for (let n = 0; n < maxConnections; n++) comes(desk, torrent, ATTACKER);
      for (let n = 0; n < maxConnections; n++) comes(desk, torrent, `10.0.0.${n}`);
      expect(countOf(desk, ATTACKER), `of ${maxConnections}`).to.equal(kept);
    }
  });

  it('loopback is exempt', async () => {
    const { desk, torrent } = await seedWith({ maxConnectionsPerTorrent: 20 });
    for (let n = 0; n < 20; n++) comes(desk, torrent, '127.0.0.1');
    expect(comes(desk, torrent, '10.0.0.1')).to.equal(false);
  });

  it('a second connection of a peer is refused as a duplicate, and no peer gives way for it', async () => {
    const { desk, torrent } = await seedWith({ maxConnectionsPerTorrent: 2 });
    desk.connect(torrent, { have: [], peerId: 'twin', unchoke: false });
    desk.connect(torrent, { have: [], unchoke: false });
    desk.engine.clockMs += 60_000; // useless both, by now
    const second = desk.connect(torrent, { have: [], peerId: 'twin', unchoke: false });
    expect(desk.engine.ordersOf('close')).to.deep.equal([
      { type: 'close', connection: second, reason: 'duplicate-peer' },
    ]);
  });

  it('in a full torrent of a full engine one peer gives way, not two', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, {
      good: ALL,
      settings: { maxConnections: 3, maxConnectionsPerTorrent: 2 },
    });
    const other = await desk.add({ ...SHORT, seed: 2 }, ALL);
    desk.connect(other, { have: [], unchoke: false }); // useless for longest
    engine.clockMs += 1_000;
    const [first] = [1, 2].map(() => desk.connect(torrent, { have: [], unchoke: false }));
    engine.clockMs += 60_000;
    desk.connect(torrent, { have: [], unchoke: false });
    expect(engine.ordersOf('close')).to.deep.equal([
      { type: 'close', connection: first, reason: 'gave-way' },
    ]);
  });

  it('a connection that is being closed holds no place', async () => {
    const { desk, engine, torrent } = await seedWith({ maxConnectionsPerTorrent: 2 });
    const [leaving = 0] = [1, 2].map(() => desk.connect(torrent, { have: [], unchoke: false }));
    closePeer(engine, desk.peer(leaving), 'idle-timeout');
    engine.orders = [];
    desk.connect(torrent, { have: [], unchoke: false });
    expect(engine.ordersOf('close')).to.deep.equal([]);
    const tooMany = desk.connect(torrent, { have: [], unchoke: false });
    expect(engine.ordersOf('close')).to.deep.equal([
      { type: 'close', connection: tooMany, reason: 'too-many-connections' },
    ]);
  });

  it('dials may replace useless peers, which are closed once the dialled peer has connected', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, {
      settings: { maxConnectionsPerTorrent: 3 },
    });
    const idle = [1, 2, 3].map(() => desk.connect(torrent, { have: [], unchoke: false }));
    engine.pass(10_000);
    addPeersTo(engine, torrent, 5);
    expect(engine.ordersOf('dial'), 'they may still be of use').to.have.length(0);
    engine.pass(10_000);
    expect(engine.ordersOf('dial')).to.have.length(3);
    expect(engine.ordersOf('close')).to.have.length(0);
    const [{ dial } = { dial: 0 }] = engine.ordersOf('dial');
    desk.connect(torrent, { dial, unchoke: false });
    const closed = engine.ordersOf('close');
    expect(closed.map(({ reason }) => reason)).to.deep.equal(['gave-way']);
    expect(idle).to.include(closed[0]?.connection);
  });

  describe('a peer counts as useless', () => {
    const since = (desk: SimDesk, connection: number): number | undefined =>
      uselessSinceMs(desk.peer(connection), desk.engine.nowMs());
    const seed = () => seedWith({ uploadSlots: 1 });

    it('after 20 s in which neither side is interested', async () => {
      const { desk, torrent } = await seed();
      const connection = desk.connect(torrent, { have: [], unchoke: false });
      desk.engine.clockMs += 19_999;
      expect(since(desk, connection)).to.equal(undefined);
      desk.engine.clockMs += 1;
      expect(since(desk, connection)).to.equal(desk.engine.nowMs() - 20_000);
    });

    it('only when it has known for as long what we have', async () => {
      const desk = new SimDesk();
      const unknown = await desk.addUnknown(SHORT, ALL);
      const { engine } = desk;
      const connection = 32;
      const id = { torrent: unknown.state.id, host: '10.0.0.1', port: 6881 };
      engine.facts({ type: 'connected', connection, peerId: new Uint8Array(20), ...id });
      engine.clockMs += 59_999;
      expect(since(desk, connection), 'before the content is known').to.equal(undefined);
      engine.clockMs += 1;
      expect(since(desk, connection)).to.be.a('number');
      await desk.learn(unknown, [connection]);
      engine.clockMs += 500_000;
      expect(since(desk, connection), 'while stored data is checked').to.equal(undefined);
      await desk.answerJobs();
      engine.clockMs += 19_999;
      expect(since(desk, connection)).to.equal(undefined);
      engine.clockMs += 1;
      expect(since(desk, connection)).to.equal(engine.nowMs() - 20_000);
    });

    it('never while it waits for its turn', async () => {
      const { desk, torrent } = await seed();
      const [first = 0, second = 0] = [1, 2].map(() =>
        desk.connect(torrent, { have: [], unchoke: false }),
      );
      for (const connection of [first, second])
        desk.engine.facts({ type: 'peer-interest', connection, interested: true });
      expect([desk.peer(first).weChoke, desk.peer(second).weChoke]).to.deep.equal([false, true]);
      desk.engine.clockMs += 3_600_000;
      expect(since(desk, second)).to.equal(undefined);
      expect(since(desk, first), 'had its turn, and took nothing').to.be.a('number');
    });

    it('20 s after a turn in which it took nothing', async () => {
      const { desk, torrent } = await seed();
      const { engine } = desk;
      const peers = [1, 2, 3].map(() => desk.connect(torrent, { have: [], unchoke: false }));
      for (const connection of peers)
        engine.facts({ type: 'peer-interest', connection, interested: true });
      const [idler = 0, taker = 0] = peers;
      engine.pass(10_000); // the next one's turn
      engine.facts({ type: 'traffic', rows: [taker, 0, 16_384, 0] });
      engine.pass(10_000);
      engine.facts({ type: 'traffic', rows: [peers[2] ?? 0, 0, 16_384, 0] });
      engine.clockMs += 9_999;
      expect(since(desk, idler)).to.equal(undefined);
      engine.clockMs += 1;
      expect(since(desk, idler)).to.be.a('number');
      engine.clockMs += 3_600_000;
      expect(since(desk, taker), 'it took something, and waits').to.equal(undefined);
    });

    it('while it holds a slot, a minute after it got it, or after the last byte', async () => {
      const { desk, engine, torrent } = await seed();
      const [first = 0, second = 0] = [1, 2].map(() =>
        desk.connect(torrent, { have: [], unchoke: false }),
      );
      for (const connection of [first, second])
        engine.facts({ type: 'peer-interest', connection, interested: true });
      engine.pass(90_000); // The first has held the slot for long, and loses it.
      expect(desk.peer(second).weChoke).to.equal(false);
      engine.clockMs += 59_999;
      expect(since(desk, second)).to.equal(undefined);
      engine.clockMs += 1;
      expect(since(desk, second)).to.equal(engine.nowMs() - 60_000);
      engine.facts({ type: 'traffic', rows: [second, 0, 16_384, 0] });
      engine.clockMs += 59_999;
      expect(since(desk, second)).to.equal(undefined);
      engine.clockMs += 1;
      expect(since(desk, second)).to.equal(engine.nowMs() - 60_000);
    });

    it('after 20 s with a stalled upload', async () => {
      const { desk, torrent } = await seed();
      const [holder = 0, flooder = 0] = [1, 2].map(() =>
        desk.connect(torrent, { have: [], unchoke: false }),
      );
      for (const connection of [holder, flooder])
        desk.engine.facts({ type: 'peer-interest', connection, interested: true });
      desk.engine.facts({ type: 'upload-stalled', connection: flooder, stalled: true });
      desk.engine.clockMs += 19_999;
      expect(since(desk, flooder)).to.equal(undefined);
      desk.engine.clockMs += 1;
      expect(since(desk, flooder)).to.be.a('number');
    });

    it('while we download, when it unchokes us and sends nothing for a minute', async () => {
      const { desk, torrent } = await SimDesk.with(SHORT);
      const silent = desk.connect(torrent, { creditBlocks: 4 });
      const choking = desk.connect(torrent, { unchoke: false });
      desk.engine.clockMs += 59_999;
      expect(since(desk, silent)).to.equal(undefined);
      desk.engine.clockMs += 1;
      expect(since(desk, silent)).to.be.a('number');
      // A rate limit holds back our requests: it is not the one that is slow.
      const rows = [silent, 0, 0, SESSION_LIMIT.rate];
      desk.engine.facts({ type: 'load', busy: 0, rows });
      expect(since(desk, silent)).to.equal(undefined);
      desk.engine.clockMs += 539_999;
      expect(since(desk, choking)).to.equal(undefined);
      desk.engine.clockMs += 1;
      expect(since(desk, choking)).to.be.a('number');
    });
  });
});
