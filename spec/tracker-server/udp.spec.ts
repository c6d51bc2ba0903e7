import { expect } from 'chai';
import * as dgram from 'node:dgram';
import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import { get } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { toHex } from '../../lib/bytes/hex';
import { MillraceError } from '../../lib/errors/millrace-error';
import { TrackerClients } from '../../lib/tracker/clients';
import { startTracker } from '../../lib/tracker-server/server';
import type { TrackerServer, TrackerServerOptions } from '../../lib/tracker-server/server';
import { Tracker } from '../../lib/tracker-server/tracker';
import { decodeReply, encodeAnnounce, encodeConnect } from '../../lib/tracker/udp-codec';
import { UdpCookies } from '../../lib/tracker-server/udp-cookie';
import { answerPacket } from '../../lib/tracker-server/udp-answer';
import { HASH, request } from '../support/announce-request';
import { until } from '../support/until';

async function failureOf(pending: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await pending.then(
    () => new Error('expected a failure'),
    (reason: unknown) => reason,
  );
  if (error instanceof MillraceError) return error;
  throw error;
}

function textAt(url: string): Promise<{ body: string; type: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ body, type: response.headers['content-type'] ?? '' }));
    }).on('error', reject);
  });
}

describe('tracker: built-in server, both protocols', () => {
  const open: TrackerServer[] = [];
  let clients: TrackerClients;
  beforeEach(() => {
    clients = new TrackerClients({ version: '0', timeoutMs: 5000 });
  });
  afterEach(async () => {
    clients.close();
    for (const server of open.splice(0)) await server.close();
  });

  async function start(
    options: TrackerServerOptions = {},
  ): Promise<TrackerServer & { udp: string }> {
    const server = await startTracker({ udpPort: 0, ...options });
    open.push(server);
    return { ...server, udp: server.udpUrl ?? '' };
  }

  it('a peer announced over one protocol is listed over the other', async () => {
    const { url, udp } = await start({ intervalSec: 100 });
    await clients.announce(url, request(1, { event: 'started' }));
    const second = await clients.announce(udp, request(2, { event: 'started', leftBytes: 0 }));
    expect(second).to.deep.include({
      intervalSec: 100,
      seeds: 1,
      leechers: 1,
      peers: [{ host: '127.0.0.1', port: 1001 }],
    });
    await clients.announce(url, request(1, { event: 'completed', leftBytes: 0 }));
    await clients.announce(url, request(3, { partialSeed: true }));
    const other = new Uint8Array(20).fill(1);
    const overHttp = await clients.scrape(url, [HASH, other]);
    const overUdp = await clients.scrape(udp, [HASH, other]);
    expect(overHttp.counts).to.deep.equal([
      { seeds: 2, leechers: 1, completed: 1, downloaders: 0 },
      { seeds: 0, leechers: 0, completed: 0, downloaders: 0 },
    ]);
    expect(overUdp.counts).to.deep.equal([
      { seeds: 2, leechers: 1, completed: 1 },
      { seeds: 0, leechers: 0, completed: 0 },
    ]);
    await clients.announce(udp, request(2, { event: 'stopped' }));
    expect((await clients.scrape(url, [HASH])).counts[0]?.seeds).to.equal(1);
  });

  it('works with UDP alone, and rejects unsupported options', async () => {
    const { url, udp, port } = await start({ port: false });
    expect(port).to.equal(0);
    expect(url).to.equal(udp);
    expect((await clients.announce(url, request(1))).leechers).to.equal(1);
    expect(await failureOf(startTracker({ port: false }))).to.include({ code: 'bad-option' });
    const taken = Number(new URL(udp).port);
    expect(await failureOf(startTracker({ udpPort: taken }))).to.include({
      code: 'tracker-listen-failed',
    });
    expect(await failureOf(startTracker({ whitelist: ['xyz'] }))).to.include({
      code: 'bad-option',
    });
  });

  it('serves only the torrents on its list, where it has one', async () => {
    const { url, udp } = await start({ whitelist: [toHex(HASH), new Uint8Array(20).fill(3)] });
    const stranger = request(1, { infoHash: new Uint8Array(20).fill(4) });
    for (const each of [url, udp]) {
      await clients.announce(each, request(1));
      const refused = await failureOf(clients.announce(each, stranger));
      expect(refused).to.include({ code: 'tracker-failure' });
      expect(refused.message).to.contain('not on the list');
    }
  });

  it('an address that asks too often gets a retry time; others are served', async () => {
    let nowMs = 0;
    const limits = { requestsPerSecPerIp: 1, requestBurstPerIp: 3 };
    const { url, udp, stats } = await start({ now: () => nowMs, limits });
    await clients.announce(url, request(1));
    await clients.announce(udp, request(1));
    await clients.scrape(udp, [HASH]);
    const refused = await failureOf(clients.announce(url, request(1)));
    expect(refused.details).to.include({ retryInSec: 60 });
    // Over UDP silence, which costs least.
    const stop = new AbortController();
    const silent = failureOf(clients.announce(udp, request(1), stop.signal));
    await until(() => stats().refused.tooFast === 2, 'the refusal over UDP');
    nowMs = 3000;
    await clients.announce(url, request(1));
    await clients.scrape(udp, [HASH]); // an answer to the announce would have come before this one
    stop.abort();
    expect(await silent).to.include({ code: 'aborted' });
    expect(stats().refused.tooFast).to.equal(2);
  });

  it('a full tracker still answers every client, and reports it over HTTP', async () => {
    const { url, udp } = await start({ limits: { maxPeers: 1 } });
    await clients.announce(url, request(1));
    const late = await clients.announce(url, request(2));
    expect(late.peers).to.deep.equal([{ host: '127.0.0.1', port: 1001 }]);
    expect(late.warning).to.contain('full');
    expect((await clients.announce(udp, request(3))).peers).to.have.length(1);
  });

  it('shows its counters as JSON and as a page', async () => {
    const { url, udp, stats } = await start();
    await clients.announce(url, request(1));
    await clients.announce(udp, request(2, { leftBytes: 0 }));
    const { body, type } = await textAt(url.replace('/announce', '/stats.json'));
    expect(type).to.contain('application/json');
    expect(JSON.parse(body)).to.deep.include({
      torrents: 1,
      peers: 2,
      seeds: 1,
      announces: { http: 1, udp: 1 },
      connects: 1,
    });
    expect(stats().peers).to.equal(2);
    const page = await textAt(url.replace('/announce', '/stats'));
    expect(page.type).to.contain('text/html');
    expect(page.body).to.contain('<td>Peers</td><td>2</td>');
    const quiet = await start({ statsPage: false });
    expect((await textAt(quiet.url.replace('/announce', '/stats'))).body).to.contain('/announce');
  });

  it('keeps connections alive on request, and limits those of one address', async () => {
    const { url, port } = await start({ limits: { maxConnectionsPerIp: 2 } });
    const accepted: Socket[] = [];
    const note = (message: unknown): void => {
      const { socket } = message as { readonly socket: Socket };
      if (socket.localPort === port) accepted.push(socket);
    };
    const keeping = new TrackerClients({ version: '0', keepAlive: true });
    diagnostics.subscribe('net.server.socket', note);
    try {
      await keeping.announce(url, request(1));
      await keeping.announce(url, request(2));
      expect(accepted, 'one for both announces').to.have.length(1);
      const raw = connect(port, '127.0.0.1');
      await once(raw, 'connect');
      const third = connect(port, '127.0.0.1');
      third.on('error', () => undefined);
      await once(third, 'close');
      expect(third.bytesRead).to.equal(0);
      expect(raw.destroyed, 'the two that were there keep their place').to.equal(false);
      await keeping.announce(url, request(3));
      expect(accepted.filter(({ destroyed }) => !destroyed)).to.have.length(2);
      raw.destroy();
    } finally {
      diagnostics.unsubscribe('net.server.socket', note);
      keeping.close();
    }
  });

  it('garbage and forged packets over a real socket: no answer, and the next announce is served', async () => {
    const { udp, udpPort, stats } = await start();
    const socket = dgram.createSocket('udp4');
    for (let length = 0; length < 120; length += 7) {
      socket.send(Buffer.alloc(length, length), udpPort, '127.0.0.1');
    }
    expect((await clients.announce(udp, request(1))).leechers).to.equal(1);
    socket.close();
    expect(stats().peers).to.equal(1);
  });
});

describe('tracker: a flood', () => {
  const secret = new Uint8Array(16).fill(1);
  const cookies = new UdpCookies(secret);

  function limitedTracker(): Tracker {
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 48_271) >>> 0) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    const limits = { maxPeers: 2000, maxTorrents: 500, maxPeersPerIp: 100 };
    return new Tracker({ intervalSec: 1800, limits, random, nowMs: 0 });
  }

  function announceFrom(tracker: Tracker, source: string, id: number, nowMs: number) {
    const connected = answerPacket(Buffer.from(encodeConnect(id)), source, {
      tracker,
      cookies,
      nowMs,
    });
    const connectionId = connected?.subarray(8, 16) ?? new Uint8Array(8);
    const infoHash = Buffer.alloc(20);
    infoHash.writeUInt32BE(id % 5000);
    const packet = Buffer.from(
      encodeAnnounce(connectionId, id, request(1, { infoHash, port: 1 + (id % 60_000) }), ''),
    );
    const reply = answerPacket(packet, source, { tracker, cookies, nowMs });
    return reply && decodeReply(reply, 4);
  }

  it('from one address: it fills its own share only', () => {
    const tracker = limitedTracker();
    for (let id = 0; id < 20_000; id += 1) announceFrom(tracker, '198.51.100.1', id, id);
    expect(tracker.stats(20_000).peers).to.be.at.most(100);
    expect(announceFrom(tracker, '203.0.113.1', 1, 20_000)).to.include({ action: 'announce' });
    expect(tracker.stats(20_000).peers).to.equal(101);
  });

  it('from many: memory stays within its limits, and all others are still answered', () => {
    const tracker = limitedTracker();
    for (let id = 0; id < 30_000; id += 1) {
      announceFrom(tracker, `198.18.${(id >> 8) & 255}.${id & 255}`, id, id / 10);
    }
    const stats = tracker.stats(3000);
    expect(stats.peers).to.be.at.most(2000);
    expect(stats.torrents).to.be.at.most(500);
    expect(announceFrom(tracker, '203.0.113.1', 1, 3000)).to.include({ action: 'announce' });
    // Two intervals later the flood is forgotten.
    expect(tracker.stats(3000 + 3_700_000)).to.include({ peers: 0, torrents: 0 });
  });

  it('with forged sources: nothing is kept, and no reply is longer than its packet', () => {
    const tracker = limitedTracker();
    for (let id = 0; id < 5000; id += 1) {
      const packet = Buffer.from(
        encodeAnnounce(Uint8Array.of(id & 1, 2, 3, 4, 5, 6, 7, 8), id, request(1), ''),
      );
      const source = `198.51.100.${id & 255}`;
      const reply = answerPacket(packet.subarray(0, 16 + (id % 83)), source, {
        tracker,
        cookies,
        nowMs: 0,
      });
      expect(reply?.length ?? 0).to.be.at.most(16 + (id % 83));
    }
    expect(tracker.stats(0)).to.deep.include({ peers: 0, announces: { http: 0, udp: 0 } });
    expect(tracker.stats(0).refused.badConnectionId).to.equal(5000);
  });
});
