// The option `bind`: everything that an engine sends comes from that address.

import dgram from 'node:dgram';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { encode } from '../../lib/bencode/encode';
import { Coordinator } from '../../lib/index';
import { KIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, expectCode, within } from '../support/swarm';
import { until } from '../support/until';

const OWN = '127.0.0.9';

describe('engine bound to an address', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('listens, dials, announces and fetches from there alone', async () => {
    const payload = new Payload({ name: 'file', lengthBytes: 256 * KIB });
    const [source, output] = [await swarm.folder(), await swarm.folder()];
    await payload.write(source);
    const seeder = await swarm.engine();
    await within((await seeder.add(payload.torrent, { output: source })).completed, 'the seed');

    const came = { fetch: new Set(), announce: new Set(), udp: new Set() };
    const udp = dgram.createSocket('udp4', (_, { address }) => came.udp.add(address));
    udp.bind(0, '127.0.0.1');
    await once(udp, 'listening');
    swarm.onClose(async () => udp.close());
    let torrentFile: Uint8Array = new Uint8Array();
    const server = http.createServer((request, response) => {
      const isFetch = request.url === '/it.torrent';
      (isFetch ? came.fetch : came.announce).add(request.socket.remoteAddress);
      const peers = Buffer.from([127, 0, 0, 1, (seeder.port ?? 0) >> 8, (seeder.port ?? 0) & 255]);
      response.end(isFetch ? torrentFile : encode({ interval: 1800, peers }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    swarm.onClose(async () => {
      server.closeAllConnections();
      server.close();
    });
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const trackers = [[`${base}/announce`], [`udp://127.0.0.1:${udp.address().port}/announce`]];
    torrentFile = new Payload({ name: 'file', lengthBytes: 256 * KIB, trackers }).torrent;

    const engine = await swarm.engine({ host: undefined, bind: OWN });
    const incoming = new Promise((resolve) =>
      seeder.torrents[0]?.once('peerConnected', ({ host }) => resolve(host)),
    );
    const torrent = await engine.add(`${base}/it.torrent`, { output, announceToAll: 'trackers' });
    await within(torrent.completed, 'the download');
    expect(await incoming).to.equal(OWN);
    await until(() => came.udp.size > 0, 'a packet to the UDP tracker');
    expect([...came.fetch, ...came.announce, ...came.udp]).to.deep.equal([OWN, OWN, OWN]);
    const reaches = (host: string): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = net.connect(engine.port ?? 0, host);
        socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
        swarm.onClose(async () => socket.destroy());
      });
    expect(await reaches(OWN)).to.equal(true);
    expect(await reaches('127.0.0.1')).to.equal(false);
  });

  it('does not start where it cannot be bound, and not beside `host`', async () => {
    for (const [options, message] of [
      [
        { bind: 'no-such-interface' },
        /option bind must be an address or an interface .*: it has .*lo/,
      ],
      [{ bind: '192.0.2.99' }, /option bind .* 192\.0\.2\.99 is not/],
      [{ bind: '' }, /option bind must be an address or the name of an interface/],
      [{ bind: OWN, host: OWN }, /option host is not allowed beside bind/],
    ] as const) {
      const error = await expectCode(Coordinator.start(options), 'bad-option');
      expect(error.message).to.match(message);
    }
  });
});
