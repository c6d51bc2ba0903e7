// Our tracker client with a third-party tracker, and third-party clients with our tracker.

import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTorrent } from '../../lib/index';
import { TrackerClients } from '../../lib/tracker/clients';
import { startTracker } from '../../lib/tracker-server/server';
import {
  aria2OverUdp,
  downloadWithAria2,
  downloadWithLibtorrent,
  downloadWithMillrace,
  libtorrentPort,
  seedWithAria2,
  seedWithLibtorrent,
  startOpentracker,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { KIB, MIB, digestsOf, makePayload } from '../support/clients/payload';
import type { Payload } from '../support/clients/payload';
import { HASH, request } from '../support/announce-request';
import { useClients } from '../support/clients/process';
import type { Client } from '../support/clients/process';
import { freePort } from '../support/free-port';

const TIMEOUT_MS = 150_000;
const UNKNOWN = new Uint8Array(20).fill(7);

describeWith(['opentracker'], 'interop with opentracker', () => {
  useClients();
  let folder = '';
  let port = 0;
  let clients: TrackerClients;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-opentracker-'));
    port = await freePort();
    await startOpentracker(folder, port, [Buffer.from(HASH).toString('hex')]);
    clients = new TrackerClients({ version: '0', timeoutMs: 10_000, keepAlive: true });
  });
  afterEach(async () => {
    clients.close();
    await rm(folder, { recursive: true });
  });

  for (const scheme of ['http', 'udp']) {
    it(`${scheme}: announces, learns of peers, completes, scrapes, stops`, async () => {
      const url = `${scheme}://127.0.0.1:${port}/announce`;
      const first = await clients.announce(url, request(1, { event: 'started' }));
      expect(first.leechers).to.equal(1);
      const second = await clients.announce(url, request(2, { event: 'started', leftBytes: 0 }));
      expect(second).to.include({ seeds: 1, leechers: 1, trackerIp: '127.0.0.1' });
      // It may name the asker as well, and that is filtered out.
      expect(second.peers).to.deep.equal([{ host: '127.0.0.1', port: 1001 }]);
      await clients.announce(url, request(1, { event: 'completed', leftBytes: 0 }));
      const { counts } = await clients.scrape(url, [HASH]);
      expect(counts[0]).to.include({ seeds: 2, leechers: 0, completed: 1 });
      await clients.announce(url, request(2, { event: 'stopped', leftBytes: 0 }));
      expect((await clients.scrape(url, [HASH])).counts[0]?.seeds).to.equal(1);
    }).timeout(TIMEOUT_MS);

    it(`${scheme}: a torrent that it does not serve is its failure`, async () => {
      const url = `${scheme}://127.0.0.1:${port}/announce`;
      const refused = await clients
        .announce(url, request(1, { event: 'started', infoHash: UNKNOWN }))
        .then(
          (reply) => reply,
          (error: unknown) => error,
        );
      expect(refused).to.include({ code: 'tracker-failure' });
    });
  }

  it('lists over HTTP the peers announced over UDP, and the other way round', async () => {
    await clients.announce(`udp://127.0.0.1:${port}/announce`, request(1, { event: 'started' }));
    const reply = await clients.announce(
      `http://127.0.0.1:${port}/announce`,
      request(2, { event: 'started' }),
    );
    expect(reply.peers).to.deep.equal([{ host: '127.0.0.1', port: 1001 }]);
    const back = await clients.announce(
      `udp://127.0.0.1:${port}/announce?x=y`,
      request(1, { event: 'started' }),
    );
    expect(back.peers).to.deep.equal([{ host: '127.0.0.1', port: 1002 }]);
  });
});

/** One file, seeded and downloaded by others; only our tracker can have brought them together. */
const LAYOUT = { pieceLengthBytes: 32 * KIB, files: new Map([['payload.bin', MIB + 7]]) };

async function swarmOf(
  scheme: 'http' | 'udp',
  seedWith: (payload: Payload) => Promise<Client>,
  downloadWith: (payload: Payload, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-tracked-'));
  const tracker = await startTracker({ udpPort: 0, intervalSec: 30 });
  try {
    const url = scheme === 'http' ? tracker.url : (tracker.udpUrl ?? '');
    const payload = await makePayload(folder, LAYOUT, url);
    const seed = await seedWith(payload);
    await seed.until('its announce as a seed', 30_000, () => tracker.stats().seeds === 1);
    const output = join(folder, 'output');
    await downloadWith(payload, output);
    expect(await digestsOf(output)).to.deep.equal(payload.digests);
    expect(tracker.stats().announces[scheme]).to.be.at.least(2);
  } finally {
    await tracker.close();
    await rm(folder, { recursive: true, force: true });
  }
}

describeWith(['aria2'], 'interop of our tracker with aria2', () => {
  useClients();

  it('HTTP: one aria2 finds the other', () =>
    swarmOf('http', seedWithAria2, downloadWithAria2)).timeout(TIMEOUT_MS);
  it('UDP: one aria2 finds the other', () =>
    swarmOf(
      'udp',
      async (payload) => seedWithAria2(payload, await aria2OverUdp(payload.folder)),
      async (payload, folder) =>
        downloadWithAria2(payload, folder, await aria2OverUdp(payload.folder)),
    )).timeout(TIMEOUT_MS);
});

describeWith(['libtorrent'], 'interop of our tracker with libtorrent', () => {
  useClients();

  it('HTTP: one libtorrent finds the other', () =>
    swarmOf('http', seedWithLibtorrent, downloadWithLibtorrent)).timeout(TIMEOUT_MS);
  it('UDP: one libtorrent finds the other', () =>
    swarmOf('udp', seedWithLibtorrent, downloadWithLibtorrent)).timeout(TIMEOUT_MS);

  it('names a seed for as long as libtorrent waits with its next announce', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-tracked-'));
    const clients = new TrackerClients({ version: '0' });
    let nowMs = 0;
    const tracker = await startTracker({ intervalSec: 60, now: () => nowMs });
    try {
      const payload = await makePayload(folder, LAYOUT, tracker.url);
      const seed = await seedWithLibtorrent(payload);
      await seed.untilPrinted(/next announce in \d+ s/, 30_000);
      const waitSec = Number(/next announce in (\d+) s/.exec(seed.output)?.[1]);
      expect(waitSec, 'longer than the interval').to.be.within(120, 600);
      const infoHash = (await readTorrent(payload.torrent)).infoHash;
      nowMs += waitSec * 1000;
      const { peers } = await clients.announce(tracker.url, request(1, { infoHash }));
      expect(peers.map(({ port }) => port)).to.deep.equal([libtorrentPort(seed)]);
      await seed.stop();
    } finally {
      clients.close();
      await tracker.close();
      await rm(folder, { recursive: true, force: true });
    }
  }).timeout(TIMEOUT_MS);
});

describeWith(['libtorrent'], 'interop of our tracker with libtorrent and Millrace', () => {
  useClients();

  for (const scheme of ['http', 'udp'] as const) {
    it(`${scheme}: what libtorrent seeds, our download finds`, () =>
      swarmOf(
        scheme,
        (payload) => seedWithLibtorrent(payload),
        (payload, folder) => downloadWithMillrace(payload, folder).then(() => undefined),
      )).timeout(TIMEOUT_MS);
  }
});
