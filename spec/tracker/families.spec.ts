import { expect } from 'chai';
import { MillraceError } from '../../lib/errors/millrace-error';
import type { AnnounceReply, TrackerClient } from '../../lib/tracker/announce';
import { announceToFamilies, mergeReplies } from '../../lib/tracker/families';
import type { ResolvedAddress } from '../../lib/http/resolve';
import { HttpTrackerClient } from '../../lib/tracker/http-client';
import { startTracker } from '../../lib/tracker-server/server';
import type { TrackerServer } from '../../lib/tracker-server/server';
import { UdpTrackerClient } from '../../lib/tracker/udp-client';

const never = new AbortController().signal;
const FOUR: AnnounceReply = {
  intervalSec: 100,
  peers: [{ host: '10.0.0.1', port: 1 }],
  seeds: 1,
  externalIp: '203.0.113.5',
  trackerIp: '198.51.100.1',
  droppedPeers: 1,
};
const SIX: AnnounceReply = {
  intervalSec: 200,
  minIntervalSec: 50,
  peers: [
    { host: '2001:db8::1', port: 1 },
    { host: '10.0.0.1', port: 1 },
  ],
  seeds: 3,
  leechers: 2,
  externalIp: '2001:db8::5',
  droppedPeers: 2,
};

describe('tracker: announces over both address families (BEP 7)', () => {
  it('makes one reply of two', () => {
    expect(mergeReplies([FOUR, SIX])).to.deep.equal({
      intervalSec: 200,
      minIntervalSec: 50,
      trackerId: undefined,
      peers: [
        { host: '10.0.0.1', port: 1 },
        { host: '2001:db8::1', port: 1 },
      ],
      seeds: 3,
      leechers: 2,
      warning: undefined,
      externalIp: '203.0.113.5',
      externalIps: ['203.0.113.5', '2001:db8::5'],
      trackerIp: '198.51.100.1',
      droppedPeers: 3,
    });
    expect(mergeReplies([FOUR])).to.equal(FOUR);
  });

  it('one family is enough, a broken one costs a short grace, none is the first error', async () => {
    const refuse = (): Promise<AnnounceReply> => Promise.reject(new Error('no route'));
    const hang = (stop: AbortSignal): Promise<AnnounceReply> =>
      new Promise((_resolve, reject) => {
        stop.addEventListener('abort', () => reject(new Error('stopped')));
      });
    const one = await announceToFamilies(
      [4, 6],
      (family) => (family === 4 ? Promise.resolve(FOUR) : refuse()),
      never,
    );
    expect(one).to.equal(FOUR);
    const patient = await announceToFamilies(
      [4, 6],
      (family, stop) => (family === 6 ? Promise.resolve(SIX) : hang(stop)),
      never,
      5,
    );
    expect(patient).to.equal(SIX);
    const error = await announceToFamilies([4, 6], refuse, never).catch((reason: Error) => reason);
    expect(error).to.include({ message: 'no route' });
  });

  it('where both fail, an answer is preferred to none, and the other gets only its grace period', async () => {
    const refused = new MillraceError('tracker-failure', 'unregistered torrent');
    const error = await announceToFamilies(
      [6, 4],
      (family, stop) =>
        family === 4
          ? Promise.reject(refused)
          : new Promise((_resolve, reject) => {
              stop.addEventListener('abort', () => reject(new Error('stopped')));
            }),
      never,
      5,
    ).catch((reason: Error) => reason);
    expect(error).to.equal(refused);
  });

  describe('at a tracker with both', () => {
    const REQUEST = {
      infoHash: new Uint8Array(20).fill(1),
      peerId: new Uint8Array(20).fill(2),
      port: 7000,
      uploadedBytes: 0,
      downloadedBytes: 0,
      leftBytes: 1,
      numWant: 50,
      key: 1,
    };
    let server: TrackerServer | undefined;
    beforeEach(async function () {
      server = await startTracker({ host: '::', udpPort: 0 }).catch(() => undefined);
      if (server === undefined) this.skip();
    });
    afterEach(() => server?.close());

    /** A name with both addresses of this machine. */
    const resolve = (): Promise<readonly ResolvedAddress[]> =>
      Promise.resolve([
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ]);

    async function leechersAfter(client: TrackerClient, url: string): Promise<number | undefined> {
      await client.announce(url, REQUEST);
      const { counts } = await client.scrape(url, [REQUEST.infoHash]);
      client.close();
      return counts[0]?.leechers;
    }

    it('HTTP: the tracker knows both addresses', async () => {
      const client = new HttpTrackerClient({ version: '0', bothFamilies: true, resolve });
      const url = `http://both.example:${server?.port}/announce`;
      expect(await leechersAfter(client, url)).to.equal(2);
      // The reply to the second announce lists the first one: that peer is ourselves.
      const again = await client.announce(url, REQUEST);
      client.close();
      expect(again.peers).to.deep.equal([]);
      expect(again.externalIps).to.have.members(['127.0.0.1', '::1']);
    });

    it('UDP: the tracker knows both addresses', async () => {
      const client = new UdpTrackerClient({ bothFamilies: true, timeoutMs: 5000, resolve });
      const url = `udp://both.example:${server?.udpPort}/announce`;
      expect(await leechersAfter(client, url)).to.equal(2);
    });
  });
});
