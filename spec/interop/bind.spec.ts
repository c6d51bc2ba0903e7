// A download that is bound to one of two interfaces: when that interface loses its address, nothing is sent
// by the other one.

import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  eventsOf,
  seedWithMillrace,
  startDownload,
  startOpentracker,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { KIB, MIB, digestsOf, makePayload } from '../support/clients/payload';
import { useClients } from '../support/clients/process';
import { layCable, laySecondWay } from '../support/clients/netns';
import type { Cable } from '../support/clients/netns';
import { freePort } from '../support/free-port';

const LAYOUT = { pieceLengthBytes: 256 * KIB, files: new Map([['payload.bin', 4 * MIB]]) };
const WAIT_MS = 60_000;

describeWith(['opentracker', 'namespaces'], 'interop: bound to one of two ways', function () {
  let folder = '';
  let cable: Cable;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-bind-'));
    cable = layCable();
  });
  after(async () => {
    cable.remove();
    await rm(folder, { recursive: true, force: true });
  });
  useClients();

  it('sends nothing by the other one, not even after its own has gone', async () => {
    const { here, there } = cable;
    const way = laySecondWay(cable);
    const far = { ...there, address: way.far };
    const port = await freePort();
    const payload = await makePayload(folder, LAYOUT, `http://${way.far}:${port}/announce`);
    await startOpentracker(folder, port, [payload.infoHash], far);
    const seed = await seedWithMillrace(payload, far);
    const [{ port: seedPort } = { port: 0 }] = eventsOf(seed, 'metadata');
    const output = join(folder, 'output');
    // A seed that does not exist: it is dialled again and again.
    const args = ['--bind', 'cable', '--seed', '--peer', `${way.far}:9`];
    args.push('--peer', `${way.far}:${String(seedPort)}`);
    const client = startDownload(payload, output, args, here);
    await client.until('the download', WAIT_MS, () => eventsOf(client, 'complete').length > 0);
    expect(await digestsOf(output)).to.deep.equal(payload.digests);
    const [incoming] = eventsOf(seed, 'peer-connected');
    expect(incoming).to.include({ host: here.address, incoming: true });

    way.cut();
    const lost = (): boolean =>
      eventsOf(client, 'peer-closed').some(({ reason }) => reason === 'no-address');
    await client.until('the end of its connection, or of a dial', WAIT_MS, lost);
    expect(way.sent(), 'packets by the other way').to.equal(0);

    way.mend();
    const connected = (): number => eventsOf(client, 'peer-connected').length;
    const before = connected();
    await client.until('a connection', WAIT_MS, () => connected() > before);
    expect(way.sent(), 'packets by the other way').to.equal(0);
  }).timeout(3 * WAIT_MS);
});
