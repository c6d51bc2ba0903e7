// What our tracker hands out besides announces, the list it can grow, and a flood over HTTP.

import { expect } from 'chai';
import { once } from 'node:events';
import { ServerResponse, get } from 'node:http';
import { Socket, connect } from 'node:net';
import { startTracker } from '../../lib/tracker-server/server';
import type { TrackerServer, TrackerServerOptions } from '../../lib/tracker-server/server';
import { startHttpServer } from '../../lib/tracker-server/http-server';
import type { ListeningServer } from '../../lib/tracker-server/udp-server';
import { PublishedTorrents } from '../../lib/tracker-server/published-torrents';
import { Tracker } from '../../lib/tracker-server/tracker';
import { HttpTrackerClient } from '../../lib/tracker/http-client';
import { ListenerLeaks } from '../support/listener-leaks';

const HASH = new Uint8Array(20).fill(0xfe);
const client = new HttpTrackerClient({ version: '0' });

function announce(server: TrackerServer, more: object = {}) {
  return client.announce(server.url, {
    infoHash: HASH,
    peerId: new Uint8Array(20).fill(1),
    port: 1000,
    uploadedBytes: 0,
    downloadedBytes: 0,
    leftBytes: 1,
    numWant: 50,
    key: 1,
    ...more,
  });
}

function fetchPath(
  server: TrackerServer,
  path: string,
): Promise<{ status: number | undefined; type: string | undefined; body: Buffer }> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: server.port, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          type: response.headers['content-type'],
          body: Buffer.concat(chunks),
        }),
      );
    }).on('error', reject);
  });
}

describe('tracker: published torrents', () => {
  const open: TrackerServer[] = [];
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });

  async function start(options: TrackerServerOptions = {}): Promise<TrackerServer> {
    const server = await startTracker(options);
    open.push(server);
    return server;
  }

  it('come byte for byte under their names, whatever those are', async () => {
    const server = await start();
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at & 0xff));
    server.publish("my dätä '1'.torrent", bytes);
    const found = await fetchPath(server, '/my%20d%C3%A4t%C3%A4%20%271%27.torrent');
    expect(found).to.include({ status: 200, type: 'application/x-bittorrent' });
    expect(found.body.equals(bytes)).to.equal(true);
    for (const path of ['/other.torrent', '/%FF.torrent', '/%.torrent', '/..%2Fx.torrent']) {
      expect((await fetchPath(server, path)).status, path).to.equal(404);
    }
  });

  it('are few and small, and named like a file', async () => {
    const server = await start();
    const refused = (name: string, lengthBytes: number): unknown => {
      try {
        server.publish(name, new Uint8Array(lengthBytes));
      } catch (error) {
        return (error as { code?: string }).code;
      }
      return undefined;
    };
    for (const name of ['announce', '.torrent', 'a/b.torrent', '']) {
      expect(refused(name, 1), name).to.equal('bad-option');
    }
    expect(refused('large.torrent', 64 * 1024 * 1024)).to.equal(undefined);
    expect(refused('more.torrent', 1)).to.equal('bad-option');
    // The same name takes the place of the old one, and of its bytes.
    expect(refused('large.torrent', 1)).to.equal(undefined);
    for (let number = 0; number < 99; number += 1) {
      expect(refused(`${number}.torrent`, 1)).to.equal(undefined);
    }
    expect(refused('99.torrent', 1)).to.equal('bad-option');
  });

  it('join an empty list one by one', async () => {
    const server = await start({ whitelist: [] });
    const refused = await announce(server).catch((error: unknown) => error);
    expect(refused).to.include({ code: 'tracker-failure' });
    server.allow(HASH);
    expect((await announce(server)).leechers).to.equal(1);
    expect(() => server.allow('xyz')).to.throw('40 hexadecimal digits');
  });

  it('counts each download that completed once', async () => {
    const server = await start();
    await announce(server);
    for (let turn = 0; turn < 2; turn += 1) {
      await announce(server, { event: 'completed', leftBytes: 0 });
    }
    await announce(server, { event: 'stopped', leftBytes: 0 });
    expect(server.stats()).to.include({ completed: 1, peers: 0 });
  });
});

describe('tracker: a flood over HTTP', () => {
  it('of silent, endless and broken requests: bounded, and others are answered', async () => {
    const server = await startTracker({ limits: { maxConnectionsPerIp: 20 } });
    const sockets: Socket[] = [];
    try {
      const talk = (from: string, text: string): Promise<Socket> =>
        new Promise((resolve, reject) => {
          const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: from });
          // Not every system has all of 127/8. Later errors are the server's, and expected.
          socket.on('error', reject);
          socket.on('data', () => undefined);
          socket.once('connect', () => {
            socket.write(text);
            resolve(socket);
          });
          sockets.push(socket);
        });
      const closed = (socket: Socket): Promise<void> =>
        new Promise((resolve) => (socket.destroyed ? resolve() : socket.once('close', resolve)));
      // Too long a head, garbage, and an unwanted body: each connection is closed at once.
      const bad = [
        `GET /announce?${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
        '\u0013BitTorrent protocol\r\n\r\n',
        `POST /announce HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n${'y'.repeat(5000)}`,
      ];
      for (const text of bad) await closed(await talk('127.0.0.2', text));
      // Silence holds its twenty places, and no others.
      const silent = await Promise.all(
        Array.from({ length: 60 }, () => talk('127.0.0.3', 'GET /ann')),
      );
      let ended = 0;
      await new Promise<void>((enough) => {
        for (const socket of silent) {
          void closed(socket).then(() => {
            ended += 1;
            if (ended === 40) enough();
          });
        }
      });
      expect((await announce(server)).leechers).to.equal(1);
      expect(server.stats()).to.include({ peers: 1, torrents: 1 });
      expect(ended).to.equal(40);
    } finally {
      for (const socket of sockets) socket.destroy();
      await server.close();
    }
  });

  describe('pipelined', () => {
    let server: ListeningServer;
    const tracker = new Tracker({
      intervalSec: 60,
      limits: { requestsPerSecPerIp: Infinity },
      random: () => 0,
      nowMs: 0,
    });
    const published = new PublishedTorrents();
    const sockets: Socket[] = [];
    beforeEach(async () => {
      const more = { tracker, published, now: () => 0, page: true, stallMs: 200 };
      server = await startHttpServer({ host: '127.0.0.1', port: 0, ...more });
    });
    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy();
      return server.close();
    });

    function send(text: string): Socket {
      const socket = connect({ port: server.port, host: '127.0.0.1' });
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.write(text);
      return socket;
    }

    it('a client that does not read its answers loses its place', async () => {
      // 16 MB, more than the system's buffers hold: a failed write shows that the connection ended.
      const text = 'GET /stats HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(450_000);
      const socket = send(text).pause();
      const errors: (string | undefined)[] = [];
      socket.on('error', ({ code }: NodeJS.ErrnoException) => errors.push(code));
      await new Promise((resolve) => socket.once('close', resolve));
      expect(['EPIPE', 'ECONNRESET'], 'the server ended it').to.include(errors[0]);
      const other = send('GET /stats HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      const [answer] = await once(other, 'data');
      expect(String(answer), 'others are answered').to.match(/^HTTP\/1\.1 200 /);
    });

    it('requests for a torrent add no listener each', async () => {
      published.put('a.torrent', new Uint8Array(10));
      const leaks = new ListenerLeaks(
        (emitter) => emitter instanceof Socket || emitter instanceof ServerResponse,
      );
      try {
        const socket = send('GET /a.torrent HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20)).resume();
        await new Promise((resolve) => socket.once('close', resolve));
        await new Promise(setImmediate);
      } finally {
        leaks.end();
      }
      expect(leaks.found).to.deep.equal([]);
    });
  });
});
