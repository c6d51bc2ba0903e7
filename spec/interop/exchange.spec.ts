// Peer exchange (BEP 11) with libtorrent, without a tracker: each client finds a peer that only the other
// one knows.

import { expect } from 'chai';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Coordinator } from '../../lib/index';
import type { Torrent } from '../../lib/index';
import { libtorrentExchange, libtorrentPort } from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { KIB, makePayload } from '../support/clients/payload';
import type { Payload } from '../support/clients/payload';
import { useClients } from '../support/clients/process';
import { until } from '../support/until';

/** libtorrent sends its first message once it has two peers, and 3 s after that to another one. */
const MEET_MS = 60_000;
const LAYOUT = { pieceLengthBytes: 16 * KIB, files: new Map([['payload.bin', 64 * KIB]]) };

describeWith(['libtorrent'], 'interop: peer exchange with libtorrent', () => {
  let folder = '';
  let payload: Payload;
  const engines: Coordinator[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-exchange-'));
    payload = await makePayload(folder, LAYOUT, 'http://127.0.0.1:9/announce');
  });
  useClients(); // Clients must end before their folder is removed.
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    await rm(folder, { recursive: true, force: true });
  });

  /** An engine that downloads, has no data, and knows one peer at most. */
  async function leecher(
    name: string,
    known?: number,
  ): Promise<{ port: number; torrent: Torrent }> {
    const engine = await Coordinator.start({ port: 0, host: '127.0.0.1', peerThreads: 1 });
    engines.push(engine);
    const torrent = await engine.add(payload.torrent, {
      output: join(folder, name),
      peers: known === undefined ? [] : [`127.0.0.1:${known}`],
    });
    const { port = 0 } = await engine.stats();
    return { port, torrent };
  }

  async function libtorrent(name: string, known?: number, reconnectSec = 1) {
    await mkdir(join(folder, name));
    return libtorrentExchange(payload, join(folder, name), known, reconnectSec);
  }

  it('we meet a peer that only libtorrent knows', async () => {
    const hub = await libtorrent('hub');
    const one = await leecher('one', libtorrentPort(hub));
    const two = await leecher('two', libtorrentPort(hub));
    // They can know each other only by peer exchange.
    const connected = async (): Promise<boolean> =>
      (await one.torrent.stats()).peers.connected + (await two.torrent.stats()).peers.connected >=
      4;
    await hub.until('that they are connected', MEET_MS, connected);
  }).timeout(150_000);

  it('libtorrent meets a peer that only we know', async () => {
    const hub = await leecher('hub');
    // Both get our message at the same time, and dial each other; each may then close the connection
    // that the other one keeps. They must not do so again at the same time.
    const one = await libtorrent('one', hub.port, 1);
    const two = await libtorrent('two', hub.port, 4);
    const [portOne, portTwo] = [libtorrentPort(one), libtorrentPort(two)];
    const met = (): boolean =>
      one.output.includes(`met by exchange ${portTwo}\n`) ||
      two.output.includes(`met by exchange ${portOne}\n`);
    await until(met, 'that one libtorrent met the other', MEET_MS);
    const { addresses, peers } = await hub.torrent.stats();
    expect(peers.connected).to.equal(2);
    expect(addresses.user).to.equal(0);
  }).timeout(150_000);
});
