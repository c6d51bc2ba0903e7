import { expect } from 'chai';
import { loadTrackers } from '../../../lib/coordinator/outlets/tracker-clients';
import { recordOf } from '../../../lib/errors/millrace-error';
import { startTracker } from '../../../lib/tracker-server/server';
import type { TrackerServer } from '../../../lib/tracker-server/server';

describe('coordinator: the clients it asks trackers with', () => {
  let server: TrackerServer | undefined;
  beforeEach(async function () {
    server = await startTracker({ host: '::', udpPort: 0 }).catch((error: unknown) => {
      const { cause } = recordOf(error).details ?? {};
      if (cause !== 'EAFNOSUPPORT' && cause !== 'EADDRNOTAVAIL') throw error;
      return undefined;
    });
    if (server === undefined) this.skip(); // This machine has no IPv6.
  });
  afterEach(() => server?.close());

  it('announce over both address families, HTTP and UDP (BEP 7)', async () => {
    const trackers = loadTrackers('0', {
      resolve: () =>
        Promise.resolve([
          { address: '127.0.0.1', family: 4 },
          { address: '::1', family: 6 },
        ]),
    });
    const ports = { http: server?.port, udp: server?.udpPort };
    for (const [scheme, port] of Object.entries(ports)) {
      const infoHash = Buffer.alloc(20, scheme);
      const url = `${scheme}://both.example:${port}/announce`;
      const request = { uploadedBytes: 0, downloadedBytes: 0, leftBytes: 1, numWant: 9, key: 1 };
      const peerId = new Uint8Array(20).fill(1);
      await trackers.announce(url, { infoHash, peerId, port: 7000, event: 'started', ...request });
      expect((await trackers.scrape(url, [infoHash])).counts[0]?.leechers, scheme).to.equal(2);
    }
    trackers.close();
  });
});
