// What users learn about trackers, and what trackers get from us.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { startTracker } from '../../lib/index';
import { encode } from '../../lib/bencode/encode';
import { MIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, nextEvent, untilStats, within } from '../support/swarm';

interface TrackerEvent {
  readonly url: string;
  readonly ok: boolean;
  readonly message: string | undefined;
  readonly peers: number;
  readonly seeds: number | undefined;
  readonly nextAnnounceSec: number | undefined;
}

/** A tracker that notes each `event` and answers with a record, or not at all. */
async function listen(
  swarm: Swarm,
  answer: (event: string | null) => Record<string, string | number> | undefined,
): Promise<{
  readonly url: string;
  readonly events: (string | null)[];
  /** The `downloaded` of each `completed`. */
  readonly downloaded: number[];
  /** How many connections were opened. */
  readonly connections: () => number;
}> {
  const events: (string | null)[] = [];
  const downloaded: number[] = [];
  let connections = 0;
  const server = http.createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://x');
    const event = searchParams.get('event');
    events.push(event);
    if (event === 'completed') downloaded.push(Number(searchParams.get('downloaded')));
    const reply = answer(event);
    if (reply) response.end(encode(reply));
  });
  server.on('connection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  swarm.onClose(async () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/announce`,
    events,
    downloaded,
    connections: () => connections,
  };
}

describe('engine and trackers', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('reports a torrent without peers when the tracker answers', async () => {
    const tracker = await startTracker({ intervalSec: 900 });
    swarm.onClose(() => tracker.close());
    const payload = new Payload({ lengthBytes: MIB, trackers: [[tracker.url]] });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output: await swarm.folder() });
    const event = await nextEvent<TrackerEvent>(torrent, 'tracker');
    expect(event).to.include({ url: tracker.url, ok: true, peers: 0, seeds: 0 });
    expect(event.nextAnnounceSec).to.be.within(800, 900);
    const stats = await untilStats(torrent, 'the figures', ({ trackers }) =>
      trackers.some(({ status }) => status === 'working'),
    );
    expect(stats.trackers[0]).to.include({ peers: 0, seeds: 0 });
    expect(stats.phase).to.equal('downloading');
  });

  it('hands a failure reason on word for word', async () => {
    const reason = 'unregistered torrent: <b>ask</b> an admin, Ärger 100%';
    const tracker = await listen(swarm, () => ({ 'failure reason': reason }));
    const payload = new Payload({ lengthBytes: MIB, trackers: [[tracker.url]] });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output: await swarm.folder() });
    const event = await nextEvent<TrackerEvent>(torrent, 'tracker');
    expect(event.ok).to.equal(false);
    expect(event.message).to.include(reason);
  });

  it('finds a seed through a tracker and announces started, completed, stopped, in that order', async () => {
    const payload0 = new Payload({ lengthBytes: MIB });
    const seed = await swarm.seed(payload0);
    const compact = Buffer.from([127, 0, 0, 1, seed.port >> 8, seed.port & 0xff]);
    const tracker = await listen(swarm, () => ({
      interval: 1800,
      peers: compact as unknown as string,
    }));
    const payload = new Payload({ lengthBytes: MIB, trackers: [[tracker.url]] });
    for (const seeding of [true, false]) {
      tracker.events.length = 0;
      const engine = await swarm.engine();
      const output = await swarm.folder();
      const torrent = await engine.add(payload.torrent, { output, seed: seeding });
      await within(torrent.completed, 'the download');
      await payload.expectIn(output);
      await engine.close();
      expect(tracker.events).to.deep.equal(['started', 'completed', 'stopped']);
    }
  });

  it('announces with `completed` every byte that came, over any number of peer threads', async () => {
    const lengthBytes = 3 * MIB + 5;
    const seeds = [];
    for (let n = 0; n < 3; n++) seeds.push(await swarm.seed(new Payload({ lengthBytes })));
    const compact = Buffer.concat(
      seeds.map(({ port }) => Buffer.from([127, 0, 0, 1, port >> 8, port & 0xff])),
    );
    const tracker = await listen(swarm, () => ({
      interval: 1800,
      peers: compact as unknown as string,
    }));
    const payload = new Payload({ lengthBytes, trackers: [[tracker.url]] });
    const runs = [1, 2, 1, 2];
    for (const peerThreads of runs) {
      const engine = await swarm.engine({ peerThreads });
      const output = await swarm.folder();
      const torrent = await engine.add(payload.torrent, { output, seed: false });
      await within(torrent.completed, 'the download');
      expect(torrent.stats().downloadedBytes).to.be.at.least(lengthBytes);
      await engine.close();
    }
    expect(tracker.downloaded).to.have.length(runs.length);
    for (const bytes of tracker.downloaded) expect(bytes).to.be.at.least(lengthBytes);
  });

  it('keeps its connection between announces', async () => {
    const seed = await swarm.seed(new Payload({ lengthBytes: MIB }));
    const compact = Buffer.from([127, 0, 0, 1, seed.port >> 8, seed.port & 0xff]);
    const tracker = await listen(swarm, () => ({
      interval: 1800,
      peers: compact as unknown as string,
      'external ip': Buffer.from([192, 0, 2, 7]) as unknown as string,
    }));
    const payload = new Payload({ lengthBytes: MIB, trackers: [[tracker.url]] });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output: await swarm.folder() });
    await within(torrent.completed, 'the download');
    expect(torrent.stats().trackers[0]?.externalIp).to.equal('192.0.2.7');
    await engine.close();
    expect(tracker.events).to.deep.equal(['started', 'completed', 'stopped']);
    expect(tracker.connections()).to.equal(1);
  });

  it('gives no passkey away but in the URLs of its events and figures', async () => {
    const key = 'sEcReT0123456789';
    const tracker = await listen(swarm, () => ({ 'failure reason': `unknown passkey ${key}` }));
    const gone = 'http://127.0.0.1:9';
    const urls = [tracker.url, gone, 'udp://127.0.0.1:0', 'wss://127.0.0.1:9'].map(
      (url) => `${url.replace('://', `://user:${key}@`)}/announce/${key}?passkey=${key}`,
    );
    const records: unknown[] = [];
    const record = (...args: unknown[]): void => void records.push(args);
    const logger = { trace: record, debug: record, info: record, warn: record, error: record };
    const child = (bindings: object) => {
      record(bindings);
      return { ...logger, fatal: record };
    };
    const engine = await swarm.engine({ logger: { ...child({}), child, level: 'trace' } });
    const payload = new Payload({ lengthBytes: MIB, trackers: urls.map((url) => [url]) });
    const torrent = await engine.add(payload.torrent, { output: await swarm.folder() });
    const stats = await untilStats(torrent, 'the failures', ({ trackers }) =>
      urls.every((url, at) => trackers[at]?.url === url && trackers[at]?.status === 'failed'),
    );
    expect(stats.trackers.map(({ url }) => url)).to.deep.equal(urls);
    const messages = stats.trackers.map(({ message }) => message);
    expect(messages.join('\n')).to.include('unknown passkey sEc…').and.not.include(key);
    await engine.close();
    expect(JSON.stringify(records)).not.to.include(key);
    const { infoHash } = torrent;
    expect(records).to.deep.include([{ component: 'coordinator', torrent: infoHash }]);
  });

  it('asks no service of this machine that a torrent names as its tracker', async () => {
    const tracker = await listen(swarm, () => ({ interval: 1800, peers: '' }));
    const admin = tracker.url.replace('/announce', '/admin');
    const payload = new Payload({ lengthBytes: MIB, trackers: [[admin], [tracker.url]] });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output: await swarm.folder() });
    const { trackers } = await untilStats(torrent, 'the second tracker', ({ trackers: all }) =>
      all.some(({ url, status }) => url === tracker.url && status === 'working'),
    );
    expect(trackers[0]).to.include({ url: admin, status: 'failed' });
    expect(trackers[0]?.message).to.include('is at 127.0.0.1, which is this machine');
    expect(tracker.events).to.deep.equal(['started']);
  });

  it('does not wait long for a tracker that does not answer `stopped`', async () => {
    const tracker = await listen(swarm, (event) =>
      event === 'stopped' ? undefined : { interval: 1800, peers: '' },
    );
    const payload = new Payload({ lengthBytes: MIB, trackers: [[tracker.url]] });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output: await swarm.folder() });
    await nextEvent(torrent, 'tracker');
    await within(engine.close(), 'the engine to close', 12_000);
    expect(tracker.events).to.deep.equal(['started', 'stopped']);
  });
});
