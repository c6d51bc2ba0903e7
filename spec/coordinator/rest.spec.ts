// Torrents at rest: when the coordinator asks for its next tick, what the tick looks at, and what
// is reported and charged meanwhile.

import { expect } from 'chai';
import { engineAccount, torrentAccount } from '../../lib/coordinator/account/accounting';
import { PATIENCE_MS } from '../../lib/coordinator/swarm/trackers';
import type { TorrentStats } from '../../lib/messages/stats';
import { SimDesk } from '../support/sim-desk';
import type { DeskTorrent } from '../support/sim-desk';
import { settled } from '../support/sim-engine';
import type { SimEngine } from '../support/sim-engine';
import { unitsOf } from '../support/segments';
import { KIB } from '../support/sim-torrent';

const TORRENT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const URL = 'http://a.example/announce';
const TRACKED = { ...TORRENT, trackers: [[URL]] };
const HOUR_MS = 3_600_000;

/**
 * Ticks when the engine asked for it, and not else, until that much time has passed; how many
 * ticks.
 */
async function passTicking(engine: SimEngine, ms: number): Promise<number> {
  const endMs = engine.nowMs() + ms;
  for (let ticks = 0; ; ticks++) {
    const atMs = Math.max(engine.tickAtMs, engine.nowMs() + 250);
    if (atMs > endMs) {
      engine.clockMs = endMs;
      return ticks;
    }
    engine.pass(atMs - engine.nowMs());
    await settled();
  }
}

function statsOf({ engine }: SimDesk, torrent: DeskTorrent): TorrentStats[] {
  return engine
    .eventsOf('stats')
    .filter((event) => event.torrent === torrent.state.id)
    .map(({ stats }) => stats);
}

describe('coordinator/rest', () => {
  it('a torrent with nothing to do causes no ticks and no events', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    await passTicking(engine, 1000);
    engine.events = [];
    expect(await passTicking(engine, HOUR_MS)).to.equal(0);
    expect(engine.tickAtMs).to.equal(Infinity);
    expect(statsOf(desk, torrent)).to.deep.equal([]);
  });

  it('a complete seed ticks only for its announces', async () => {
    const { engine, torrent } = await SimDesk.with(TRACKED, { good: [0, 1, 2, 3] });
    expect(torrent.state.phase).to.equal('seeding');
    await passTicking(engine, 2 * HOUR_MS - 1);
    expect(engine.announces).to.have.length(4); // half an hour apart
    // A tick for the next one, and one after its answer.
    expect(await passTicking(engine, 1_700_000)).to.equal(2);
  });

  it('a seed dials each of its dead peers, and other seeds, a dozen times in its first day at most', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TRACKED, { good: [0, 1, 2, 3] });
    const hosts = Array.from({ length: 20 }, (_, n) => `10.0.1.${n}`);
    for (const host of hosts) torrent.state.book.add(host, 6881, engine.nowMs());
    await desk.control.addPeers(torrent.state.id, []);
    let dials = 0;
    let ticks = 0;
    const endMs = engine.nowMs() + 24 * HOUR_MS;
    while (engine.nowMs() < endMs) {
      for (const { order } of engine.orders.splice(0)) {
        if (order.type !== 'dial') continue;
        dials++;
        // Half of them are seeds, half of them gone.
        const { dial, host } = order;
        if (Number(host.split('.')[3]) % 2 === 0) {
          engine.facts({ type: 'dial-failed', dial, reason: 'dial-timeout', detail: '' });
          continue;
        }
        const connection = 32 * (1000 + dials);
        const peerId = Buffer.from(`seed at ${host}`.padEnd(20));
        const { id } = torrent.state;
        engine.facts(
          { type: 'connected', connection, torrent: id, dial, host, port: 6881, peerId },
          { type: 'peer-bitfield', connection, bits: torrent.state.content.possession.have.bytes },
        );
        const closed = { downloadedBytes: 0, uploadedBytes: 0, detail: '' };
        engine.facts({ type: 'closed', connection, reason: 'not-useful', ...closed });
      }
      await settled();
      ticks += await passTicking(engine, Math.max(250, engine.tickAtMs - engine.nowMs()));
    }
    // The dead: 6 in three hours, then one each 2 to 5 hours. Seeds: at 0, 6 and 18 hours and more.
    expect(dials).to.be.within(10 * (8 + 2), 10 * (13 + 3));
    // Each dial is some looks; for all other time it rests.
    expect(ticks).to.be.below(1_000);
  });

  it('of a thousand only those that do something are looked at', async () => {
    const desk = new SimDesk();
    const torrents: DeskTorrent[] = [];
    for (let n = 0; n < 20; n++) torrents.push(await desk.add(torrentNumber(n)));
    const [busy, ...idle] = torrents as [DeskTorrent, ...DeskTorrent[]];
    await passTicking(desk.engine, 1000);
    desk.connect(busy, { unchoke: false });
    desk.engine.events = [];
    expect(await passTicking(desk.engine, 10_000)).to.equal(40);
    expect(statsOf(desk, busy)).to.have.length(40);
    for (const torrent of idle) expect(statsOf(desk, torrent)).to.deep.equal([]);
  });

  it('an announce is made when it is due', async () => {
    const { engine } = await SimDesk.with(TRACKED);
    await settled();
    expect(engine.announces).to.have.length(1);
    await passTicking(engine, 59_999); // the min interval where none is named
    expect(engine.announces).to.have.length(1);
    await passTicking(engine, 251);
    expect(engine.announces).to.have.length(2);
  });

  it('the next tracker is asked while the first is silent for too long', async () => {
    const desk = new SimDesk();
    desk.engine.answerAnnounce = () => new Promise(() => undefined);
    await desk.add({ ...TORRENT, trackers: [[URL], ['http://b.example/announce']] });
    await passTicking(desk.engine, PATIENCE_MS - 1);
    expect(desk.engine.announces).to.have.length(1);
    await passTicking(desk.engine, 251);
    expect(desk.engine.announces).to.have.length(2);
  });

  it('an address is dialled again when it is due', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    await passTicking(engine, 1000);
    await desk.control.addPeers(torrent.state.id, [{ host: '10.0.0.1', port: 6881 }]);
    const dials = (): number[] => engine.ordersOf('dial').map(({ dial }) => dial);
    expect(dials()).to.have.length(1);
    engine.facts({ type: 'dial-failed', dial: 1, reason: 'dial-timeout', detail: '' });
    await settled();
    // 2 s and up to a quarter of jitter.
    await passTicking(engine, 1999);
    expect(dials()).to.have.length(1);
    await passTicking(engine, 751);
    expect(dials()).to.have.length(2);
  });

  it('a lack of ours is not blamed on the address: nothing is dialled for 10 s, then all again', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const peers = Array.from({ length: 3 }, (_, n) => ({ host: `10.0.0.${n}`, port: 6881 }));
    await desk.control.addPeers(torrent.state.id, peers);
    const dials = (): number[] => engine.ordersOf('dial').map(({ dial }) => dial);
    const lacks = (): string[] =>
      engine.logs.filter(({ level }) => level === 'warn').map(({ message }) => message);
    const lack = { type: 'dial-failed', reason: 'local-limit', detail: 'no descriptor' } as const;
    for (let round = 1; round <= 6; round++) {
      expect(dials(), `round ${round}`).to.have.length(3 * round);
      for (const dial of dials().slice(-3)) engine.facts({ ...lack, dial });
      await settled();
      await passTicking(engine, 9_999);
      expect(dials(), `round ${round}`).to.have.length(3 * round);
      // No failure counts: always 10 s and up to a quarter of jitter.
      await passTicking(engine, 2_751);
    }
    // 18 shortages in 64 s: logged at once, and once more after a minute.
    expect(lacks()).to.deep.equal([
      'no peer can be dialled: no descriptor {"times":1}',
      'no peer can be dialled: no descriptor {"times":15}',
    ]);
    // What is new has to wait, too.
    engine.facts({ ...lack, dial: 19 });
    await desk.control.addPeers(torrent.state.id, [{ host: '10.0.1.1', port: 6881 }]);
    await passTicking(engine, 9_999);
    expect(dials()).to.have.length(21);
    await passTicking(engine, 251);
    expect(engine.ordersOf('dial').map(({ host }) => host)).to.include('10.0.1.1');
  });

  it('held up by the limit of all connections: tried again, and dialled once there is room', async () => {
    const settings = { maxConnections: 1 };
    const { desk, engine, torrent: full } = await SimDesk.with(TORRENT, { settings });
    const connection = desk.connect(full, { unchoke: false });
    const held = await desk.add(torrentNumber(1));
    await desk.control.addPeers(held.state.id, [{ host: '10.0.0.9', port: 6881 }]);
    await passTicking(engine, 10_000);
    expect(engine.ordersOf('dial')).to.deep.equal([]);
    desk.close(connection);
    await passTicking(engine, 1250);
    expect(engine.ordersOf('dial')).to.have.length(1);
  });

  it('a peer that connects ends the rest at once', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    await passTicking(engine, HOUR_MS);
    desk.connect(torrent, { unchoke: false });
    expect(engine.tickAtMs).to.be.at.most(engine.nowMs());
  });

  it('comes to rest with final figures: no peers, no bytes per second', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const connection = desk.connect(torrent, { unchoke: false });
    engine.facts({ type: 'traffic', rows: [connection, 100_000, 100_000, 0] });
    await passTicking(engine, 250);
    expect(statsOf(desk, torrent).at(-1)?.downloadBytesPerSec).to.be.above(0);
    desk.close(connection);
    await passTicking(engine, 5000);
    expect(engine.tickAtMs).to.equal(Infinity);
    const still = { downloadBytesPerSec: 0, uploadBytesPerSec: 0 };
    expect(statsOf(desk, torrent).at(-1)).to.deep.include(still);
    expect(statsOf(desk, torrent).at(-1)?.peers).to.include({ connected: 0 });
  });

  it('figures are reported on request', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TRACKED);
    await passTicking(engine, 10_000);
    engine.events = [];
    engine.happen({ type: 'stats-wanted', torrent: torrent.state.id });
    expect(
      statsOf(desk, torrent).map(({ trackers }) => trackers[0]?.nextAnnounceSec),
    ).to.deep.equal([50]);
    engine.happen({ type: 'stats-wanted', torrent: 999 }); // removed meanwhile
    expect(engine.eventsOf('stats')).to.have.length(1);
  });

  it('the account goes on, and is reported on request', async () => {
    const { engine, torrent } = await SimDesk.with(TORRENT);
    await passTicking(engine, 100_000);
    expect(engineAccount(engine).seconds).to.include({ peers: 100 });
    expect(torrentAccount(engine, torrent.state).seconds).to.include({ peers: 100 });
  });

  it('the rest is charged to want of peers, not to what comes after it', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    await passTicking(engine, 100_000);
    desk.connect(torrent, { creditBlocks: 4 });
    await passTicking(engine, 1000);
    expect(torrentAccount(engine, torrent.state).seconds).to.include({ peers: 100, network: 1 });
  });

  it('a pause rests, and a resumed torrent is looked at again', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TRACKED);
    await passTicking(engine, 1000);
    await desk.control.pause(torrent.state.id);
    await passTicking(engine, 1000);
    const before = engine.announces.length;
    expect(await passTicking(engine, HOUR_MS)).to.equal(0);
    engine.happen({ type: 'resume', torrent: torrent.state });
    await desk.answerJobs();
    await passTicking(engine, 60_250);
    expect(engine.announces.length - before).to.equal(2);
  });

  it('a check that goes on after a pause reports its progress', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const torrent = await desk.begin(TORRENT);
    await desk.control.pause(torrent.state.id);
    await passTicking(engine, HOUR_MS);
    await desk.control.resume(torrent.state.id);
    engine.events = [];
    await passTicking(engine, 1000);
    expect(statsOf(desk, torrent).map(({ phase }) => phase)).to.include('checking');
    expect(statsOf(desk, torrent).at(-1)).to.include({ piecesChecked: 0, piecesToCheck: 4 });
    expect(torrentAccount(engine, torrent.state).seconds.peers, 'a pause is no want').to.equal(0);
  });

  it('memory that a peer thread was copying into comes free, though nothing else happens', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const connection = desk.connect(torrent, { creditBlocks: 4 });
    const [lease] = desk.leases(connection);
    const [unit = -1] = unitsOf(lease?.segments ?? []);
    const generation = lease?.generation ?? 0;
    engine.table.claim(unit, generation, 0, connection);
    await desk.control.pause(torrent.state.id);
    desk.close(connection);
    await passTicking(engine, 10_000);
    expect(engine.memoryIsBack).to.equal(false);
    engine.table.publish(unit, generation, 0);
    await passTicking(engine, 250);
    expect(engine.memoryIsBack).to.equal(true);
    await passTicking(engine, 250);
    expect(engine.tickAtMs, 'and all is at rest').to.equal(Infinity);
  });

  it('what was written is synced though its peers are gone', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const connection = desk.connect(torrent, { have: [0], creditBlocks: 4 });
    for (const lease of desk.leases(connection)) desk.deliver(lease);
    desk.close(connection);
    await desk.answerJobs();
    expect(torrent.state.content.possession.durability.unsynced).to.equal(1);
    await passTicking(engine, 2500);
    await desk.answerJobs();
    expect(torrent.state.content.possession.durability.durable.count()).to.equal(1);
    await passTicking(engine, 5000);
    expect(engine.tickAtMs).to.equal(Infinity);
    expect(engine.eventsOf('pieces').flatMap(({ pieces }) => pieces)).to.deep.equal([0]);
  });
});

/** Torrents of different info hashes. */
function torrentNumber(seed: number): typeof TORRENT & { readonly seed: number } {
  return { ...TORRENT, seed: seed + 100 };
}
