import { expect } from 'chai';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { encode } from '../../lib/bencode/encode';
import type { MillraceError } from '../../lib/errors/millrace-error';
import type { AnnounceReply, AnnounceRequest } from '../../lib/tracker/announce';
import { fetchTorrent } from '../../lib/http/fetch-torrent';
import { TrackerClients } from '../../lib/tracker/clients';
import { HttpTrackerClient } from '../../lib/tracker/http-client';
import type { HttpTrackerOptions } from '../../lib/tracker/http-client';
import { percentDecode } from '../../lib/tracker-server/http-codec';
import { failureOf } from '../support/code-of';

const REQUEST: AnnounceRequest = {
  infoHash: new Uint8Array(20).fill(0xff),
  peerId: new Uint8Array(20).fill(1),
  port: 6881,
  uploadedBytes: 0,
  downloadedBytes: 0,
  leftBytes: 1,
  numWant: 50,
  key: 1,
};
const GOOD = encode({ interval: 77, peers: Uint8Array.of(10, 0, 0, 1, 0, 9) });

describe('tracker: HTTP client against hostile servers', () => {
  const cleanUp: (() => void)[] = [];
  afterEach(() => {
    for (const close of cleanUp.splice(0)) close();
  });

  function open(server: Server): Promise<string> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    cleanUp.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/announce`);
      });
    });
  }

  const serve = (listener: RequestListener): Promise<string> => open(createServer(listener));
  const serveRaw = (onSocket: (socket: Socket) => void): Promise<string> =>
    open(createTcpServer(onSocket));

  function announce(
    url: string,
    options: Partial<HttpTrackerOptions> = {},
  ): Promise<AnnounceReply> {
    return new HttpTrackerClient({ version: '1.2.3', trusted: true, ...options }).announce(
      url,
      REQUEST,
    );
  }

  it('announces with its User-Agent, and keeps no connection', async () => {
    let seen: Record<string, unknown> = {};
    const url = await serve((request, response) => {
      seen = { ...request.headers, url: request.url };
      response.end(GOOD);
    });
    const reply = await announce(`${url}?passkey=a%2fb`);
    expect(reply.peers).to.deep.equal([{ host: '10.0.0.1', port: 9 }]);
    expect(seen).to.include({ 'user-agent': 'Millrace/1.2.3', connection: 'close' });
    expect(seen['url']).to.match(/^\/announce\?passkey=a%2fb&info_hash=(%FF){20}&/);
  });

  it('decompresses gzip, deflate and raw deflate', async () => {
    const forms: readonly [string, Uint8Array][] = [
      ['gzip', gzipSync(GOOD)],
      ['deflate', deflateSync(GOOD)],
      ['deflate', deflateRawSync(GOOD)],
    ];
    for (const [encoding, body] of forms) {
      const url = await serve((_request, response) =>
        response.setHeader('content-encoding', encoding).end(body),
      );
      expect((await announce(url)).intervalSec).to.equal(77);
    }
  });

  it('takes a body as it is where its content encoding names no compression', async () => {
    for (const encoding of ['none', 'utf-8', 'binary', 'identity']) {
      const url = await serve((_request, response) =>
        response.setHeader('content-encoding', encoding).end(GOOD),
      );
      expect((await announce(url)).intervalSec, encoding).to.equal(77);
    }
    const url = await serve((_request, response) =>
      response.setHeader('content-encoding', 'br').end('x'),
    );
    expect((await failureOf(announce(url))).message).to.contain('the content encoding "br"');
  });

  it('reads answers whose form is not quite that of HTTP', async () => {
    const length = `Content-Length: ${GOOD.length}`;
    const forms: readonly [string, string][] = [
      ['LF alone', `HTTP/1.1 200 OK\n${length}\nConnection: close\n\n`],
      ['LF alone, HTTP/1.0, no length', 'HTTP/1.0 200 OK\nContent-Type: text/plain\n\n'],
      ['LF in one line', `HTTP/1.1 200 OK\r\nServer: x\n${length}\r\n\r\n`],
      ['a byte in a header', `HTTP/1.1 200 OK\r\nX: \x01\r\n${length}\r\n\r\n`],
      ['another version', `HTTP/1.2 200 OK\r\n${length}\r\n\r\n`],
    ];
    for (const [form, head] of forms) {
      const url = await serveRaw((socket) => {
        socket.once('data', () => {
          socket.write(head);
          socket.end(GOOD);
        });
      });
      expect((await announce(url)).intervalSec, form).to.equal(77);
    }
  });

  it('reads what the length promises, whatever follows it', async () => {
    const url = await serveRaw((socket) => {
      socket.once('data', () => {
        socket.write(
          `HTTP/1.1 200 OK\r\nContent-Length: ${GOOD.length}\r\nConnection: close\r\n\r\n`,
        );
        socket.end(Buffer.concat([GOOD, Buffer.from('<!-- an advertisement -->')]));
      });
    });
    expect((await announce(url)).intervalSec).to.equal(77);
  });

  it('HTML: one clear error that quotes it', async () => {
    const url = await serve((_request, response) => response.end('<html>Welcome!</html>'));
    const error = await failureOf(announce(url));
    expect(error.code).to.equal('tracker-bad-reply');
    expect(error.message).to.contain('"<html>Welcome!</html>"');
  });

  it('500: the status; with a failure reason inside, the reason', async () => {
    const plain = await serve((_request, response) => response.writeHead(500).end('oops'));
    const error = await failureOf(announce(plain));
    expect(error).to.include({ code: 'tracker-http-status' });
    expect(error.details['status']).to.equal(500);
    const reasoned = await serve((_request, response) =>
      response.writeHead(403).end(encode({ 'failure reason': 'no such user' })),
    );
    expect((await failureOf(announce(reasoned))).details['reason']).to.equal('no such user');
  });

  it('redirects: followed, circles and long chains are errors, other schemes too', async () => {
    const url = await serve((request, response) => {
      const [path = ''] = (request.url ?? '').split('?');
      const step = Number(path.slice(1));
      if (path === '/circle') response.writeHead(302, { location: '/circle' }).end();
      else if (path === '/file') response.writeHead(301, { location: 'file:///etc/passwd' }).end();
      else if (path === '/bad') response.writeHead(301, { location: 'http://[' }).end();
      else if (path === '/none') response.writeHead(301).end();
      else if (step > 0) response.writeHead(307, { location: `/${step - 1}` }).end();
      else response.end(GOOD);
    });
    const at = (path: string): string => url.replace('/announce', path);
    expect((await announce(at('/5'))).intervalSec).to.equal(77);
    expect((await failureOf(announce(at('/6')))).message).to.contain('more than 5 times');
    expect((await failureOf(announce(at('/circle')))).message).to.contain('circle');
    expect((await failureOf(announce(at('/file')))).code).to.equal('tracker-unsupported');
    expect((await failureOf(announce(at('/bad')))).code).to.equal('tracker-bad-reply');
    expect((await failureOf(announce(at('/none')))).code).to.equal('tracker-bad-reply');
  });

  it('100 MB: cut at once, whether announced or not', async () => {
    let sentBytes = 0;
    const chunk = Buffer.alloc(64 * 1024);
    const url = await serve((request, response) => {
      if (request.url?.includes('/named') === true) response.setHeader('content-length', 100e6);
      const pump = (): void => {
        while (sentBytes < 100e6 && !response.destroyed) {
          sentBytes += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', pump);
        }
      };
      pump();
    });
    const options = { maxReplyBytes: 256 * 1024 };
    expect((await failureOf(announce(url, options))).message).to.contain('more than 262144 bytes');
    expect((await failureOf(announce(url.replace('/announce', '/named'), options))).code).to.equal(
      'tracker-bad-reply',
    );
    // What the kernel's buffers hold on top differs by machine; the rest was never sent.
    expect(sentBytes).to.be.below(50e6);
  });

  it('a gzip bomb and a truncated gzip', async () => {
    const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024));
    const gzip = (body: Uint8Array): Promise<string> =>
      serve((_request, response) => response.setHeader('content-encoding', 'gzip').end(body));
    const exploded = await failureOf(announce(await gzip(bomb), { maxReplyBytes: 1024 * 1024 }));
    expect(exploded.message).to.contain('compressed');
    const truncated = await failureOf(announce(await gzip(gzipSync(GOOD).subarray(0, 20))));
    expect(truncated.message).to.contain('broken gzip');
    const odd = await serve((_request, response) =>
      response.setHeader('content-encoding', 'br').end(GOOD),
    );
    expect((await failureOf(announce(odd))).code).to.equal('tracker-bad-reply');
  });

  it('never answers: its time-out, and the signal of the caller', async () => {
    let closed = Promise.resolve();
    let arrived = (): void => undefined;
    const url = await serveRaw((socket) => {
      socket.resume(); // a socket that nobody reads does not notice its end
      closed = new Promise((resolve) => socket.once('close', () => resolve()));
      arrived();
    });
    expect((await failureOf(announce(url, { timeoutMs: 30 }))).code).to.equal('tracker-timeout');
    await closed;
    const controller = new AbortController();
    arrived = () => controller.abort();
    const client = new HttpTrackerClient({ version: '0' });
    const aborted = await failureOf(client.announce(url, REQUEST, controller.signal));
    expect(aborted.code).to.equal('aborted');
    await closed; // the socket went with it
    const dead = await failureOf(client.announce(url, REQUEST, AbortSignal.abort()));
    expect(dead.code).to.equal('aborted');
  });

  it('keeps sending one byte: the time-out is for the whole answer', async () => {
    const url = await serve((_request, response) => {
      const drip = setInterval(() => response.write('d'), 2);
      response.on('close', () => clearInterval(drip));
    });
    expect((await failureOf(announce(url, { timeoutMs: 60 }))).code).to.equal('tracker-timeout');
  });

  it('connection reset, closed early, cut in the body, not HTTP, nothing listening', async () => {
    const reset = await serveRaw(
      (socket) => void socket.once('data', () => socket.resetAndDestroy()),
    );
    expect((await failureOf(announce(reset))).code).to.equal('tracker-unreachable');
    const closed = await serveRaw((socket) => void socket.once('data', () => socket.end()));
    expect((await failureOf(announce(closed))).code).to.equal('tracker-unreachable');
    const cut = await serveRaw((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nd'));
    });
    expect((await failureOf(announce(cut))).code).to.equal('tracker-unreachable');
    const other = await serveRaw(
      (socket) => void socket.once('data', () => socket.end('SSH-2.0\r\n')),
    );
    expect((await failureOf(announce(other))).code).to.equal('tracker-bad-reply');
    const server = createTcpServer();
    const gone = await open(server);
    await new Promise((resolve) => server.close(resolve));
    const refused = await failureOf(announce(gone));
    expect(refused.code).to.equal('tracker-unreachable');
    expect(refused.message).to.contain('refuses connections');
  });

  it('reads a body that ends with the connection', async () => {
    const url = await serveRaw((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.0 200 OK\r\n\r\n');
        socket.end(GOOD);
      });
    });
    expect((await announce(url)).intervalSec).to.equal(77);
  });

  it('reports unsupported URLs, and reveals no passkey', async () => {
    const clients = new TrackerClients({ version: '0', trusted: true });
    const other = await failureOf(clients.announce('wss://t:80/announce', REQUEST));
    expect(other.code).to.equal('tracker-unsupported');
    expect((await failureOf(announce('http://%zz:80/'))).code).to.equal('tracker-unsupported');
    const family = await failureOf(announce('http://127.0.0.1:9/', { family: 6 }));
    expect(family.code).to.equal('tracker-unreachable');
    const url = await serve((_request, response) => response.writeHead(500).end());
    const error = await failureOf(clients.announce(`${url}?passkey=0123456789abcdef`, REQUEST));
    expect(JSON.stringify(error.toRecord())).not.to.contain('0123456789');
    const reply = await serve((_request, response) => response.end(GOOD));
    expect((await clients.announce(reply, REQUEST)).intervalSec).to.equal(77);
  });

  it('keeps its connection on request', async () => {
    let connections = 0;
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.end(GOOD);
    });
    server.on('connection', () => (connections += 1));
    const url = await open(server);
    const client = new HttpTrackerClient({ version: '0', keepAlive: true });
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await client.announce(url, REQUEST)).intervalSec).to.equal(77);
    }
    client.close();
    expect(requests).to.equal(5);
    expect(connections).to.equal(1);
  });

  it('keeps a connection that breaks under the next request: once more on a new one', async () => {
    let requests = 0;
    const url = await serveRaw((socket) => {
      socket.on('data', () => {
        requests += 1;
        if (requests === 2) return socket.resetAndDestroy();
        const body = Buffer.from(GOOD);
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
        socket.write(body);
      });
    });
    const client = new HttpTrackerClient({ version: '0', keepAlive: true });
    expect((await client.announce(url, REQUEST)).intervalSec).to.equal(77);
    expect((await client.announce(url, REQUEST)).intervalSec).to.equal(77);
    client.close();
    expect(requests).to.equal(3);
  });

  it('goes through a proxy: the whole URL in the request, credentials apart, no BEP 7 guess', async () => {
    let seen: Record<string, unknown> = {};
    const url = await serve((request, response) => {
      seen = { ...request.headers, url: request.url };
      response.end(GOOD);
    });
    const http = url.replace('/announce', '').replace('http://', 'http://user:p%40ss@');
    const reply = await new HttpTrackerClient({
      version: '0',
      bothFamilies: true,
      proxy: { http, noProxy: [] },
    }).announce('http://me:secret@no.such.host.invalid:6969/announce', REQUEST);
    expect(seen['url']).to.match(/^http:\/\/no\.such\.host\.invalid:6969\/announce\?info_hash=/);
    expect(seen).to.include({
      host: 'no.such.host.invalid:6969',
      authorization: `Basic ${Buffer.from('me:secret').toString('base64')}`,
      'proxy-authorization': `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
    });
    expect(reply.trackerIp).to.equal(undefined);
  });

  it('https through a proxy: a tunnel with TLS inside it; fails where the proxy refuses', async () => {
    let asked = '';
    let inside = -1;
    const tunnel = await serveRaw((socket) => {
      socket.on('data', (data) => {
        if (asked === '') {
          asked = data.toString('latin1').split('\r\n', 1)[0] ?? '';
          socket.write('HTTP/1.1 200 Connected\r\n\r\n');
        } else {
          inside = data[0] ?? -1;
          socket.resetAndDestroy();
        }
      });
    });
    const through = (proxy: string): Promise<MillraceError> =>
      failureOf(
        announce('https://t.example.invalid/announce', {
          proxy: { https: proxy.replace('/announce', ''), noProxy: [] },
        }),
      );
    expect((await through(tunnel)).code).to.equal('tracker-unreachable');
    expect(asked).to.equal('CONNECT t.example.invalid:443 HTTP/1.1');
    expect(inside).to.equal(0x16); // a TLS handshake record
    const strict = await serveRaw((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n'));
    });
    const refused = await through(strict.replace('http://', 'http://user:secret@'));
    expect(refused.message).to.contain('407').and.not.contain('secret');
    expect((await through('socks5://p:1')).code).to.equal('tracker-unsupported');
  });

  it('scrapes: several requests for many torrents, 404 and failures as with announces', async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests += 1;
      const hashes = (request.url ?? '').match(/info_hash=[^&]*/g) ?? [];
      if (!(request.url ?? '').startsWith('/scrape?')) return void response.writeHead(404).end();
      const files = new Map(
        hashes.map((pair) => [percentDecode(pair.slice(10)) ?? pair, { complete: 1 }]),
      );
      response.end(encode({ files }));
    });
    const client = new HttpTrackerClient({ version: '0' });
    const hashes = Array.from({ length: 120 }, (_, index) => new Uint8Array(20).fill(index + 100));
    const { counts, trackerIp } = await client.scrape(url, hashes);
    expect(counts.filter((found) => found?.seeds === 1)).to.have.length(120);
    expect(requests).to.equal(3);
    expect(trackerIp).to.equal('127.0.0.1');
    const none = await failureOf(client.scrape(url.replace('/announce', '/x'), hashes));
    expect(none.code).to.equal('tracker-unsupported');
  });

  it('a lying list: our own address, multicast, port 0; other loopback peers are welcome here', async () => {
    const peers = Buffer.from([
      ...[127, 0, 0, 1, 0x1a, 0xe1],
      ...[127, 0, 0, 1, 0x1a, 0xe2],
      ...[224, 0, 0, 1, 0x1a, 0xe1],
      ...[10, 0, 0, 1, 0, 0],
    ]);
    const url = await serve((_request, response) => response.end(encode({ interval: 60, peers })));
    const reply = await announce(url);
    expect(reply.peers).to.deep.equal([{ host: '127.0.0.1', port: 6882 }]);
    expect(reply.droppedPeers).to.equal(3);
  });

  it('a forged list of a remote tracker: no peers on this machine or on the link', async () => {
    const peers = Buffer.from([
      ...[127, 0, 0, 1, 0, 22],
      ...[169, 254, 169, 254, 0, 80],
      ...[10, 0, 0, 1, 0, 9],
    ]);
    // ::1 and fe80::1, port 22.
    const peers6 = Buffer.alloc(36);
    peers6.set([1, 0, 22], 15);
    peers6.set([0xfe, 0x80], 18);
    peers6.set([1, 0, 22], 33);
    const proxy = await serve((_request, response) =>
      response.end(encode({ interval: 60, peers, peers6 })),
    );
    // Through a proxy the tracker is nowhere that we know of, so it is not here.
    const reply = await announce('http://far.example/announce', {
      proxy: { http: proxy, noProxy: [] },
    });
    expect(reply.peers).to.deep.equal([{ host: '10.0.0.1', port: 9 }]);
    expect(reply.droppedPeers).to.equal(4);
  });

  it('headers without an end', async () => {
    const url = await serveRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const more = (): void => {
        if (!socket.destroyed) socket.write(`X-More: ${'x'.repeat(4096)}\r\n`, more);
      };
      more();
    });
    expect((await failureOf(announce(url))).code).to.equal('tracker-bad-reply');
  });

  it('repeats our passkey: not in an error, not in a warning', async () => {
    const key = '0123456789abcdef';
    const url = await serve((request, response) => {
      const text = `passkey ${key} is unknown, ask for a new one at /${key}`;
      const field = request.url?.includes('warn') === true ? 'warning message' : 'failure reason';
      response.end(encode({ interval: 60, [field]: text }));
    });
    const clients = new TrackerClients({ version: '0', trusted: true });
    const secret = url.replace('/announce', `/${key}/announce`);
    const refused = await failureOf(clients.announce(secret, REQUEST));
    const shown = 'passkey 012… is unknown, ask for a new one at /012…';
    expect(refused.message).to.equal(`the tracker refused the request: ${shown}`);
    expect(refused.details).to.deep.equal({ reason: shown });
    const warned = await clients.announce(`${url}?warn=1&passkey=${key}`, REQUEST);
    expect(warned.warning).to.equal(shown);
    const page = await serve((_request, response) => response.end(`<h1>no such key: ${key}</h1>`));
    const broken = await failureOf(clients.scrape(`${page}?${key}`, [REQUEST.infoHash]));
    expect(broken.message).to.include('no such key: 012…');
    clients.close();
  });

  it('fetches a .torrent, with the same care', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/announce') response.writeHead(302, { location: '/t' }).end();
      else if (request.url === '/t') response.end('d1:ai1ee');
      else if (request.url === '/big') response.end(Buffer.alloc(100));
      else response.writeHead(404).end();
    });
    const at = (path: string): string => url.replace('/announce', path);
    const { bytes } = await fetchTorrent(url, { version: '0' });
    expect(Buffer.from(bytes).toString()).to.equal('d1:ai1ee');
    const missing = await failureOf(fetchTorrent(at('/x'), { version: '0' }));
    expect(missing.code).to.equal('torrent-http-status');
    const big = await failureOf(fetchTorrent(at('/big'), { version: '0', maxBytes: 99 }));
    expect(big.code).to.equal('torrent-bad-reply');
    const scheme = await failureOf(fetchTorrent('ftp://t/x', { version: '0' }));
    expect(scheme.code).to.equal('torrent-unsupported');
  });
});
