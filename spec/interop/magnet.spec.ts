// Magnet links: metadata from libtorrent, and to it; the .torrent that is saved works for both.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatMagnet, readTorrent } from '../../lib/index';
import {
  downloadWithLibtorrent,
  downloadWithMillrace,
  eventsOf,
  seedWithLibtorrent,
  seedWithMillrace,
  startOpentracker,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { KIB, digestsOf, makePayload } from '../support/clients/payload';
import type { Layout, Payload } from '../support/clients/payload';
import { useClients } from '../support/clients/process';
import { freePort } from '../support/free-port';

const TIMEOUT_MS = 120_000;

/** Its metadata takes three pieces of 16 KiB: 400 names of 80 bytes and more. */
const LAYOUT: Layout = {
  pieceLengthBytes: 16 * KIB,
  files: new Map(
    Array.from({ length: 400 }, (_, at) => [`payload/${'long name '.repeat(7)}${at}.bin`, at * 7]),
  ),
};

describeWith(
  ['opentracker', 'libtorrent'],
  'interop of magnet links',
  function (this: Mocha.Suite) {
    this.timeout(TIMEOUT_MS);
    useClients();
    let folder = '';
    let payload: Payload;
    let trackerPort = 0;
    /** The same torrent, known by its link. */
    let linked: Payload;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'millrace-interop-'));
      trackerPort = await freePort();
      const source = await mkdtemp(join(folder, 'source-'));
      payload = await makePayload(source, LAYOUT, `http://127.0.0.1:${trackerPort}/announce`);
      linked = { ...payload, torrent: formatMagnet(await readTorrent(payload.torrent)) };
    });
    after(() => rm(folder, { recursive: true, force: true }));
    beforeEach(() => startOpentracker(folder, trackerPort, [payload.infoHash]));

    it('come with their metadata from libtorrent, and are saved as a .torrent', async () => {
      await seedWithLibtorrent(payload);
      const output = await mkdtemp(join(folder, 'output-'));
      const saved = join(folder, 'saved.torrent');
      const client = await downloadWithMillrace(linked, output, ['--save-torrent', saved]);
      expect(await digestsOf(output)).to.deep.equal(payload.digests);
      const [link] = eventsOf(client, 'magnet');
      const [metadata] = eventsOf(client, 'metadata');
      expect(link).to.include({ infoHash: payload.infoHash });
      expect(metadata).to.include({ infoHash: payload.infoHash, name: 'payload' });

      const original = await readTorrent(payload.torrent);
      const { infoBytes, trackers } = await readTorrent(saved);
      expect(infoBytes).to.deep.equal(original.infoBytes);
      expect(trackers).to.deep.equal(original.trackers);
      const third = await mkdtemp(join(folder, 'output-'));
      await downloadWithLibtorrent({ ...payload, torrent: saved }, third);
      expect(await digestsOf(third)).to.deep.equal(payload.digests);
    });

    it('go with their metadata to libtorrent', async () => {
      await seedWithMillrace(payload);
      const output = await mkdtemp(join(folder, 'output-'));
      await downloadWithLibtorrent(linked, output);
      expect(await digestsOf(output)).to.deep.equal(payload.digests);
    });
  },
);
