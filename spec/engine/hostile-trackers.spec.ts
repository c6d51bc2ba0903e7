// Trackers that lie, stall and flood, beside one that does not: the download completes all the
// same.

import { expect } from 'chai';
import { startTracker } from '../../lib/index';
import type { TorrentEvents, TrackerStats } from '../../lib/index';
import { HTTP_WAYS, HostileTracker, UDP_WAYS } from '../support/hostile/tracker';
import { MIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, untilStats, within } from '../support/swarm';

const FAILING = (hostile: HostileTracker): readonly string[] => [
  ...HTTP_WAYS.map((way) => hostile.http(way)),
  ...UDP_WAYS.map((way) => hostile.udp(way)),
];

describe('engine: hostile trackers', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  let hostile: HostileTracker;
  let honest = '';
  let output = '';
  beforeEach(async () => {
    hostile = await HostileTracker.listen();
    swarm.onClose(() => hostile.close());
    const tracker = await startTracker({ host: '127.0.0.1', intervalSec: 1800 });
    swarm.onClose(() => tracker.close());
    honest = tracker.url;
    const payload = new Payload({ lengthBytes: 2 * MIB, trackers: [[honest]] });
    const folder = await swarm.folder();
    await payload.write(folder);
    const seeder = await swarm.engine();
    const seed = await seeder.add(payload.torrent, { output: folder });
    await untilStats(seed, 'its announce', ({ trackers }) => trackers[0]?.status === 'working');
    output = await swarm.folder();
  });

  /** Downloads over these trackers; returns the events on the way. */
  async function download(
    trackers: readonly (readonly string[])[],
    announceToAll: 'none' | 'trackers',
  ): Promise<{
    readonly trackers: readonly TrackerStats[];
    readonly closed: readonly TorrentEvents['peerClosed'][0][];
  }> {
    const payload = new Payload({ lengthBytes: 2 * MIB, trackers });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output, announceToAll });
    const closed: TorrentEvents['peerClosed'][0][] = [];
    torrent.on('peerClosed', (event) => closed.push(event));
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    // The download may be over before the last of them has failed, or lied.
    const silent = new Set([hostile.http('silent'), hostile.udp('silent')]);
    const stats = await untilStats(torrent, 'what became of each', ({ trackers: all }) =>
      all.every(({ url, status }) => status !== 'waiting' || silent.has(url)),
    );
    return { trackers: stats.trackers, closed };
  }

  it('liars and floods beside an honest one, all asked at once', async () => {
    const lying = [hostile.http('liar'), hostile.udp('flood')];
    const silent = [hostile.http('silent'), hostile.udp('silent')];
    const failing = FAILING(hostile);
    const all = [...lying, ...silent, ...failing, honest];
    const { trackers, closed } = await download(
      all.map((url) => [url]),
      'trackers',
    );
    const statusOf = (url: string): unknown => trackers.find((each) => each.url === url)?.status;
    expect(statusOf(honest)).to.equal('working');
    for (const url of failing) expect(statusOf(url), url).to.equal('failed');
    for (const url of silent) expect(statusOf(url), url).not.to.equal('working');
    const [liar, flood] = lying.map((url) => trackers.find((each) => each.url === url));
    expect(liar?.peers, 'of 120,006').to.be.at.most(1000);
    expect(flood?.peers, 'of 10,000').to.equal(1000);
    // No impossible address was dialled, and not ourselves.
    for (const { host } of closed) expect(host).to.match(/^127\./);
    expect(closed.map(({ reason }) => reason)).not.to.include('self-connection');
    // An interval of 0 is no reason to come back before the download is over.
    await within(hostile.untilAnnounced('liar', 'completed'), 'the word that we are complete');
    expect(hostile.eventsAt('liar')).to.deep.equal(['started', 'completed']);
    // Text from a tracker is safe to print on a terminal.
    expect(trackers.map(({ message }) => message ?? '').join('')).not.to.include('\u001b');
  });

  it('one after the other, the honest one last', async () => {
    const { trackers } = await download([FAILING(hostile), [honest]], 'none');
    for (const { url, status } of trackers) {
      expect(status, url).to.equal(url === honest ? 'working' : 'failed');
    }
  });
});
