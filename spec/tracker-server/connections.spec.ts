// Our tracker's HTTP server and its clients: odd ones that other trackers serve, too, and crowds
// that hold connections and send nothing.

import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { startTracker } from '../../lib/tracker-server/server';
import type { TrackerServer, TrackerServerOptions } from '../../lib/tracker-server/server';

const QUERY = `info_hash=${'a'.repeat(20)}&peer_id=${'b'.repeat(20)}&port=5&left=1`;

describe('tracker: connections of the HTTP server', () => {
  const open: TrackerServer[] = [];
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.removeAllListeners('close').destroy();
    for (const server of open.splice(0)) await server.close();
  });

  async function start(options: TrackerServerOptions = {}): Promise<TrackerServer> {
    const server = await startTracker(options);
    open.push(server);
    return server;
  }

  /** From any address of 127/8, all of which Linux and Windows have. */
  function dial(server: TrackerServer, from = '127.0.0.1'): Socket {
    const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: from });
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  }

  /** Everything that comes back until the connection ends. */
  async function talk(server: TrackerServer, text: string, from?: string): Promise<string> {
    const socket = dial(server, from);
    let received = '';
    socket.setEncoding('latin1').on('data', (more: string) => (received += more));
    socket.write(text);
    await once(socket, 'close');
    return received;
  }

  const CLOSE = 'Connection: close';
  const odd: [string, string][] = [
    ['lines that end with LF', `GET /announce?${QUERY} HTTP/1.1\nHost: x\n${CLOSE}\n\n`],
    [
      'LF after a request line with CRLF',
      `GET /announce?${QUERY} HTTP/1.1\r\nHost: x\n${CLOSE}\n\n`,
    ],
    ['LF under HTTP/1.0', `GET /announce?${QUERY} HTTP/1.0\nUser-Agent: x\n\n`],
    [
      'a target in absolute form',
      `GET http://t.example:80/announce?${QUERY} HTTP/1.1\r\nHost: t.example\r\n${CLOSE}\r\n\r\n`,
    ],
    [
      'a target in absolute form, in capitals and with LF',
      `GET HTTP://[::1]/announce?${QUERY} HTTP/1.1\nHost: t\n${CLOSE}\n\n`,
    ],
    ['no Host', `GET /announce?${QUERY} HTTP/1.1\r\n${CLOSE}\r\n\r\n`],
    [
      'a body of no bytes',
      `GET /announce?${QUERY} HTTP/1.1\r\nContent-Length: 0\r\n${CLOSE}\r\n\r\n`,
    ],
  ];
  for (const [title, text] of odd) {
    it(`serves ${title}`, async () => {
      const server = await start();
      expect(await talk(server, text)).to.match(/^HTTP\/1\.1 200 [^]*d8:complete/);
      expect(server.stats().peers).to.equal(1);
    });
  }

  const ANOTHER = `GET /announce?${QUERY} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const smuggled: [string, string][] = [
    ['a length', `Content-Length: ${ANOTHER.length}\r\n\r\n${ANOTHER}`],
    ['chunks', `Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${ANOTHER}`],
    ['both', `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${ANOTHER}`],
    ['two lengths', `Content-Length: 0\r\nContent-Length: 9\r\n\r\n${ANOTHER}`],
    ['an odd encoding', `Transfer-Encoding: chunked, x\r\n\r\n${ANOTHER}`],
  ];
  for (const [title, rest] of smuggled) {
    it(`never reads a request with a body as two requests: ${title}`, async () => {
      const server = await start();
      const received = await talk(server, `GET /stats HTTP/1.1\r\nHost: x\r\n${rest}`);
      expect(received.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(['HTTP/1.1 400']);
      expect(server.stats().announces.http).to.equal(0);
    });
  }

  it('looks at nothing behind a request that ended the connection', async () => {
    const server = await start();
    const received = await talk(server, `PUT /x HTTP/1.1\r\nHost: x\r\n\r\n${ANOTHER.repeat(3)}`);
    expect(received.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(['HTTP/1.1 405']);
    expect(server.stats().announces.http).to.equal(0);
  });

  /** So many connections that say this and no more, and come back whenever they are ended. */
  async function besiege(
    server: TrackerServer,
    addresses: number,
    each: number,
    text: string,
  ): Promise<void> {
    const arrived: Promise<unknown>[] = [];
    const arrive = (from: string): Promise<void> => {
      const socket = dial(server, from);
      return new Promise((settle) => {
        socket.once('connect', () => {
          if (text !== '') socket.write(text);
          settle();
        });
        socket.once('close', () => void arrive(from));
      });
    };
    for (let address = 0; address < addresses; address += 1) {
      for (let count = 0; count < each; count += 1) arrived.push(arrive(`127.9.0.${address + 1}`));
    }
    await Promise.all(arrived);
  }

  for (const [title, text] of [
    ['silent', ''],
    ['half a request long', 'GET /announce?'],
    ['kept after an answer', `GET /announce?${QUERY} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ] as const) {
    it(`serves all other clients while a crowd holds all places: ${title}`, async () => {
      const limits = { maxConnections: 30, maxConnectionsPerIp: 10, requestsPerSecPerIp: 5 };
      const server = await start({ limits });
      await besiege(server, 6, 8, text);
      for (let turn = 0; turn < 5; turn += 1) {
        const received = await talk(
          server,
          `GET /announce?${QUERY} HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n\r\n`,
          `127.8.0.${turn + 1}`,
        );
        expect(received, `turn ${turn}`).to.match(/^HTTP\/1\.1 200 [^]*d8:complete/);
      }
    });
  }
});
