// Transmission downloads from our seed. It refuses peers on 127/8, so the two meet on addresses of
// our own, each in a network namespace. (It makes no empty files: there are none here.)

import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  downloadWithTransmission,
  seedWithMillrace,
  startOpentracker,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { KIB, MIB, digestsOf, makePayload } from '../support/clients/payload';
import type { Layout } from '../support/clients/payload';
import { useClients } from '../support/clients/process';
import { layCable } from '../support/clients/netns';
import type { Cable } from '../support/clients/netns';
import { freePort } from '../support/free-port';

const LAYOUTS: Readonly<Record<string, Layout>> = {
  'one file': { pieceLengthBytes: 256 * KIB, files: new Map([['payload.bin', 20 * MIB + 33_119]]) },
  'many files': {
    pieceLengthBytes: 1 * MIB,
    files: new Map([
      ['payload/a/first.bin', 5 * MIB + 1],
      ['payload/b/second.bin', 3 * MIB + 16_385],
      ['payload/b/one byte', 1],
    ]),
  },
};

describeWith(
  ['opentracker', 'transmission', 'namespaces'],
  'interop between network namespaces',
  function () {
    let folder = '';
    let cable: Cable;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'millrace-interop-'));
      cable = layCable();
    });
    after(async () => {
      cable.remove();
      await rm(folder, { recursive: true, force: true });
    });
    useClients();

    for (const [title, layout] of Object.entries(LAYOUTS)) {
      it(`${title}: goes to transmission`, async function () {
        this.timeout(120_000);
        const source = await mkdtemp(join(folder, 'source-'));
        const output = join(source, 'output');
        const port = await freePort();
        const { here, there } = cable;
        const payload = await makePayload(
          source,
          layout,
          `http://${here.address}:${port}/announce`,
        );
        await startOpentracker(source, port, [payload.infoHash], here);
        await seedWithMillrace(payload, here);
        await downloadWithTransmission(payload, output, there);
        expect(await digestsOf(output)).to.deep.equal(payload.digests);
      });
    }
  },
);
