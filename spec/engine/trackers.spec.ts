// What users hear of trackers, and what trackers hear of us.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { startTracker } from '../../lib/index';
import { encode } from '../../lib/bencode/encode';
import { MIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, nextEvent, untilStats, within } from '../support/swarm';

interface TrackerTold {
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
): Promise<{ readonly url: string; readonly events: (string | null)[] }> {
  const events: (string | null)[] = [];
  const server = http.createServer((request, response) => {
    const event = new URL(request.url ?? '', 'http://x').searchParams.get('event');
    events.push(event);
    const reply = answer(event);
    if (reply) response.end(encode(reply));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  swarm.onClose(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/announce`, events };
}

describe('engine and trackers', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('says so when a tracker answers and nobody serves the torrent', async () => {
    const tracker = await startTracker({ intervalSec: 900 });
    swarm.onClose(() => tracker.close());
    const payload = new Payload({ lengthBytes: MIB, trackers: [[tracker.url]] });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output: await swarm.folder() });
    const told = await nextEvent<TrackerTold>(torrent, 'tracker');
    expect(told).to.include({ url: tracker.url, ok: true, peers: 0, seeds: 0 });
    expect(told.nextAnnounceSec).to.be.within(800, 900);
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
    const told = await nextEvent<TrackerTold>(torrent, 'tracker');
    expect(told.ok).to.equal(false);
    expect(told.message).to.include(reason);
  });

  it('finds a seed through a tracker and says started, completed, stopped, in that order', async () => {
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

  it('does not wait long for a tracker that is silent when told that we stop', async () => {
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
