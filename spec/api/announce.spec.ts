// `announce` and `scrape` against a tracker of our own, and against servers that are none.

import { expect } from 'chai';
import * as dgram from 'node:dgram';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { encode } from '../../lib/bencode/encode';
import { announce, scrape, startTracker } from '../../lib/index';
import type { AnnounceOptions, TrackerReport, TrackerServer } from '../../lib/index';
import { MillraceError } from '../../lib/errors/millrace-error';
import { encodeConnectReply, isConnect } from '../../lib/tracker/udp-codec';
import { fakeMetainfo } from '../cli/fakes';
import { expectCover } from '../support/ranges';

const HASH = '00ff'.repeat(10);
const GOOD = encode({
  complete: 2,
  incomplete: 3,
  interval: 900,
  mystery: Uint8Array.of(0, 1),
  peers: Uint8Array.of(10, 0, 0, 1, 0, 9),
});

describe('api: announce and scrape', () => {
  const cleanUp: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of cleanUp.splice(0)) await close();
  });

  async function tracker(): Promise<TrackerServer> {
    const server = await startTracker({ udpPort: 0, intervalSec: 900 });
    cleanUp.push(() => server.close());
    return server;
  }

  function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    cleanUp.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () =>
        resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
      );
    });
  }

  async function ask(url: string, options: AnnounceOptions = {}): Promise<TrackerReport> {
    const [report] = await announce(HASH, { timeoutMs: 5000, trackers: [url], ...options });
    if (report === undefined) throw new Error('no report');
    for (const { bytes, ranges } of report.packets) expectCover(ranges, bytes.length);
    return report;
  }

  const valueOf = (fields: TrackerReport['reply'], name: string): string | undefined =>
    fields.find((field) => field.name === name)?.value;

  for (const scheme of ['http', 'udp'] as const) {
    it(`${scheme}: reports request and reply field by field`, async () => {
      const server = await tracker();
      const url = scheme === 'http' ? server.url : (server.udpUrl ?? '');
      await ask(url, { event: 'completed', port: 7001 });
      const report = await ask(url, { event: 'none', port: 7002, numWant: 7 });
      expect(report).to.include({
        kind: 'announce',
        url,
        protocol: scheme,
        ok: true,
        infoHash: HASH,
        infoHashEscaped: '%00%FF'.repeat(10),
        trackerIp: '127.0.0.1',
        seeds: 1,
        leechers: 1,
        intervalSec: 900,
        failure: undefined,
        stoppedAfter: undefined,
        status: scheme === 'http' ? 200 : undefined,
        attempts: scheme === 'http' ? 1 : 2,
      });
      expect(report.peers).to.deep.equal([{ host: '127.0.0.1', port: 7001 }]);
      expect(valueOf(report.request, 'numwant')).to.equal('7');
      expect(valueOf(report.request, 'port')).to.equal('7002');
      expect(valueOf(report.request, 'left')).to.equal('16384');
      expect(valueOf(report.request, 'info_hash')).to.match(new RegExp(`^${HASH}`));
      expect(valueOf(report.reply, 'interval')).to.equal('900');
      expect(report.reply.map(({ value }) => value)).to.include('127.0.0.1:7001');
      expect(report.hints).to.deep.equal([]);
    });

    it(`${scheme}: leaves no trace unless an event is asked for`, async () => {
      const server = await tracker();
      const url = scheme === 'http' ? server.url : (server.udpUrl ?? '');
      expect((await ask(url)).stoppedAfter).to.equal(true);
      expect(server.stats()).to.include({ seeds: 0, peers: 0 });
      await ask(url, { event: 'started' });
      expect(server.stats()).to.include({ seeds: 0, peers: 1 });
    });

    it(`${scheme}: scrapes`, async () => {
      const server = await tracker();
      const url = scheme === 'http' ? server.url : (server.udpUrl ?? '');
      await ask(url, { event: 'completed' });
      const [report] = await scrape(HASH, { trackers: [url] });
      expect(report).to.include({ kind: 'scrape', ok: true, seeds: 1, leechers: 0, completed: 1 });
      const [unknown] = await scrape('ab'.repeat(20), { trackers: [url] });
      expect(unknown?.hints).to.have.length(1);
    });
  }

  it('asks all trackers of a torrent, several at once, and reports each answer as it comes', async () => {
    const server = await tracker();
    let heldBack: (() => void) | undefined;
    const slow = await serve((_, response) => {
      heldBack = () => response.end(GOOD);
    });
    const seen: string[] = [];
    const metainfo = fakeMetainfo({ trackers: [[`${slow}/announce`, server.url], [server.url]] });
    const reports = await announce(metainfo, {
      event: 'none',
      onReport: ({ url }) => {
        seen.push(url);
        heldBack?.();
      },
    });
    expect(reports.map(({ url }) => url)).to.deep.equal([`${slow}/announce`, server.url]);
    expect(seen).to.deep.equal([server.url, `${slow}/announce`]);
    expect(valueOf(reports[0]?.request ?? [], 'left')).to.equal('1000');
  });

  it('asks services of this machine only where the caller names them himself', async () => {
    const asked: string[] = [];
    const url = await serve(({ url: path = '' }, response) => {
      asked.push(path.split('?', 1)[0] ?? '');
      response.end(GOOD);
    });
    const metainfo = fakeMetainfo({ trackers: [[`${url}/admin`]] });
    const [named] = await announce(metainfo);
    expect(named?.failure).to.include({ code: 'tracker-forbidden' });
    expect(named?.attempts).to.equal(0);
    expect(named?.hints.join()).to.match(/nothing was sent.*the option trackers/);
    expect(asked).to.deep.equal([]);
    const [trusted] = await announce(metainfo, { trackers: [`${url}/admin`] });
    expect(trusted).to.include({ ok: true, stoppedAfter: true });
    expect(asked).to.deep.equal(['/admin', '/admin']);
  });

  it('shows a compressed reply as it came and decompressed, with unknown keys', async () => {
    const url = await serve((_, response) => {
      response.setHeader('Content-Encoding', 'gzip');
      response.end(gzipSync(GOOD));
    });
    const report = await ask(`${url}/announce`, { event: 'none' });
    expect(report.packets.map(({ what }) => what)).to.deep.equal([
      'HTTP request',
      'HTTP answer, head',
      'HTTP answer, compressed body',
      'HTTP answer, body',
    ]);
    expect(Buffer.from(report.packets[3]?.bytes ?? [])).to.deep.equal(Buffer.from(GOOD));
    expect(valueOf(report.reply, 'mystery')).to.equal('2 bytes: 0001');
  });

  it('reads a reply that is followed by more bytes, and reports it', async () => {
    let after = '\n';
    const url = await serve((_, response) =>
      response.end(Buffer.concat([GOOD, Buffer.from(after)])),
    );
    const lineBreak = await ask(`${url}/announce`, { event: 'none' });
    expect(lineBreak).to.include({ ok: true, failure: undefined, seeds: 2 });
    expect(lineBreak.hints).to.deep.equal([]);
    after = '6:peers60:e'; // As a large tracker once did.
    const more = await ask(`${url}/announce`, { event: 'none' });
    expect(more).to.include({ ok: true, failure: undefined, seeds: 2 });
    expect(more.peers).to.deep.equal([{ host: '10.0.0.1', port: 9 }]);
    expect(more.hints[0]).to.match(/^11 bytes follow the end of the reply/);
    expect(valueOf(more.reply, 'after the end')).to.equal('"6:peers60:e"');
  });

  it('shows the request exactly as it was sent', async () => {
    let received: IncomingMessage | undefined;
    const url = await serve((request, response) => {
      received = request;
      response.end(GOOD);
    });
    const report = await ask(`${url}/announce`, { event: 'none' });
    const raw = received?.rawHeaders ?? [];
    const lines = raw.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${raw[at + 1]}\r\n`] : []));
    expect(Buffer.from(report.packets[0]?.bytes ?? []).toString('latin1')).to.equal(
      `GET ${received?.url} HTTP/1.1\r\n${lines.join('')}\r\n`,
    );
    expect(report.requestUrl).to.equal(`${url}${received?.url}`);
  });

  it('has the failure reason in plain view, with a hint', async () => {
    const url = await serve((_, response) =>
      response.end(encode({ 'failure reason': 'unregistered torrent' })),
    );
    const report = await ask(`${url}/announce`);
    expect(report).to.include({ ok: false, status: 200, stoppedAfter: undefined });
    expect(report.failure).to.include({ code: 'tracker-failure', reason: 'unregistered torrent' });
    expect(report.hints.join()).to.include(HASH).and.include('%00%FF');
    expect(valueOf(report.reply, 'failure reason')).to.equal('"unregistered torrent"');
  });

  it('dissects a broken reply as far as it goes', async () => {
    const url = await serve((_, response) => response.end('d8:intervali9e5:peers60:abc'));
    const report = await ask(`${url}/announce`);
    expect(report.failure?.code).to.equal('tracker-bad-reply');
    expect(report.reply).to.deep.equal([
      { name: 'interval', value: '9' },
      { name: 'not bencode', value: 'a string of 60 bytes is announced, 3 are left' },
    ]);
  });

  it('keeps bytes that are not HTTP', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(Uint8Array.of(21, 3, 1, 0, 2, 2, 10)); // A TLS alert.
    });
    cleanUp.push(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const report = await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}/announce`);
    expect(report.packets.at(-1)?.what).to.equal('bytes that are not HTTP');
    expect(report.packets.at(-1)?.bytes.length).to.equal(7);
    expect(report.hints.join()).to.include('https://');
  });

  it('distinguishes a dropped announce from silence', async () => {
    const socket = dgram.createSocket('udp4');
    cleanUp.push(() => socket.close());
    socket.on('message', (packet, from) => {
      if (!isConnect(packet)) return;
      const reply = encodeConnectReply(packet.readUInt32BE(12), new Uint8Array(8));
      socket.send(new Uint8Array(3), from.port, from.address);
      socket.send(reply, from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const url = `udp://127.0.0.1:${socket.address().port}`;
    const report = await ask(url, { timeoutMs: 500 });
    expect(report.failure?.code).to.equal('tracker-timeout');
    expect(report.packets.map(({ what }) => what)).to.deep.equal([
      'connect request',
      'unknown reply',
      'connect reply',
      'announce request',
    ]);
    expect(report.hints.join()).to.include('dropped the announce request');
  });

  it('shows an info_hash in the announce URL for what it is', async () => {
    const url = await serve((_, response) => response.end(GOOD));
    const report = await ask(`${url}/announce?info_hash=${HASH}`);
    expect(valueOf(report.request, 'info_hash')).to.match(/^3030666630306666.* \(40 bytes\)$/);
    expect(report.hints.join()).to.include('40 hex digits');
  });

  describe('secrets', () => {
    const KEY = '0123456789abcdef';

    function textOf(report: TrackerReport): string {
      const bytes = report.packets.map((packet) => Buffer.from(packet.bytes).toString('latin1'));
      return JSON.stringify(report) + bytes.join('');
    }

    it('are nowhere in a report, even where a server quotes them', async () => {
      const url = await serve(({ url: path = '', headers }, response) => {
        if (path.startsWith('/moved')) {
          response.statusCode = 404;
          return response.end(`<html>no ${path} here, ${headers.authorization}`);
        }
        response.writeHead(302, {
          Location: `/moved?token=SECRET-OF-THEIRS&${path.split('?')[1]}`,
        });
        return response.end();
      });
      const secret = url.replace('://', '://user:hunter22@');
      const report = await ask(`${secret}/${KEY}/announce?auth=pa55w0rd`);
      const basic = Buffer.from('user:hunter22').toString('base64');
      expect(report).to.include({ status: 404, attempts: 2 });
      for (const word of [KEY, 'pa55w0rd', 'hunter22', 'SECRET-OF-THEIRS']) {
        expect(textOf(report)).to.not.include(word);
      }
      const sent = report.packets.filter(({ direction }) => direction === 'sent');
      expect(sent.map(({ bytes }) => Buffer.from(bytes).toString()).join()).to.not.include(basic);
      expect(report.infoHash).to.equal(HASH);

      const open = textOf(
        await ask(`${secret}/${KEY}/announce?auth=pa55w0rd`, { showSecrets: true }),
      );
      expect(open).to.include(KEY).and.include('pa55w0rd').and.include('SECRET-OF-THEIRS');
    });

    it('are not in the dump of a compressed body, either', async () => {
      let broken = false;
      const url = await serve(({ url: path = '' }, response) => {
        const packed = gzipSync(encode({ 'failure reason': `no ${path.split('?')[0]} here` }));
        response.setHeader('Content-Encoding', 'GZip');
        response.end(broken ? packed.subarray(0, -6) : packed);
      });
      const dump = async (showSecrets: boolean): Promise<TrackerReport['packets'][number]> => {
        const report = await ask(`${url}/${KEY}/announce`, { showSecrets });
        const found = report.packets.find(({ what }) => what === 'HTTP answer, compressed body');
        if (found === undefined) throw new Error('no compressed body');
        return found;
      };
      for (broken of [false, true]) {
        const { bytes, ranges } = await dump(false);
        expect(Buffer.from(bytes).toString()).to.match(/^\*+$/);
        expect(ranges[0]?.label).to.match(/^compressed; masked/);
        expect((await dump(true)).bytes).to.not.deep.equal(bytes);
      }
    });

    it('are masked where a redirect that is not followed leads', async () => {
      const url = await serve((_, response) =>
        response
          .writeHead(302, { Location: 'ftp://t.example/announce?token=SECRET-OF-THEIRS' })
          .end(),
      );
      const report = await ask(`${url}/announce`);
      expect(report.failure?.code).to.equal('tracker-unsupported');
      expect(textOf(report)).to.include('Location').and.not.include('SECRET-OF-THEIRS');
    });

    it('are masked in the URL data of UDP packets, also across two options', async () => {
      const { udpUrl } = await tracker();
      const path = `${'x/'.repeat(120)}?auth=${KEY}`;
      const odd = await ask(`${udpUrl}?auth=k\u00e9yk\u00e9yk\u00e9y0123456`);
      expect(textOf(odd)).to.not.include('%C3%A9yk').and.not.include('0123456');
      for (const url of [`${udpUrl}?auth=${KEY}`, `${udpUrl?.replace('announce', '')}${path}`]) {
        const report = await ask(url);
        expect(report.ok).to.equal(true);
        expect(textOf(report))
          .to.not.include(KEY)
          .and.not.match(/0123.{2}456|0123456/);
        expect(textOf(await ask(url, { showSecrets: true }))).to.include('0123');
      }
    });
  });

  describe('options', () => {
    const code = (pending: Promise<unknown>): Promise<string> =>
      pending.then(
        () => 'nothing',
        (error: unknown) => (error instanceof MillraceError ? error.code : String(error)),
      );

    it('are checked before anything is sent', async () => {
      const trackers = ['http://t.example/announce'];
      for (const options of [
        { trackers, port: 0 },
        { trackers, numWant: 1001 },
        { trackers, timeoutMs: 1 },
        { trackers, event: 'paused' as 'none' },
        { trackers: [] },
        { trackers: ['ftp://t.example'] },
        {},
      ]) {
        expect(await code(announce(HASH, options))).to.equal('bad-option');
      }
      expect(await code(announce(fakeMetainfo({ trackers: [] })))).to.equal('no-trackers');
    });

    it('are quoted without secrets', async () => {
      const trackers = ['https://t.example/0123456789abcdef/announce '];
      const error = await announce(HASH, { trackers }).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(MillraceError);
      expect(String(error)).to.include('t.example').and.not.include('0123456789abcdef');
    });

    it('ask a limited number of trackers, and count those left out', async () => {
      const trackers = Array.from({ length: 203 }, (_, n) => `ws://t${n}.example/announce`);
      const reports = await announce(HASH, { trackers });
      expect(reports).to.have.length(200);
      expect(reports.at(-1)?.hints.join()).to.include('3 more');
      expect(reports[0]?.hints.join()).to.not.include('3 more');
    });

    it('end only after `stopped` was announced', async () => {
      for (const answered of [false, true]) {
        const abort = new AbortController();
        const events: unknown[] = [];
        const url = await serve(({ url: path = '' }, response) => {
          events.push(new URLSearchParams(path.split('?')[1]).get('event'));
          if (events.length === (answered ? 2 : 1)) abort.abort();
          if (answered || events.length === 2) response.end(GOOD);
        });
        const options = { trackers: [`${url}/announce`], signal: abort.signal };
        const pending = announce(HASH, options);
        if (answered) expect((await pending)[0]?.stoppedAfter).to.equal(true);
        else expect(await code(pending)).to.equal('aborted');
        expect(events).to.deep.equal(['started', 'stopped']);
      }
    });

    it('end it all with the signal', async () => {
      const abort = new AbortController();
      const url = await serve(() => abort.abort());
      const options = { trackers: [`${url}/announce`], signal: abort.signal };
      expect(await code(announce(HASH, { ...options, event: 'none' }))).to.equal('aborted');
    });
  });
});
