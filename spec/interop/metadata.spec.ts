// Magnet links with other clients (BEP 9): their metadata for us, and ours for them. The metadata has two pieces.

import { expect } from 'chai';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Coordinator } from '../../lib/index';
import type { Torrent } from '../../lib/index';
import {
  libtorrentMagnet,
  libtorrentPort,
  seedWithLibtorrent,
  startAria2,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { KIB, MIB, digestsOf, makePayload } from '../support/clients/payload';
import type { Payload } from '../support/clients/payload';
import { useClients } from '../support/clients/process';

const LAYOUT = { pieceLengthBytes: 16 * KIB, files: new Map([['payload.bin', 16 * MIB]]) };
const TRANSFER_MS = 60_000;

describeWith(['libtorrent', 'aria2'], 'interop: magnet links', () => {
  let folder = '';
  let payload: Payload;
  let link = '';
  const engines: Coordinator[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-magnet-'));
    payload = await makePayload(folder, LAYOUT, 'http://127.0.0.1:9/announce');
    link = `magnet:?xt=urn:btih:${payload.infoHash}`;
  });
  useClients(); // Clients must end before their folder is removed.
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    await rm(folder, { recursive: true, force: true });
  });

  async function engine(): Promise<Coordinator> {
    const made = await Coordinator.start({ port: 0, host: '127.0.0.1', peerThreads: 1 });
    engines.push(made);
    return made;
  }

  async function seed(): Promise<{ readonly port: number; readonly torrent: Torrent }> {
    const seeding = await engine();
    const torrent = await seeding.add(payload.torrent, { output: payload.folder, download: false });
    await torrent.completed;
    return { port: seeding.port ?? 0, torrent };
  }

  async function completed(torrent: Torrent, output: string): Promise<void> {
    await torrent.completed;
    expect(await digestsOf(output)).to.deep.equal(payload.digests);
  }

  it('we get the metadata and the data from libtorrent, and begin without it the next time', async () => {
    const seeder = await seedWithLibtorrent(payload);
    const output = join(folder, 'ours');
    const one = await engine();
    const peers = [`127.0.0.1:${libtorrentPort(seeder)}`];
    await completed(await one.add(link, { output, peers, seed: false }), output);
    await one.close();
    const state = await readdir(join(output, '.millrace'));
    expect(state).to.include(`${payload.infoHash}.info`);
    await completed(await (await engine()).add(link, { output, seed: false }), output);
  }).timeout(150_000);

  it('libtorrent gets the metadata and the data from us', async () => {
    const output = join(folder, 'theirs');
    await mkdir(output);
    const { port } = await seed();
    const client = await libtorrentMagnet(link, output, port);
    await client.succeeded(TRANSFER_MS);
    expect(await digestsOf(output)).to.deep.equal(payload.digests);
  }).timeout(150_000);

  it('libtorrent gets it from one of us that has it by the link, too', async () => {
    const first = await engine();
    const { port } = await seed();
    const peers = [`127.0.0.1:${port}`];
    const torrent = await first.add(link, { output: join(folder, 'ours'), peers });
    const output = join(folder, 'theirs');
    await mkdir(output);
    const client = await libtorrentMagnet(link, output, first.port ?? 0);
    await client.succeeded(TRANSFER_MS);
    await torrent.completed;
    expect(await digestsOf(output)).to.deep.equal(payload.digests);
  }).timeout(150_000);

  it('aria2 gets the metadata and the data from us', async () => {
    const { torrent } = await seed();
    const output = join(folder, 'theirs');
    const client = await startAria2(link, output, ['--seed-time=0', '--follow-torrent=true']);
    const listening = /IPv4 BitTorrent: listening on TCP port (\d+)/;
    await client.untilPrinted(listening, TRANSFER_MS);
    // aria2 announces itself as a seed while it has no metadata, so some trackers give it no seeds: we dial it.
    await torrent.addPeer(`127.0.0.1:${listening.exec(client.output)?.[1] ?? ''}`);
    await client.succeeded(TRANSFER_MS);
    expect(await digestsOf(output)).to.deep.equal(payload.digests);
  }).timeout(150_000);
});
