// Private torrents (BEP 27): one tracker at a time, and only peers that it or the user named.

import { expect } from 'chai';
import type { PeerAddress } from '../../../lib/messages/control';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import type { SimEngine } from '../../support/sim-engine';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const A = 'http://a.example/announce';
const B = 'http://b.example/announce';
const PRIVATE = { ...SHORT, private: true, trackers: [[A], [B]] };
const HOUR_MS = 3_600_000;

const peer = (n: number): PeerAddress => ({ host: `203.0.113.${n}`, port: 6881 });
const dialled = (engine: SimEngine): string[] => engine.ordersOf('dial').map(({ host }) => host);
const asked = (engine: SimEngine): string[] => engine.announces.map(({ url }) => url);

/** Every dial succeeds. */
function answerDials(desk: SimDesk, torrent: DeskTorrent): void {
  for (const { host, port, dial } of desk.engine.ordersOf('dial'))
    if (desk.engine.state.dials.has(dial))
      desk.connect(torrent, { host, port, dial, have: [], unchoke: false });
}

/** Two trackers, of which those in `down` do not answer; each names its peers. */
function answering(engine: SimEngine, down: Set<string>, named: Record<string, PeerAddress[]>) {
  engine.answerAnnounce = async (url) => {
    if (down.has(url)) throw new Error('down');
    return { intervalSec: 1800, peers: named[url] ?? [] };
  };
}

describe('coordinator/private-torrent', () => {
  for (const announceToAll of ['none', 'tiers', 'trackers'] as const) {
    it(`asks one tracker at a time, with announceToAll: ${announceToAll}`, async () => {
      const desk = new SimDesk();
      const { engine } = desk;
      answering(engine, new Set(), { [A]: [peer(1)], [B]: [peer(2)] });
      await desk.add(PRIVATE, [], { announceToAll });
      await settled();
      for (let hour = 0; hour < 5; hour++) {
        engine.pass(HOUR_MS);
        await settled();
      }
      expect(new Set(asked(engine)).size).to.equal(1);
      const warned = engine.logs.splice(0).map(({ message }) => message.split(' {')[0]);
      expect(warned).to.deep.equal(
        announceToAll === 'none'
          ? []
          : ['announceToAll is ignored: a private torrent uses one tracker (BEP 27)'],
      );
    });
  }

  it('closes all peers except those of the user when its tracker fails and another one answers', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const down = new Set<string>();
    answering(engine, down, { [A]: [peer(1), peer(2)], [B]: [peer(2), peer(3)] });
    const torrent = await desk.add(PRIVATE);
    await settled();
    await desk.control.addPeers(torrent.state.id, [peer(9)]);
    answerDials(desk, torrent);
    const incoming = desk.connect(torrent, { host: '203.0.113.8', have: [], unchoke: false });
    await settled();
    expect([...torrent.state.peers].map(({ host }) => host)).to.have.members(
      [1, 2, 8, 9].map((n) => peer(n).host),
    );
    down.add(A);
    engine.takeOrders();
    engine.pass(HOUR_MS);
    await settled();
    engine.pass(250);
    await settled();
    expect(asked(engine)).to.include(B);
    const closed = engine.ordersOf('close');
    expect(closed.map(({ reason }) => reason)).to.deep.equal(Array(3).fill('private-torrent'));
    expect(closed.map(({ connection }) => connection)).to.include(incoming);
    for (const { connection } of closed) desk.close(connection, 'private-torrent');
    engine.pass(60_000);
    // The first is forgotten; the second is also one of the new tracker's.
    expect([...new Set(dialled(engine))]).to.have.members([peer(2).host, peer(3).host]);
    // The former tracker is not asked while the other one works.
    await settled();
    const before = engine.announces.length;
    down.delete(A);
    engine.pass(5 * HOUR_MS);
    await settled();
    expect(new Set(asked(engine).slice(before))).to.deep.equal(new Set([B]));
    engine.logs.splice(0);
  });

  it('keeps its peers over a pause, and while its tracker fails and comes back', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const down = new Set<string>([B]);
    answering(engine, down, { [A]: [peer(1)] });
    const torrent = await desk.add(PRIVATE);
    await settled();
    answerDials(desk, torrent);
    await settled();
    down.add(A);
    engine.takeOrders();
    for (let hour = 0; hour < 3; hour++) {
      engine.pass(HOUR_MS);
      await settled();
    }
    down.delete(A);
    for (let hour = 0; hour < 3; hour++) {
      engine.pass(HOUR_MS);
      await settled();
    }
    expect(engine.ordersOf('close')).to.deep.equal([]);
    expect(desk.stats(torrent)).to.deep.include({
      private: true,
      addresses: { trackers: 1, exchange: 0, incoming: 0, user: 0 },
    });
    engine.logs.splice(0);
  });

  it('whose flag is known late drops the peers of other trackers, and asks one tracker from then on', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    answering(engine, new Set(), { [A]: [peer(1)], [B]: [peer(2)] });
    const torrent = await desk.addUnknown(PRIVATE, [], { announceToAll: 'trackers' });
    await settled();
    expect(new Set(asked(engine))).to.deep.equal(new Set([A, B]));
    expect(desk.engine.state.torrents.get(torrent.state.id)?.book.counts.trackers).to.equal(2);
    const kept = torrent.state.schedule.current === A ? 1 : 2;
    for (const { host, port, dial } of engine.ordersOf('dial'))
      desk.connect(torrent, { host, port, dial, unchoke: false });
    await desk.learn(torrent);
    expect(engine.ordersOf('close').map(({ reason }) => reason)).to.deep.equal(['private-torrent']);
    const before = engine.announces.length;
    engine.pass(3 * HOUR_MS);
    await settled();
    expect(new Set(asked(engine).slice(before))).to.deep.equal(new Set([kept === 1 ? A : B]));
    engine.logs.splice(0);
  });
});
