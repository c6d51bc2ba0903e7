// Two of our engines that find each other through third-party trackers, over HTTP and UDP; and our
// client with the second of these trackers.

import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TrackerClients } from '../../lib/tracker/clients';
import {
  downloadWithMillrace,
  eventsOf,
  seedWithMillrace,
  startBittorrentTracker,
  startOpentracker,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { KIB, MIB, digestsOf, makePayload } from '../support/clients/payload';
import type { Client } from '../support/clients/process';
import { HASH, request } from '../support/announce-request';
import { useClients } from '../support/clients/process';
import { freePort } from '../support/free-port';

const TIMEOUT_MS = 150_000;
const SCHEMES = ['http', 'udp'] as const;
const LAYOUT = { pieceLengthBytes: 32 * KIB, files: new Map([['payload.bin', 3 * MIB + 7]]) };

type Start = (folder: string, port: number, infoHash: string) => Promise<Client>;

/** A seed and a download that know each other only through the tracker, and what it sent both. */
async function meetThrough(scheme: 'http' | 'udp', start: Start): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-meeting-'));
  try {
    const port = await freePort();
    const url = `${scheme}://127.0.0.1:${port}/announce`;
    const payload = await makePayload(folder, LAYOUT, url);
    await start(folder, port, payload.infoHash);
    const seed = await seedWithMillrace(payload);
    const output = join(folder, 'output');
    const download = await downloadWithMillrace(payload, output);
    expect(await digestsOf(output)).to.deep.equal(payload.digests);
    const [first] = eventsOf(download, 'tracker');
    expect(first).to.include({ url, ok: true, seeds: 1 });
    const count = (): Promise<readonly unknown[]> => countsAt(url, payload.infoHash);
    expect(await count(), 'the download has left').to.deep.equal([1, 0]);
    await seed.stop();
    expect(await count(), 'the seed, too').to.deep.equal([0, 0]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Seeds and leechers that a tracker counts; none where it does not know the torrent. */
async function countsAt(url: string, infoHash: string): Promise<readonly unknown[]> {
  const clients = new TrackerClients({ version: '0', timeoutMs: 10_000 });
  try {
    const { counts } = await clients.scrape(url, [Buffer.from(infoHash, 'hex')]);
    return [counts[0]?.seeds ?? 0, counts[0]?.leechers ?? 0];
  } finally {
    clients.close();
  }
}

describeWith(['opentracker'], 'interop of two engines through opentracker', () => {
  useClients();
  for (const scheme of SCHEMES) {
    it(`${scheme}: one finds the other, and both leave`, () =>
      meetThrough(scheme, (folder, port, hash) => startOpentracker(folder, port, [hash]))).timeout(
      TIMEOUT_MS,
    );
  }
});

describe('interop with bittorrent-tracker', function () {
  this.timeout(TIMEOUT_MS);
  useClients();

  for (const scheme of SCHEMES) {
    it(`${scheme}: two engines find each other, and both leave`, () =>
      meetThrough(scheme, (_folder, port) => startBittorrentTracker(port)));

    it(`${scheme}: announces, learns of peers, completes, scrapes, stops`, async () => {
      const port = await freePort();
      await startBittorrentTracker(port);
      const url = `${scheme}://127.0.0.1:${port}/announce`;
      const clients = new TrackerClients({ version: '0', timeoutMs: 10_000, keepAlive: true });
      try {
        expect(await clients.announce(url, request(1, { event: 'started' }))).to.include({
          leechers: 1,
          seeds: 0,
        });
        const second = await clients.announce(url, request(2, { event: 'started', leftBytes: 0 }));
        expect(second).to.include({ seeds: 1, leechers: 1, trackerIp: '127.0.0.1' });
        expect(second.peers.map(({ host, port: of }) => [host, of])).to.deep.equal([
          ['127.0.0.1', 1001],
        ]);
        await clients.announce(url, request(1, { event: 'completed', leftBytes: 0 }));
        const unknown = new Uint8Array(20).fill(7);
        const { counts } = await clients.scrape(url, [HASH, unknown]);
        expect(counts[0]).to.include({ seeds: 2, leechers: 0 });
        expect(counts[1]?.seeds ?? 0).to.equal(0);
        await clients.announce(url, request(2, { event: 'stopped', leftBytes: 0 }));
        expect((await clients.scrape(url, [HASH])).counts[0]?.seeds).to.equal(1);
      } finally {
        clients.close();
      }
    });
  }
});
