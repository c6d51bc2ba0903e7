// What the coordinator announces to trackers and when, on a clock that the spec moves.

import { expect } from 'chai';
import { torrentStats } from '../../../lib/coordinator/snapshot';
import { MAX_ANNOUNCES_UNDER_WAY, PATIENCE_MS } from '../../../lib/coordinator/swarm/trackers';
import { MillraceError } from '../../../lib/errors/millrace-error';
import type { AnnounceReply, PeerAddress } from '../../../lib/tracker/announce';
import { MAX_TRACKERS } from '../../../lib/tracker/schedule';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import type { SimEngine, SimRequest } from '../../support/sim-engine';
import { KIB, MIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };
const ALL = Array.from({ length: 16 }, (_, piece) => piece);
const A = 'http://a.example/announce';
const B = 'udp://b.example:80';
const C = 'http://c.example/announce';

type Answer = Partial<AnnounceReply> | Error | 'silence';

interface Scene {
  readonly desk: SimDesk;
  readonly engine: SimEngine;
  readonly torrent: DeskTorrent;
}

/** A torrent with one tracker in each tier; those without a set answer list no peers. */
async function scene(
  answers: Readonly<Record<string, Answer>>,
  request: Partial<SimRequest> = {},
  good: readonly number[] = [],
): Promise<Scene> {
  const desk = new SimDesk();
  const { engine } = desk;
  engine.answerAnnounce = (url) => {
    const answer = answers[url];
    if (answer === 'silence') return new Promise(() => undefined);
    if (answer instanceof Error) return Promise.reject(answer);
    return Promise.resolve({ intervalSec: 1800, peers: [], ...answer });
  };
  const trackers = Object.keys(answers).map((url) => [url]);
  const torrent = await desk.add({ ...SHORT, trackers }, good, request);
  await settled();
  return { desk, engine, torrent };
}

/** The announces as tracker and event, in order. */
function announcesOf({ engine }: Scene): string[] {
  return engine.announces.map(({ url, request }) => `${url} ${request.event ?? '-'}`);
}

/** Lets time pass, to a tick that also idle torrents have. */
async function pass({ engine }: Scene, ms: number): Promise<void> {
  engine.pass(ms);
  for (let tick = 0; tick < 3; tick++) engine.pass(0);
  await settled();
}

function isSettled(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), settled().then(() => false)]);
}

const peersOf = (count: number, net = '10.9'): PeerAddress[] =>
  Array.from({ length: count }, (_, n) => ({ host: `${net}.${n >> 8}.${n & 255}`, port: 7000 }));

describe('coordinator: trackers', () => {
  describe('one slow tracker delays no other', () => {
    it('announces the address and the port that the user wants announced', async () => {
      const network = { announceAddress: '192.0.2.7', announcePort: 7000 };
      for (const [settings, announced] of [
        [network, { ip: '192.0.2.7', port: 7000 }],
        [{}, { ip: undefined, port: 6999 }],
      ] as const) {
        const desk = new SimDesk({ settings });
        desk.engine.happen({ type: 'listening', port: 6999 });
        await desk.add({ ...SHORT, trackers: [[A]] });
        await settled();
        expect(desk.engine.announces[0]?.request).to.deep.include(announced);
      }
    });

    it('after some patience the next is asked', async () => {
      const it = await scene({ [A]: 'silence', [B]: {} });
      expect(announcesOf(it)).to.deep.equal([`${A} started`]);
      await pass(it, PATIENCE_MS - 1);
      expect(announcesOf(it)).to.have.length(1);
      await pass(it, 1);
      expect(announcesOf(it)).to.deep.equal([`${A} started`, `${B} started`]);
      expect(it.engine.eventsOf('tracker').map(({ url }) => url)).to.deep.equal([B]);
    });

    it('with announceToAll every tracker is asked at once', async () => {
      const it = await scene(
        { [A]: 'silence', [B]: {}, [C]: 'silence' },
        { announceToAll: 'trackers' },
      );
      expect(announcesOf(it)).to.have.members([`${A} started`, `${B} started`, `${C} started`]);
      expect(it.engine.eventsOf('tracker').map(({ url }) => url)).to.deep.equal([B]);
    });

    it('with announceToAll "tiers" one of each tier is', async () => {
      const desk = new SimDesk();
      const trackers = [[A, C], [B]];
      await desk.add({ ...SHORT, trackers }, [], { announceToAll: 'tiers' });
      await settled();
      const urls = desk.engine.announces.map(({ url }) => url);
      expect(urls).to.have.length(2).and.include(B);
    });

    it('goes on where the outlet throws at once', async () => {
      const it = await scene({ [A]: {} });
      const { engine } = it;
      engine.announce = () => {
        throw new Error('no such module');
      };
      await pass(it, 1800_000);
      expect(engine.eventsOf('tracker').at(-1)).to.include({
        ok: false,
        message: 'no such module',
      });
    });

    it('a failure makes the next due at once, without a tick', async () => {
      const it = await scene({ [A]: new MillraceError('tracker-unreachable', 'gone'), [B]: {} });
      expect(announcesOf(it)).to.deep.equal([`${A} started`, `${B} started`]);
    });

    it('a list of a thousand dead trackers costs a bounded number of announces, at a time and in all', async () => {
      const urls = Array.from({ length: 1000 }, (_, n) => `udp://dead-${n}.example:80`);
      const it = await scene(Object.fromEntries(urls.map((url) => [url, 'silence'])), {
        announceToAll: 'trackers',
      });
      expect(announcesOf(it)).to.have.length(MAX_ANNOUNCES_UNDER_WAY);
      await pass(it, PATIENCE_MS - 1);
      expect(announcesOf(it)).to.have.length(MAX_ANNOUNCES_UNDER_WAY);
      await pass(it, 1);
      expect(announcesOf(it)).to.have.length(2 * MAX_ANNOUNCES_UNDER_WAY);
      for (let n = 0; n < 10; n++) await pass(it, PATIENCE_MS);
      expect(announcesOf(it)).to.have.length(MAX_TRACKERS);
    });

    it('`completed` goes out however many are silent', async () => {
      const urls = Array.from({ length: 100 }, (_, n) => `udp://dead-${n}.example:80`);
      const it = await scene(
        { [B]: {}, ...Object.fromEntries(urls.map((url) => [url, 'silence'])) },
        { announceToAll: 'trackers' },
      );
      const full = announcesOf(it).length;
      await it.desk.serveAll(it.desk.connect(it.torrent, { creditBlocks: 64 }));
      await settled();
      expect(announcesOf(it).slice(full)).to.deep.equal([`${B} completed`]);
    });
  });

  it('each is reported with the time of its own next announce', async () => {
    const it = await scene(
      { [A]: new MillraceError('tracker-unreachable', 'down'), [B]: { intervalSec: 900 } },
      { announceToAll: 'trackers', peers: peersOf(1) },
    );
    const next = it.engine.eventsOf('tracker').map((event) => [event.url, event.nextAnnounceSec]);
    expect(next.find(([url]) => url === A)?.[1]).to.be.within(15, 19);
    expect(next.find(([url]) => url === B)?.[1]).to.equal(900);
  });

  it('an engine that accepts no peers still names a port, which trackers insist on', async () => {
    const quiet = await scene({ [A]: {} });
    expect(quiet.engine.announces[0]?.request.port).to.equal(1);
    const desk = new SimDesk();
    desk.engine.state.listenPort = 6881;
    await desk.add({ ...SHORT, trackers: [[A]] });
    await settled();
    expect(desk.engine.announces[0]?.request.port).to.equal(6881);
  });

  describe('the downloaded bytes in `completed`', () => {
    it('include everything that came, although no thread has reported its traffic yet', async () => {
      const it = await scene({ [A]: {} }, {}, [0, 1]);
      await it.desk.serveAll(it.desk.connect(it.torrent, { creditBlocks: 64 }));
      const completed = it.engine.announces.at(-1)?.request;
      const came = SHORT.totalLengthBytes - 2 * SHORT.pieceLengthBytes;
      expect(completed).to.include({ event: 'completed', leftBytes: 0, downloadedBytes: came });
      expect(torrentStats(it.engine, it.torrent.state).downloadedBytes).to.equal(came);
    });

    it('is no more once they have', async () => {
      const it = await scene({ [A]: {} });
      const connection = it.desk.connect(it.torrent, { creditBlocks: 64 });
      await it.desk.serveAll(connection);
      const duplicate = 16 * KIB;
      const row = [connection, SHORT.totalLengthBytes + duplicate, 0, duplicate];
      it.engine.facts({ type: 'traffic', rows: row });
      const { downloadedBytes } = torrentStats(it.engine, it.torrent.state);
      expect(downloadedBytes).to.equal(SHORT.totalLengthBytes + duplicate);
    });

    it('has pieces that failed their check in it, once each', async () => {
      const it = await scene({ [A]: {} });
      const { desk, torrent } = it;
      const liar = desk.connect(torrent, { have: [0], creditBlocks: 4, host: '10.6.6.6' });
      for (const lease of desk.leases(liar)) desk.deliver(lease, { spoil: true });
      await desk.answerJobs();
      await desk.serveAll(desk.connect(torrent, { creditBlocks: 64 }));
      const spoilt = SHORT.pieceLengthBytes;
      expect(it.engine.announces.at(-1)?.request).to.include({
        event: 'completed',
        downloadedBytes: SHORT.totalLengthBytes + spoilt,
      });
      it.engine.logs.length = 0;
    });

    it('counts a piece that fails its check during a pause once', async () => {
      const it = await scene({ [A]: {} });
      const { desk, torrent } = it;
      const liar = desk.connect(torrent, { have: [0], creditBlocks: 4 });
      for (const lease of desk.leases(liar)) desk.deliver(lease, { spoil: true });
      const paused = desk.control.pause(torrent.state.id);
      await desk.answerJobs();
      await paused;
      const { downloadedBytes, wastedBytes } = torrentStats(it.engine, torrent.state);
      expect([downloadedBytes, wastedBytes]).to.deep.equal(Array(2).fill(SHORT.pieceLengthBytes));
      it.engine.logs.length = 0;
    });
  });

  describe('numwant follows need', () => {
    it('as many as there are free connections, fewer where addresses are known', async () => {
      for (const [known, wanted] of [
        [0, 100],
        [60, 40],
        [100, 0],
        [300, 0],
      ] as const) {
        const { engine } = await scene({ [A]: {} }, { peers: peersOf(known) });
        expect(engine.announces[0]?.request.numWant, `${known} known`).to.equal(wanted);
      }
    });

    it('addresses that failed are none, connected peers take a place each', async () => {
      const it = await scene({ [A]: { intervalSec: 60 } }, { peers: peersOf(30) });
      for (const order of it.engine.ordersOf('dial')) {
        it.engine.facts({
          type: 'dial-failed',
          dial: order.dial,
          reason: 'dial-failed',
          detail: '',
        });
      }
      await settled();
      for (let n = 0; n < 25; n++) it.desk.connect(it.torrent, { unchoke: false });
      await pass(it, 60_000); // They are due for a second dial meanwhile.
      expect(it.engine.announces[1]?.request.numWant).to.equal(75);
    });

    it('at most 50 for a seed, fewer where addresses are known', async () => {
      for (const [known, wanted] of [
        [0, 50],
        [60, 40],
        [300, 0],
      ] as const) {
        const peers = peersOf(known);
        const it = await scene({ [A]: {} }, { peers }, ALL);
        expect(it.torrent.state.phase).to.equal('seeding');
        expect(it.engine.announces[0]?.request.numWant, `${known} known`).to.equal(wanted);
      }
    });

    it('asks for no peers for a torrent that is not to be seeded, nor with `stopped`', async () => {
      const it = await scene({ [A]: {} }, { seed: false });
      await it.desk.serveAll(it.desk.connect(it.torrent, { creditBlocks: 64 }));
      await settled();
      await it.desk.remove(it.torrent);
      const wanted = it.engine.announces.map(({ request }) => [request.event, request.numWant]);
      expect(wanted).to.deep.equal([
        ['started', 100],
        ['completed', 0],
        ['stopped', 0],
      ]);
      const early = await scene({ [A]: {} });
      await early.desk.control.pause(early.torrent.state.id);
      expect(early.engine.announces[1]?.request).to.include({ event: 'stopped', numWant: 0 });
    });
  });

  describe('when the addresses run out', () => {
    it('asks again after the min interval while no peer is connected, not before', async () => {
      const it = await scene({ [A]: { minIntervalSec: 120 } });
      await pass(it, 119_000);
      expect(announcesOf(it)).to.have.length(1);
      await pass(it, 2_000);
      expect(announcesOf(it)).to.deep.equal([`${A} started`, `${A} -`]);
    });

    it('asks early for more than a few peers, as long as the tracker has news', async () => {
      let news = 0;
      const it = await scene({ [A]: {} });
      it.engine.answerAnnounce = () =>
        Promise.resolve({ intervalSec: 1800, peers: peersOf(news, '10.8') });
      // One peer is connected: without news there is no reason to think that there are others.
      it.desk.connect(it.torrent);
      await pass(it, 300_000);
      expect(announcesOf(it)).to.have.length(1);
      news = 3;
      await pass(it, 1_500_000);
      expect(announcesOf(it), 'the regular announce').to.have.length(2);
      for (const { dial } of it.engine.ordersOf('dial')) {
        it.engine.facts({ type: 'dial-failed', dial, reason: 'dial-failed', detail: '' });
      }
      await pass(it, 0);
      await pass(it, 59_000);
      for (const { dial } of it.engine.ordersOf('dial')) {
        it.engine.facts({ type: 'dial-failed', dial, reason: 'dial-failed', detail: '' });
      }
      await pass(it, 1_000);
      expect(announcesOf(it), 'an early one, as it had news').to.have.length(3);
      await pass(it, 300_000);
      expect(announcesOf(it), 'none, as it had none').to.have.length(3);
    });

    it('does not ask early for a torrent with all the connections it may have', async () => {
      const it = await scene({ [A]: {} });
      it.torrent.state.trackersHadNews = true;
      for (let n = 0; n < 20; n++) it.desk.connect(it.torrent, { unchoke: false });
      await pass(it, 600_000);
      expect(announcesOf(it)).to.have.length(1);
    });
  });

  describe('what a tracker answered before is kept', () => {
    it('its id goes back to it, and to no other', async () => {
      const trackerId = Uint8Array.of(1, 0xff, 0x26);
      const it = await scene({ [A]: { trackerId }, [B]: {} }, { announceToAll: 'trackers' });
      await pass(it, 1_800_000);
      await it.desk.remove(it.torrent);
      const sent = it.engine.announces.map(({ url, request }) => [url, request.trackerId]);
      expect(sent).to.have.deep.members([
        [A, undefined],
        [B, undefined],
        [A, trackerId],
        [B, undefined],
        [A, trackerId],
        [B, undefined],
      ]);
    });

    it('the retry time of a failure (BEP 31): no announce before it, and none at all after `never`', async () => {
      const details = { reason: 'overloaded', retryInSec: 3600 };
      const later = await scene({ [A]: new MillraceError('tracker-failure', 'full', details) });
      await pass(later, 3_599_000);
      expect(announcesOf(later)).to.have.length(1);
      await pass(later, 0.26 * 3_600_000);
      expect(announcesOf(later)).to.have.length(2);
      const gone = { reason: 'banned', retryNever: true };
      const never = await scene({ [A]: new MillraceError('tracker-failure', 'no', gone) });
      await pass(never, 30 * 86_400_000);
      expect(announcesOf(never)).to.have.length(1);
    });

    it('our address as the tracker sees it (BEP 24) is reported with the figures', async () => {
      const it = await scene({ [A]: { externalIp: '192.0.2.77' } });
      const { trackers } = torrentStats(it.engine, it.torrent.state);
      expect(trackers[0]?.externalIp).to.equal('192.0.2.77');
    });
  });

  describe('completion and stop', () => {
    it('each tracker gets its own started, completed and stopped', async () => {
      const it = await scene({ [A]: {}, [B]: {} }, { announceToAll: 'trackers' });
      await it.desk.serveAll(it.desk.connect(it.torrent, { creditBlocks: 64 }));
      await settled();
      await it.desk.remove(it.torrent);
      for (const url of [A, B]) {
        expect(announcesOf(it).filter((line) => line.startsWith(url))).to.deep.equal([
          `${url} started`,
          `${url} completed`,
          `${url} stopped`,
        ]);
      }
    });

    it('`completed` goes out although another tracker is silent, and before that one times out', async () => {
      const it = await scene({ [A]: 'silence', [B]: {} }, { announceToAll: 'trackers' });
      await it.desk.serveAll(it.desk.connect(it.torrent, { creditBlocks: 64 }));
      await settled();
      expect(announcesOf(it)).to.deep.equal([`${A} started`, `${B} started`, `${B} completed`]);
    });

    it('`completed` follows at once where `started` was still out', async () => {
      let answer: (reply: AnnounceReply) => void = () => undefined;
      const desk = new SimDesk();
      desk.engine.answerAnnounce = () => new Promise((resolve) => (answer = resolve));
      const torrent = await desk.add({ ...SHORT, trackers: [[A]] });
      await desk.serveAll(desk.connect(torrent, { creditBlocks: 64 }));
      expect(desk.engine.announces).to.have.length(1);
      answer({ intervalSec: 1800, peers: [] });
      await settled();
      expect(desk.engine.announces.map(({ request }) => request.event)).to.deep.equal([
        'started',
        'completed',
      ]);
    });

    it('`completed` is not lost when it is owed and not under way as a run ends', async () => {
      const it = await scene({ [A]: new MillraceError('tracker-unreachable', 'down'), [B]: {} });
      it.engine.answerAnnounce = () => new Promise(() => undefined);
      await pass(it, 1_800_000); // The first is tried again, and silent.
      const before = it.engine.announces.length;
      it.engine.answerAnnounce = () => Promise.resolve({ intervalSec: 1800, peers: [] });
      await it.desk.serveAll(it.desk.connect(it.torrent, { creditBlocks: 64 }));
      await settled();
      await it.desk.remove(it.torrent);
      expect(announcesOf(it).slice(before)).to.deep.equal([`${B} completed`, `${B} stopped`]);
    });

    it('`stopped` waits for its turn like every announce, and no longer than the deadline', async () => {
      const it = await scene({ [A]: {} });
      const queue: (() => Promise<void>)[] = [];
      it.engine.paceAnnounce = (task) => void queue.push(task);
      const removed = it.desk.remove(it.torrent);
      expect(await isSettled(removed)).to.equal(false);
      expect(announcesOf(it)).to.deep.equal([`${A} started`]);
      it.engine.passTimers(2_000);
      await removed;
      for (const task of queue) await task();
      expect(announcesOf(it), 'too late').to.deep.equal([`${A} started`]);
    });

    it('an exit waits for the slowest tracker no longer than the deadline', async () => {
      const it = await scene({ [A]: {}, [B]: {} }, { announceToAll: 'trackers' });
      it.engine.answerAnnounce = (url) =>
        url === A
          ? new Promise(() => undefined)
          : Promise.resolve({ intervalSec: 1800, peers: [] });
      const removed = it.desk.remove(it.torrent);
      expect(await isSettled(removed)).to.equal(false);
      expect(announcesOf(it)).to.include.members([`${A} stopped`, `${B} stopped`]);
      it.engine.passTimers(2_000);
      await removed;
    });

    it('an exit waits no longer than the deadline for an announce that never settles', async () => {
      const it = await scene({ [A]: {} });
      it.engine.announce = () => new Promise(() => undefined);
      const removed = it.desk.remove(it.torrent);
      expect(await isSettled(removed)).to.equal(false);
      it.engine.passTimers(2_000);
      await removed;
    });

    it('a torrent that is not to be seeded leaves although one tracker is silent', async () => {
      const it = await scene(
        { [A]: 'silence', [B]: {} },
        { announceToAll: 'trackers', seed: false },
      );
      await it.desk.serveAll(it.desk.connect(it.torrent, { creditBlocks: 64 }));
      await settled();
      expect(announcesOf(it)).to.deep.equal([`${A} started`, `${B} started`, `${B} completed`]);
      it.engine.passTimers(PATIENCE_MS); // Of its patience with the silent one.
      await settled();
      await it.torrent.state.lastAnnounces;
      const failures = it.engine.eventsOf('tracker').filter(({ ok }) => !ok);
      expect(failures, 'what we gave up is no failure of the tracker').to.deep.equal([]);
    });
  });
});
