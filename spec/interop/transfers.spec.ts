// Transfers between Millrace and third-party clients, both ways, over a third-party tracker.

import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  downloadWithAria2,
  downloadWithLibtorrent,
  downloadWithMillrace,
  eventsOf,
  libtorrentPort,
  seedWithAria2,
  seedWithLibtorrent,
  seedWithMillrace,
  startOpentracker,
  untilSeedKnown,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { KIB, MIB, digestsOf, makePayload } from '../support/clients/payload';
import type { Layout, Payload } from '../support/clients/payload';
import { useClients } from '../support/clients/process';
import { freePort } from '../support/free-port';

const TIMEOUT_MS = 150_000;

const one = (lengthBytes: number): ReadonlyMap<string, number> =>
  new Map([['payload.bin', lengthBytes]]);

/** Lengths chosen so that the last piece, and its last block, are short. */
const LAYOUTS: Readonly<Record<string, Layout>> = {
  'one file, pieces of 16 KiB': { pieceLengthBytes: 16 * KIB, files: one(6 * MIB + 351) },
  'one file, pieces of 256 KiB': { pieceLengthBytes: 256 * KIB, files: one(20 * MIB + 33_119) },
  'many files and empty ones, pieces of 4 MiB': {
    pieceLengthBytes: 4 * MIB,
    files: new Map([
      ['payload/a/first.bin', 9 * MIB + 1],
      ['payload/a/empty', 0],
      ['payload/a/one byte', 1],
      ['payload/b/c/deep.bin', 4 * MIB],
      ['payload/b/empty too', 0],
      ['payload/b/spans.bin', 13 * MIB + 16_385],
      ['payload/ümlaut – ✓.txt', 16_384],
      ['payload/z last and empty', 0],
    ]),
  },
  'one file, pieces of 16 MiB': { pieceLengthBytes: 16 * MIB, files: one(40 * MIB + 16_385) },
  'one file, pieces of 64 MiB': { pieceLengthBytes: 64 * MIB, files: one(140 * MIB + 7) },
  '10,000 small files': {
    pieceLengthBytes: 256 * KIB,
    // 0 to 2047 bytes each, the empty ones included.
    files: new Map(
      Array.from({ length: 10_000 }, (_, index) => [
        `payload/${index % 100}/${index}.bin`,
        (index * 997) % 2048,
      ]),
    ),
  },
};

describeWith(['opentracker', 'libtorrent', 'aria2'], 'interop on loopback', function () {
  useClients();
  let folder = '';
  let trackerPort = 0;
  const trackerUrl = (): string => `http://127.0.0.1:${trackerPort}/announce`;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-interop-'));
    trackerPort = await freePort();
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [title, layout] of Object.entries(LAYOUTS)) {
    describe(title, function () {
      this.timeout(TIMEOUT_MS);
      let payload: Payload;
      let source = '';
      let output = '';

      before(async () => {
        source = await mkdtemp(join(folder, 'source-'));
        payload = await makePayload(source, layout, trackerUrl());
      });
      after(() => rm(source, { recursive: true }));
      beforeEach(async () => {
        output = await mkdtemp(join(folder, 'output-'));
        // A new tracker for each example, without the peers of the last.
        await startOpentracker(source, trackerPort, [payload.infoHash]);
      });
      afterEach(() => rm(output, { recursive: true }));

      it('comes from libtorrent', async () => {
        await untilSeedKnown(await seedWithLibtorrent(payload), trackerUrl(), payload);
        await downloadWithMillrace(payload, output);
        expect(await digestsOf(output)).to.deep.equal(payload.digests);
      });

      it('comes from aria2', async () => {
        await untilSeedKnown(await seedWithAria2(payload), trackerUrl(), payload);
        await downloadWithMillrace(payload, output);
        expect(await digestsOf(output)).to.deep.equal(payload.digests);
      });

      it('goes to libtorrent', async () => {
        await seedWithMillrace(payload);
        await downloadWithLibtorrent(payload, output);
        expect(await digestsOf(output)).to.deep.equal(payload.digests);
      });

      it('goes to aria2, which opens encrypted and comes back in plain text', async () => {
        const seed = await seedWithMillrace(payload);
        await downloadWithAria2(payload, output);
        expect(await digestsOf(output)).to.deep.equal(payload.digests);
        const rejected = eventsOf(seed, 'peer-rejected').map(({ reason }) => reason);
        expect(rejected).to.include('encrypted-handshake');
      });
    });
  }

  it('comes from a libtorrent that listens on IPv6', async function () {
    this.timeout(TIMEOUT_MS);
    const layout = { pieceLengthBytes: 32 * KIB, files: one(3 * MIB + 1) };
    const payload = await makePayload(folder, layout, trackerUrl()); // Nobody answers there.
    const seed = await seedWithLibtorrent(payload, '::1');
    const output = join(folder, 'v6');
    await downloadWithMillrace(payload, output, ['--peer', `[::1]:${libtorrentPort(seed)}`]);
    expect(await digestsOf(output)).to.deep.equal(payload.digests);
  });
});
