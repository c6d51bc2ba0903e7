// One address against a seed of ours: 500 connections that shake hands and do nothing, or that do not
// even shake hands, come back whenever they are closed, and keep none of 20 honest peers out.

import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { seedWithMillrace, eventsOf, startOpentracker } from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { KIB, MIB, makePayload } from '../support/clients/payload';
import { Client, useClients } from '../support/clients/process';
import { layCable } from '../support/clients/netns';
import type { Cable } from '../support/clients/netns';
import { freePort } from '../support/free-port';

const FLOOD = resolve(__dirname, '..', 'support', 'hostile', 'flood.mjs');
const ATTACKERS = 500;
const HONEST = 20;
const LAYOUT = { pieceLengthBytes: 64 * KIB, files: new Map([['payload.bin', MIB]]) };

const honestAddress = (index: number): string => `10.73.0.${100 + index}`;

describeWith(['opentracker', 'namespaces'], 'one address floods a seed of ours', function () {
  let folder = '';
  let cable: Cable;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-flood-'));
    cable = layCable();
    const [ip = '', ...enter] = cable.there.enter;
    for (let index = 0; index < HONEST; index++) {
      const add = ['ip', 'address', 'add', `${honestAddress(index)}/24`, 'dev', 'cable'];
      execFileSync(ip, [...enter, ...add]);
    }
  });
  after(async () => {
    cable.remove();
    await rm(folder, { recursive: true, force: true });
  });
  useClients();

  for (const mode of ['idle', 'mute'] as const) {
    it(`with connections that are ${mode}: every honest peer gets its block`, async function () {
      this.timeout(120_000);
      const { here, there } = cable;
      const port = await freePort();
      const source = await mkdtemp(join(folder, 'source-'));
      const payload = await makePayload(source, LAYOUT, `http://${here.address}:${port}/announce`);
      await startOpentracker(source, port, [payload.infoHash], here);
      const seed = await seedWithMillrace(payload, here);
      const listening = String(eventsOf(seed, 'metadata')[0]?.port);
      const peers = (count: number, how: string, from: readonly string[]): Client =>
        new Client(
          [
            process.execPath,
            FLOOD,
            here.address,
            listening,
            payload.infoHash,
            String(count),
          ].concat(how, from),
          { place: there },
        );
      const flood = peers(ATTACKERS, mode, [there.address]);
      // The flood has every place that it can have.
      await seed.until('the flood', 60_000, () => /"too-many-connections"/.test(seed.stdout));
      const honest = peers(
        HONEST,
        'leech',
        Array.from({ length: HONEST }, (_, n) => honestAddress(n)),
      );
      const served = (): ReadonlySet<string> =>
        new Set(
          [...honest.stdout.matchAll(/"from":"([^"]+)","bytes":16384/g)].map(
            ([, from = '']) => from,
          ),
        );
      await honest.until('a block for each', 60_000, () => served().size === HONEST);
      expect(served().size).to.equal(HONEST);
      expect(flood.ended).to.equal(undefined);
    });
  }
});
