import { expect } from 'chai';
import { spawn } from 'node:child_process';
import * as dgram from 'node:dgram';
import { join } from 'node:path';
import type { AnnounceRequest } from '../../lib/tracker/announce';
import { TrackerClients } from '../../lib/tracker/clients';
import { UdpTrackerClient } from '../../lib/tracker/udp-client';
import type { UdpTrackerOptions } from '../../lib/tracker/udp-client';
import {
  decodeScrape,
  decodeUrlData,
  encodeAnnounceReply,
  encodeConnectReply,
  encodeError,
  encodeScrapeReply,
  isConnect,
} from '../../lib/tracker/udp-codec';
import { failureOf } from '../support/code-of';

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
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
const PEER = Uint8Array.of(10, 0, 0, 1, 0, 9);

type Reply = Uint8Array | readonly Uint8Array[] | undefined;
type Talk = (packet: Buffer, transactionId: number, from: dgram.RemoteInfo) => Reply;

/** Answers a connect correctly, and everything else with `rest`. */
const polite =
  (rest: Talk): Talk =>
  (packet, transactionId, from) =>
    isConnect(packet) ? encodeConnectReply(transactionId, ID) : rest(packet, transactionId, from);

describe('tracker: UDP client', () => {
  const cleanUp: (() => void)[] = [];
  afterEach(() => {
    for (const close of cleanUp.splice(0)) close();
  });

  async function serve(talk: Talk, host = '127.0.0.1'): Promise<string> {
    const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
    cleanUp.push(() => socket.close());
    socket.on('message', (packet, from) => {
      const reply = talk(packet, packet.readUInt32BE(12), from) ?? [];
      const packets = reply instanceof Uint8Array ? [reply] : reply;
      for (const each of packets) socket.send(each, from.port, from.address);
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, host, resolve);
    });
    return `udp://${host.includes(':') ? `[${host}]` : host}:${socket.address().port}/announce`;
  }

  function clientOf(options: UdpTrackerOptions = {}): UdpTrackerClient {
    const client = new UdpTrackerClient({ timeoutMs: 5000, ...options });
    cleanUp.push(() => client.close());
    return client;
  }

  const answer = (id: number, peers = PEER): Uint8Array =>
    encodeAnnounceReply(id, 1800, { seeds: 3, leechers: 4 }, peers);

  it('connects, announces with path and query (BEP 41), and reads the answer', async () => {
    let urlData = '';
    const url = await serve(
      polite((packet, id) => {
        urlData = decodeUrlData(packet);
        return answer(id);
      }),
    );
    const reply = await clientOf().announce(`${url}?auth=xy`, REQUEST);
    expect(urlData).to.equal('/announce?auth=xy');
    expect(reply).to.deep.equal({
      intervalSec: 1800,
      peers: [{ host: '10.0.0.1', port: 9 }],
      seeds: 3,
      leechers: 4,
      trackerIp: '127.0.0.1',
      droppedPeers: 0,
    });
  });

  it('one connection id serves many requests side by side', async () => {
    let connects = 0;
    const url = await serve((packet, id) => {
      if (!isConnect(packet)) return answer(id);
      connects += 1;
      return encodeConnectReply(id, ID);
    });
    const client = clientOf();
    await client.announce(url, REQUEST);
    const more = Array.from({ length: 50 }, () => client.announce(url, REQUEST));
    expect(await Promise.all(more)).to.have.length(50);
    expect(connects).to.equal(1);
  });

  it('reads peers of 18 bytes from an IPv6 tracker', async function () {
    const peer = Uint8Array.from({ length: 18 }, (_, at) => (at === 0 ? 0x20 : at === 17 ? 9 : 0));
    const url = await serve(
      polite((_packet, id) => answer(id, peer)),
      '::1',
    ).catch(() => undefined);
    if (url === undefined) return this.skip();
    const reply = await clientOf().announce(url, REQUEST);
    expect(reply.peers).to.deep.equal([{ host: '2000::', port: 9 }]);
    const none = await failureOf(clientOf({ family: 4 }).announce(url, REQUEST));
    expect(none).to.include({ code: 'tracker-unreachable' });
  });

  it('scrapes, also more torrents than one packet holds', async () => {
    const url = await serve(
      polite((packet, id) =>
        encodeScrapeReply(
          id,
          decodeScrape(packet).map((hash) => ({ seeds: hash[0] ?? 0, completed: 2, leechers: 3 })),
        ),
      ),
    );
    const hashes = Array.from({ length: 150 }, (_, index) => new Uint8Array(20).fill(index));
    const { counts } = await clientOf().scrape(url, hashes);
    expect(counts.map((found) => found?.seeds)).to.deep.equal(hashes.map((hash) => hash[0]));
    const short = await serve(polite((_packet, id) => encodeScrapeReply(id, [])));
    const missing = await clientOf().scrape(short, hashes.slice(0, 1));
    expect(missing.counts).to.deep.equal([undefined]);
  });

  it('lies: wrong transaction ids, strangers, port 0, our own machine, a million peers', async () => {
    const stranger = dgram.createSocket('udp4');
    cleanUp.push(() => stranger.close());
    const list = Buffer.concat([
      Buffer.from([10, 0, 0, 2, 0, 0]),
      Buffer.from([224, 0, 0, 1, 0, 9]),
      Buffer.from([255, 255, 255, 255, 0, 9]),
      Buffer.from([169, 254, 0, 1, 0, 9]),
      PEER,
      Buffer.alloc(5),
    ]);
    const url = await serve(
      polite((_packet, id, from) => {
        // From another port: not the tracker, though it knows the id.
        stranger.send(encodeError(id, 'a stranger'), from.port, from.address);
        return [encodeError((id ^ 1) >>> 0, 'a wrong id'), Buffer.alloc(3), answer(id, list)];
      }),
    );
    const reply = await clientOf().announce(url, REQUEST);
    expect(reply.peers.map(({ host }) => host)).to.deep.equal(['169.254.0.1', '10.0.0.1']);
    expect(reply.droppedPeers).to.equal(3);
    const many = Buffer.alloc(6 * 10_000, PEER);
    for (let at = 0; at < 10_000; at += 1) many.writeUInt16BE(at + 1, 6 * at + 4);
    const flood = await serve(polite((_packet, id) => answer(id, many)));
    expect((await clientOf().announce(flood, REQUEST)).peers).to.have.length(1000);
    for (const [intervalSec, expected] of [
      [0, 30],
      [365 * 86_400, 86_400],
    ] as const) {
      const odd = await serve(
        polite((_packet, id) =>
          encodeAnnounceReply(id, intervalSec, { seeds: 0, leechers: 0 }, PEER),
        ),
      );
      expect((await clientOf().announce(odd, REQUEST)).intervalSec).to.equal(expected);
    }
  });

  it('a short packet, an error, silence: one clear error each, and no passkey in it', async () => {
    const short = await serve(polite((_packet, id) => answer(id).subarray(0, 12)));
    expect(await failureOf(clientOf().announce(short, REQUEST))).to.include({
      code: 'tracker-bad-reply',
    });
    const rude = await serve(polite((_packet, id) => encodeError(id, 'unregistered torrent')));
    const refused = await failureOf(clientOf().announce(rude, REQUEST));
    expect(refused).to.include({ code: 'tracker-failure' });
    expect(refused.details).to.deep.equal({ reason: 'unregistered torrent' });
    const silent = await serve(() => undefined);
    const secret = silent.replace('/announce', '/announce/0123456789abcdef');
    const late = await failureOf(clientOf({ timeoutMs: 30 }).announce(secret, REQUEST));
    expect(late).to.include({ code: 'tracker-timeout' });
    expect(JSON.stringify(late.toRecord())).not.to.contain('0123456789');
  });

  it('ends at once when its signal fires, before or after', async () => {
    const controller = new AbortController();
    const url = await serve(() => {
      controller.abort();
      return undefined;
    });
    const client = clientOf({ timeoutMs: 60_000 });
    expect(await failureOf(client.announce(url, REQUEST, controller.signal))).to.include({
      code: 'aborted',
    });
    expect(await failureOf(client.announce(url, REQUEST, AbortSignal.abort()))).to.include({
      code: 'aborted',
    });
    const slow = await serve(() => undefined);
    const timed = client.announce(slow, REQUEST, AbortSignal.timeout(20));
    expect(await failureOf(timed)).to.include({ code: 'tracker-timeout' });
  });

  it('keeps no process alive: not after an abort, not after an answer, closed or not', async () => {
    const url = await serve(polite((_packet, id) => answer(id)));
    const silent = await serve(() => undefined);
    const script = `
      const { UdpTrackerClient } = require('./lib/tracker/udp-client.ts');
      const hash = new Uint8Array(20);
      const request = { infoHash: hash, peerId: hash, port: 1, uploadedBytes: 0, downloadedBytes: 0,
        leftBytes: 1, numWant: 1, key: 1 };
      const client = new UdpTrackerClient({ timeoutMs: 600_000 });
      void client.announce('${url}', request).then(({ seeds }) => {
        client.announce('${silent}', request, AbortSignal.timeout(50)).catch(({ code }) => {
          console.log(seeds, code);
        });
      });`;
    // Not the synchronous kind: the trackers above live in this process.
    const child = spawn(process.execPath, ['-r', './spec/register.cjs', '-e', script], {
      cwd: join(__dirname, '..', '..'),
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(output).to.equal('3 tracker-timeout\n');
    expect(code).to.equal(0);
  });

  it('reports what is wrong with a URL', async () => {
    const client = clientOf();
    for (const url of [
      'udp://t/announce',
      'udp://t:0/',
      'udp://',
      `udp://t:1/${'x'.repeat(2000)}`,
    ]) {
      expect(await failureOf(client.announce(url, REQUEST)), url).to.include({
        code: 'tracker-unsupported',
      });
    }
    const nameless = clientOf({
      resolve: () => Promise.reject(Object.assign(new Error('ENOTFOUND'), { code: 'ENOTFOUND' })),
    });
    expect(await failureOf(nameless.announce('udp://no.such.host.invalid:1', REQUEST))).to.include({
      code: 'tracker-unreachable',
    });
  });

  it('stands beside HTTP behind the one interface', async () => {
    const url = await serve(polite((_packet, id) => answer(id)));
    const clients = new TrackerClients({ version: '0', timeoutMs: 5000 });
    cleanUp.push(() => clients.close());
    expect((await clients.announce(url.replace('udp:', 'UDP:'), REQUEST)).seeds).to.equal(3);
    expect((await clients.scrape(url, [])).counts).to.deep.equal([]);
  });

  it('can be closed at any time, and used again', async () => {
    const url = await serve(polite((_packet, id) => answer(id)));
    const client = clientOf();
    const pending = client.announce(url, REQUEST);
    client.close();
    expect((await pending).seeds).to.equal(3);
    client.close();
    expect((await client.announce(url, REQUEST)).seeds).to.equal(3);
  });
});
