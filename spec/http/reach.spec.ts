// Where URLs of torrents and redirects may lead: the rule, and the clients that keep it.

import { expect } from 'chai';
import * as dgram from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encode } from '../../lib/bencode/encode';
import type { MillraceError } from '../../lib/errors/millrace-error';
import type { ResolvedAddress } from '../../lib/http/resolve';
import { fetchTorrent } from '../../lib/http/fetch-torrent';
import { HttpTrackerClient } from '../../lib/tracker/http-client';
import type { HttpTrackerOptions } from '../../lib/tracker/http-client';
import { whyNotReach } from '../../lib/http/reach';
import type { Hop, ReachRule } from '../../lib/http/reach';
import { UdpTrackerClient } from '../../lib/tracker/udp-client';
import { HASH, request } from '../support/announce-request';

const LOCAL_NAME = 'printer.example';

describe('http: where a URL may lead', () => {
  const OF_TORRENT: ReachRule = { trusted: false, onLoopback: 'announce' };
  const OF_USER: ReachRule = { trusted: true, onLoopback: 'announce' };
  const may = (address: string, hop: Hop, rule = OF_TORRENT): boolean =>
    whyNotReach(address, hop, rule) === undefined;

  it('a torrent: to the internet and local networks; here, only to what looks like a tracker', () => {
    for (const path of ['/', '/announce', '/admin']) {
      expect(may('203.0.113.1', { path }), path).to.equal(true);
      expect(may('192.168.1.1', { path }), path).to.equal(true);
      expect(may('fd12::1', { path }), path).to.equal(true);
    }
    for (const here of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1']) {
      for (const path of ['/announce', '/announce.php', '/announce/0123']) {
        expect(may(here, { path }), here + path).to.equal(true);
      }
      const others = [
        '/',
        '',
        '/admin',
        '/Announce',
        '/x/announce',
        '/scrape',
        '/announce/../admin',
      ];
      for (const path of [
        ...others,
        '/announce/..;/admin',
        '/announce%2f..%2fadmin',
        '/announce%5Cx',
      ]) {
        expect(may(here, { path }), here + path).to.equal(false);
      }
    }
    expect(may('127.0.0.1', { path: '/scrape' }, { ...OF_TORRENT, onLoopback: 'scrape' })).to.equal(
      true,
    );
    expect(
      may('127.0.0.1', { path: '/announce' }, { ...OF_TORRENT, onLoopback: 'nothing' }),
    ).to.equal(false);
  });

  it('only the user may: link-local, metadata and unroutable addresses', () => {
    const never = ['169.254.169.254', '169.254.1.1', 'fe80::1', 'fe80::1%eth0', 'fd00:ec2::254'];
    for (const address of [
      ...never,
      '100.100.100.200',
      '0.0.0.0',
      '::',
      '224.0.0.1',
      'no.address',
    ]) {
      for (const redirectedFrom of [undefined, 'public', 'private', 'unknown'] as const) {
        expect(may(address, { path: '/announce', redirectedFrom }), address).to.equal(false);
      }
      expect(may(address, { path: '/announce' }, OF_USER), address).to.equal(true);
      expect(may(address, { path: '/announce', redirectedFrom: 'public' }, OF_USER)).to.equal(
        false,
      );
    }
  });

  it('a redirect: never nearer than where it comes from', () => {
    const path = '/announce';
    const places = { loopback: '127.0.0.1', private: '10.0.0.1', public: '203.0.113.1' } as const;
    const names = Object.keys(places) as (keyof typeof places)[];
    for (const [from, redirectedFrom] of names.entries()) {
      for (const [to, name] of names.entries()) {
        for (const rule of [OF_TORRENT, OF_USER]) {
          const allowed = may(places[name], { path, redirectedFrom }, rule);
          expect(allowed, `${redirectedFrom} to ${name}`).to.equal(to >= from);
        }
      }
    }
    // Who asked through a proxy does not know where the answer came from.
    expect(may('10.0.0.1', { path, redirectedFrom: 'unknown' })).to.equal(false);
    expect(may('203.0.113.1', { path, redirectedFrom: 'unknown' })).to.equal(true);
    // The user trusts his own server with its other paths.
    const other: Hop = { path: '/files/x', redirectedFrom: 'loopback' };
    expect([may('127.0.0.1', other, OF_USER), may('127.0.0.1', other)]).to.deep.equal([
      true,
      false,
    ]);
  });
});

describe('tracker: clients that are sent to local services', () => {
  const cleanUp: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of cleanUp.splice(0)) await close();
  });

  /** A local service; what it was asked for. */
  async function serve(
    listener: RequestListener = (_, response) => response.end(encode({ interval: 60, peers: '' })),
  ): Promise<{ readonly port: number; readonly asked: string[] }> {
    const asked: string[] = [];
    const server = createServer((incoming, response) => {
      asked.push((incoming.url ?? '').split('?', 1)[0] ?? '');
      listener(incoming, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUp.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return { port: (server.address() as AddressInfo).port, asked };
  }

  function clientOf(options: Partial<HttpTrackerOptions> = {}): HttpTrackerClient {
    const client = new HttpTrackerClient({ version: '0', timeoutMs: 5000, ...options });
    cleanUp.push(() => client.close());
    return client;
  }

  const toLoopback = (): Promise<readonly ResolvedAddress[]> =>
    Promise.resolve([{ address: '127.0.0.1', family: 4 }]);

  function refusal(pending: Promise<unknown>): Promise<MillraceError> {
    return pending.then(
      () => Promise.reject(new Error('it was allowed')),
      (error: unknown) => error as MillraceError,
    );
  }

  it('over HTTP ask nothing there, whatever the name', async () => {
    const { port, asked } = await serve();
    const client = clientOf({ resolve: toLoopback, bothFamilies: true });
    for (const host of ['127.0.0.1', 'localhost', LOCAL_NAME, '2130706433', '0x7f.1', '0']) {
      const error = await refusal(client.announce(`http://${host}:${port}/admin?do=x`, request(1)));
      expect(error, host).to.include({ code: 'tracker-forbidden' });
      expect(error.message, host).to.match(
        / is at (127\.0\.0\.1, which is this machine|0\.0\.0\.0)/,
      );
    }
    expect(asked).to.deep.equal([]);
    await client.announce(`http://${LOCAL_NAME}:${port}/announce`, request(1));
    await client.scrape(`http://${LOCAL_NAME}:${port}/announce`, [HASH]);
    expect(asked).to.deep.equal(['/announce', '/scrape']);
    const derived = await refusal(client.scrape(`http://${LOCAL_NAME}:${port}/x/announce`, [HASH]));
    expect(derived).to.include({ code: 'tracker-forbidden' });
  });

  it('over HTTP are judged by the address of this very connection: a name that changes does not help', async () => {
    const { port, asked } = await serve();
    let looks = 0;
    const rebinding = (): Promise<readonly ResolvedAddress[]> => {
      looks += 1;
      const address = looks === 1 ? '203.0.113.1' : '127.0.0.1';
      return Promise.resolve([{ address, family: 4 }]);
    };
    // The families are looked up first, and the address to connect to after that.
    const client = clientOf({ resolve: rebinding, bothFamilies: true });
    const error = await refusal(client.announce(`http://${LOCAL_NAME}:${port}/admin`, request(1)));
    expect(error).to.include({ code: 'tracker-forbidden' });
    expect([looks, asked]).to.deep.equal([2, []]);
  });

  it('over HTTP do not use a kept connection for what it was not opened for', async () => {
    const { port, asked } = await serve();
    const client = clientOf({ resolve: toLoopback, keepAlive: true });
    await client.announce(`http://${LOCAL_NAME}:${port}/announce`, request(1));
    const error = await refusal(client.announce(`http://${LOCAL_NAME}:${port}/admin`, request(1)));
    expect(error).to.include({ code: 'tracker-forbidden' });
    expect(asked).to.deep.equal(['/announce']);
  });

  it('over HTTP go to the allowed ones of several addresses', async () => {
    const { port, asked } = await serve();
    const resolve = (): Promise<readonly ResolvedAddress[]> =>
      Promise.resolve([
        { address: '169.254.169.254', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ]);
    await clientOf({ resolve }).announce(`http://${LOCAL_NAME}:${port}/announce`, request(1));
    expect(asked).to.deep.equal(['/announce']);
  });

  it('over HTTP follow no redirect to services of this machine, nor to metadata', async () => {
    const inner = await serve();
    let location = '';
    const outer = await serve((_, response) => response.writeHead(302, { location }).end());
    const client = clientOf();
    for (const target of [
      `http://127.0.0.1:${inner.port}/admin`,
      `http://localhost:${inner.port}/admin`,
      `http://[::ffff:7f00:1]:${inner.port}/admin`,
      'http://169.254.169.254/latest/meta-data/',
      'http://[fd00:ec2::254]/',
      `http://0:${inner.port}/announce`,
    ]) {
      location = target;
      const error = await refusal(
        client.announce(`http://127.0.0.1:${outer.port}/announce`, request(1)),
      );
      expect(error, target).to.include({ code: 'tracker-forbidden' });
    }
    expect(inner.asked).to.deep.equal([]);
    location = `http://127.0.0.1:${inner.port}/announce`;
    await client.announce(`http://127.0.0.1:${outer.port}/announce`, request(1));
    expect(inner.asked).to.deep.equal(['/announce']);
  });

  it('through a proxy are judged by their URL, and follow no redirect into the network', async () => {
    let location = '';
    const proxy = await serve((_, response) => response.writeHead(302, { location }).end());
    const settings = { http: `http://127.0.0.1:${proxy.port}`, noProxy: [] };
    const client = clientOf({ proxy: settings });
    const link = await refusal(client.announce('http://169.254.169.254/announce', request(1)));
    expect(link).to.include({ code: 'tracker-forbidden' });
    for (const target of ['http://10.0.0.1/announce', 'http://localhost:1/announce']) {
      location = target;
      const error = await refusal(client.announce('http://tracker.example/announce', request(1)));
      expect(error, target).to.include({ code: 'tracker-forbidden' });
    }
    expect(proxy.asked).to.have.length(2);
  });

  it('from the user reach any address', async () => {
    const { port, asked } = await serve();
    const client = clientOf({ trusted: true });
    await client.announce(`http://127.0.0.1:${port}/admin`, request(1));
    const { bytes } = await fetchTorrent(`http://127.0.0.1:${port}/x.torrent`, { version: '0' });
    expect(bytes.length).to.be.above(0);
    expect(asked).to.deep.equal(['/admin', '/x.torrent']);
    const away = await serve((_, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    );
    const error = await refusal(fetchTorrent(`http://127.0.0.1:${away.port}/y`, { version: '0' }));
    expect(error).to.include({ code: 'torrent-forbidden' });
  });

  it('over UDP send nothing there', async () => {
    const socket = dgram.createSocket('udp4');
    let packets = 0;
    socket.on('message', () => (packets += 1));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    cleanUp.push(() => socket.close());
    const { port } = socket.address();
    const client = new UdpTrackerClient({ timeoutMs: 5000, resolve: toLoopback });
    cleanUp.push(() => client.close());
    for (const path of ['', '/', '/x', '/x/announce']) {
      for (const pending of [
        client.announce(`udp://${LOCAL_NAME}:${port}${path}`, request(1)),
        client.scrape(`udp://${LOCAL_NAME}:${port}${path}`, [HASH]),
      ]) {
        expect(await refusal(pending), path).to.include({ code: 'tracker-forbidden' });
      }
    }
    // This one is sent, and was the first to arrive.
    const stop = new AbortController();
    const url = `udp://${LOCAL_NAME}:${port}/announce`;
    const ended = refusal(client.announce(url, request(1), stop.signal));
    await once(socket, 'message');
    expect(packets).to.equal(1);
    stop.abort();
    expect(await ended).to.include({ code: 'aborted' });
  });
});
