// Third-party clients wait in a swarm before our seed comes. Their next announce is half an hour
// away, so the seed must dial them.

import { expect } from 'chai';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Coordinator } from '../../lib/index';
import { seedWithMillrace, startOpentracker, untilLeecherKnown } from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import type { Need } from '../support/clients/needed';
import { KIB, MIB, digestsOf, makePayload } from '../support/clients/payload';
import { useClients } from '../support/clients/process';
import {
  waitWithAria2,
  waitWithLibtorrent,
  waitWithQbittorrent,
  waitWithRtorrent,
} from '../support/clients/waiting';
import type { StartWaiting, Waiting } from '../support/clients/waiting';
import { freePort } from '../support/free-port';

const WHOLE_MS = 60_000;
const LAYOUT = {
  pieceLengthBytes: 64 * KIB,
  files: new Map([
    ['payload/first.bin', 5 * MIB + 33_119],
    ['payload/second.bin', 3 * MIB + 1],
  ]),
};

const CLIENTS: readonly (readonly [Need, StartWaiting])[] = [
  ['libtorrent', waitWithLibtorrent],
  ['aria2', waitWithAria2],
  ['qbittorrent', waitWithQbittorrent],
  ['rtorrent', waitWithRtorrent],
];

for (const [need, start] of CLIENTS) {
  describeWith(
    ['opentracker', need],
    `interop: ${need} waits before our seed comes`,
    function (this: Mocha.Suite) {
      this.timeout(120_000);
      let folder = '';
      let waiting: Waiting;
      let payload: Awaited<ReturnType<typeof makePayload>>;
      const output = (): string => join(folder, 'output');

      beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), 'millrace-waiting-'));
        const port = await freePort();
        const url = `http://127.0.0.1:${port}/announce`;
        payload = await makePayload(folder, LAYOUT, url);
        await startOpentracker(folder, port, [payload.infoHash]);
        for (const name of ['output', 'home']) await mkdir(join(folder, name));
        waiting = await start(payload, output(), join(folder, 'home'));
        await untilLeecherKnown(waiting.client, url, payload);
      });
      useClients(); // They end before their folder is removed.
      afterEach(() => rm(folder, { recursive: true, force: true }));

      it('gets the whole file', async () => {
        await seedWithMillrace(payload);
        await waiting.whole(WHOLE_MS);
        const digests = await digestsOf(join(output(), 'payload'));
        expect(digests).to.deep.equal(await digestsOf(join(payload.folder, 'payload')));
      });

      it('gets the whole file from a seed that cannot be dialled', async () => {
        const engine = await Coordinator.start({ port: null });
        try {
          await engine.add(payload.torrent, { output: payload.folder, download: false });
          await waiting.whole(WHOLE_MS);
        } finally {
          await engine.close();
        }
        const digests = await digestsOf(join(output(), 'payload'));
        expect(digests).to.deep.equal(await digestsOf(join(payload.folder, 'payload')));
      });
    },
  );
}
