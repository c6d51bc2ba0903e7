// Clients that require encryption, which we do not support yet: no transfer happens, and `download`
// and `doctor` report them.

import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diagnose } from '../../lib/index';
import {
  eventsOf,
  seedWithAria2,
  seedWithLibtorrent,
  startDownload,
  startOpentracker,
  untilSeedKnown,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import type { Need } from '../support/clients/needed';
import { KIB, makePayload } from '../support/clients/payload';
import type { Payload } from '../support/clients/payload';
import { useClients } from '../support/clients/process';
import type { Client } from '../support/clients/process';
import { freePort } from '../support/free-port';

const LAYOUT = { pieceLengthBytes: 64 * KIB, files: new Map([['payload.bin', 300 * KIB]]) };

const SEEDS: readonly (readonly [Need, (payload: Payload) => Promise<Client>])[] = [
  ['libtorrent', (payload) => seedWithLibtorrent(payload, '127.0.0.1', ['encrypted'])],
  ['aria2', (payload) => seedWithAria2(payload, ['--bt-require-crypto=true'])],
];

for (const [need, seedWith] of SEEDS) {
  describeWith(
    ['opentracker', need],
    `interop: ${need} insists on encryption`,
    function (this: Mocha.Suite) {
      this.timeout(120_000);
      let folder = '';
      let payload: Payload;

      beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), 'millrace-encrypted-'));
        const port = await freePort();
        const url = `http://127.0.0.1:${port}/announce`;
        payload = await makePayload(folder, LAYOUT, url);
        await startOpentracker(folder, port, [payload.infoHash]);
        await untilSeedKnown(await seedWith(payload), url, payload);
      });
      useClients();
      afterEach(() => rm(folder, { recursive: true, force: true }));

      it('the closing account of a download shows it', async () => {
        const download = startDownload(payload, join(folder, 'output'));
        await download.until('a refusal', 60_000, () =>
          eventsOf(download, 'peer-closed').some(({ reason }) => reason === 'plain-refused'),
        );
        await download.stop();
        const [account] = eventsOf(download, 'peers-closed');
        expect(account).to.include({ reachedPeers: 1 });
        expect(account?.encryptedOnly).to.have.length(1);
        expect(String(account?.encryptedOnly)).to.match(/^127\.0\.0\.1:\d+$/);
      });

      it('so does a diagnosis, which has tried both', async () => {
        const { findings, advice } = await diagnose(payload.torrent, { output: folder });
        const outcomes = findings.flatMap((each) => (each.check === 'peer' ? each.outcome : []));
        expect(outcomes).to.deep.equal(['encrypted']);
        expect(advice).to.match(/1 of 1 peer speaks only encrypted connections/);
      });
    },
  );
}
