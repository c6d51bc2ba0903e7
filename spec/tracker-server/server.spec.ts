import { expect } from 'chai';
import fc from 'fast-check';
import { get } from 'node:http';
import { decode } from '../../lib/bencode/decode';
import { BencodeDictionary } from '../../lib/bencode/value';
import { formatAddress } from '../../lib/address/text';
import { readCompactPeers } from '../../lib/address/compact-peers';
import { HttpTrackerClient } from '../../lib/tracker/http-client';
import { startTracker } from '../../lib/tracker-server/server';
import type { TrackerServer } from '../../lib/tracker-server/server';
import { SwarmRegistry } from '../../lib/tracker-server/swarm-registry';
import { Tracker } from '../../lib/tracker-server/tracker';
import type { ReceivedAnnounce } from '../../lib/tracker/announce';
import type { SwarmAnswer } from '../../lib/tracker-server/swarm-registry';
import { HASH, request } from '../support/announce-request';

const client = new HttpTrackerClient({ version: '0.0.0' });
function rawGet(url: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks)));
    }).on('error', reject);
  });
}

describe('tracker: built-in server', () => {
  let server: TrackerServer;
  let nowMs = 0;

  beforeEach(async () => {
    nowMs = 0;
    server = await startTracker({ intervalSec: 100, now: () => nowMs });
  });
  afterEach(() => server.close());

  it('a hash with bytes like 0x00 0x25 0xff 0x20 makes the round trip', async () => {
    const first = await client.announce(server.url, request(1, { event: 'started' }));
    expect(first).to.include({ intervalSec: 100, seeds: 0, leechers: 1, externalIp: '127.0.0.1' });
    expect(first.peers).to.deep.equal([]);
    const second = await client.announce(
      server.url,
      request(2, { event: 'started', leftBytes: 0 }),
    );
    expect(second.peers).to.deep.equal([{ host: '127.0.0.1', port: 1001 }]);
    expect(second).to.include({ seeds: 1, leechers: 1 });
    const other = HASH.map((byte) => byte ^ 1);
    expect(
      (await client.announce(server.url, request(3, { infoHash: other }))).peers,
    ).to.have.length(0);
  });

  it('forgets peers that stopped and counts peers that completed', async () => {
    await client.announce(server.url, request(1, { event: 'started' }));
    await client.announce(server.url, request(2, { event: 'started' }));
    const done = await client.announce(
      server.url,
      request(2, { event: 'completed', leftBytes: 0 }),
    );
    expect(done).to.include({ seeds: 1, leechers: 1 });
    const gone = await client.announce(server.url, request(1, { event: 'stopped' }));
    expect(gone).to.include({ seeds: 1, leechers: 0 });
  });

  it('remembers peers for as long as clients keep silent, whatever the interval', async () => {
    // Clients have a floor of their own: libtorrent announces every 300 s, rtorrent every 600 s.
    const forgottenAfter: [number, number][] = [
      [5, 2700],
      [60, 2700],
      [1800, 3600],
      [7200, 14_400],
    ];
    for (const [intervalSec, forgottenSec] of forgottenAfter) {
      nowMs = 0;
      const tracker = await startTracker({ intervalSec, now: () => nowMs });
      try {
        await client.announce(tracker.url, request(1, { event: 'started' }));
        const othersAt = async (sec: number): Promise<number> => {
          nowMs = sec * 1000;
          const { peers } = await client.announce(tracker.url, request(2));
          await client.announce(tracker.url, request(2, { event: 'stopped' }));
          return peers.length;
        };
        for (const sec of [300, 600, 1800, forgottenSec - 1]) {
          expect(await othersAt(sec), `${intervalSec} s, after ${sec} s`).to.equal(1);
        }
        expect(tracker.stats().peers).to.equal(1);
        expect(await othersAt(forgottenSec + 1), `${intervalSec} s`).to.equal(0);
        expect(tracker.stats().peers).to.equal(0);
      } finally {
        await tracker.close();
      }
    }
  });

  it('answers with the interval after which a client may announce again', async () => {
    expect(await client.announce(server.url, request(1))).to.include({ minIntervalSec: 60 });
    const query = `info_hash=${'a'.repeat(20)}&peer_id=${'b'.repeat(20)}&port=5&compact=0`;
    for (const [intervalSec, minIntervalSec] of [
      [5, 5],
      [60, 60],
      [1800, 60],
    ]) {
      const tracker = await startTracker({ intervalSec });
      try {
        for (const asked of [query, query.replace('compact=0', 'compact=1')]) {
          const reply = decode(await rawGet(`${tracker.url}?${asked}`));
          if (!(reply instanceof BencodeDictionary)) throw new Error('no dictionary');
          expect(reply.integer('interval')).to.equal(intervalSec);
          expect(reply.integer('min interval')).to.equal(minIntervalSec);
        }
      } finally {
        await tracker.close();
      }
    }
  });

  it('answers in dictionaries where compact=0', async () => {
    await client.announce(server.url, request(1));
    const id = '%02'.repeat(20);
    const query = `info_hash=${'%00%25%FF%20'.repeat(5)}&peer_id=${id}&port=5&left=1&compact=0`;
    const reply = decode(await rawGet(`${server.url}?${query}`));
    if (!(reply instanceof BencodeDictionary)) throw new Error('no dictionary');
    const [peer] = reply.list('peers') ?? [];
    if (!(peer instanceof BencodeDictionary)) throw new Error('no peer');
    expect(peer.text('ip')).to.equal('127.0.0.1');
    expect(peer.integer('port')).to.equal(1001);
    expect(peer.bytes('peer id')).to.deep.equal(new Uint8Array(20).fill(1));
  });

  it('refuses a hash in hex and other broken queries, with a reason', async () => {
    const good = `peer_id=${'a'.repeat(20)}&port=5`;
    const reasonOf = async (query: string): Promise<string> => {
      const reply = decode(await rawGet(`${server.url}?${query}`));
      return reply instanceof BencodeDictionary ? (reply.text('failure reason') ?? '') : '';
    };
    expect(await reasonOf(`info_hash=${'00'.repeat(20)}&${good}`)).to.match(/20 raw bytes/);
    expect(await reasonOf(`info_hash=%0&${good}`)).to.match(/20 raw bytes/);
    expect(await reasonOf(good)).to.match(/info_hash/);
    const hash = `info_hash=${'b'.repeat(20)}`;
    expect(await reasonOf(`${hash}&port=5`)).to.match(/peer_id/);
    expect(await reasonOf(`${hash}&peer_id=${'a'.repeat(20)}&port=0`)).to.match(/port/);
    expect(await reasonOf(`${hash}&${good}&event=paused!`)).to.match(/event/);
  });

  it('treats an event named empty or none as a regular announce', async () => {
    for (const event of ['', 'empty', 'none']) {
      const query = `info_hash=${'b'.repeat(20)}&peer_id=${'a'.repeat(20)}&port=5&event=${event}`;
      const reply = decode(await rawGet(`${server.url}?${query}`));
      if (!(reply instanceof BencodeDictionary)) throw new Error('no dictionary');
      expect(reply.integer('incomplete'), event).to.equal(1);
    }
  });

  it('answers 404 on other paths, and can be closed twice', async () => {
    expect((await rawGet(server.url.replace('/announce', '/x'))).toString()).to.contain(
      '/announce',
    );
    await server.close();
    await server.close();
  });

  it('cannot listen where somebody else does', async () => {
    const error = await startTracker({ port: server.port }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.include({ code: 'tracker-listen-failed' });
  });

  it('serves IPv6: peers6, and its URL has brackets', async function () {
    const six = await startTracker({ host: '::1' }).catch(() => undefined);
    if (six === undefined) return this.skip();
    try {
      expect(six.url).to.equal(`http://[::1]:${six.port}/announce`);
      await client.announce(six.url, request(1));
      const reply = await client.announce(six.url, request(2));
      expect(reply.peers).to.deep.equal([{ host: '::1', port: 1001 }]);
      expect(reply.externalIp).to.equal('::1');
    } finally {
      await six.close();
    }
  });
});

const HASH_1 = new Uint8Array(20).fill(1);

describe('tracker: swarm registry', () => {
  function announce(
    torrent: number,
    peer: number,
    more: Partial<ReceivedAnnounce> = {},
  ): ReceivedAnnounce {
    return {
      infoHash: new Uint8Array(20).fill(torrent),
      peerId: new Uint8Array(20).fill(peer),
      address: Uint8Array.of(10, 0, peer >> 8, peer & 255),
      port: 1,
      leftBytes: 1,
      ...more,
    };
  }

  function registry(limits = {}): SwarmRegistry {
    return new SwarmRegistry({ forgetAfterMs: 2000, random: () => 0.5, limits });
  }

  /** The addresses in an answer. */
  function hosts({ peers }: SwarmAnswer): string[] {
    return readCompactPeers(peers, 6, 1000).map(({ host }) => host);
  }

  it('holds no more than its limits, and still takes those it knows and answers the others', () => {
    const swarms = registry({ maxTorrents: 2, maxPeers: 4, maxPeersPerTorrent: 3 });
    for (const peer of [1, 2, 3])
      expect(swarms.announce(announce(1, peer), 0).full).to.equal(false);
    const refused = swarms.announce(announce(1, 4), 0);
    expect(refused.full).to.equal(true);
    expect(hosts(refused)).to.have.members(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(swarms.announce(announce(1, 3), 0).full).to.equal(false);
    expect(swarms.announce(announce(2, 1), 0).full).to.equal(false);
    expect(swarms.announce(announce(2, 2), 0).full).to.equal(true);
    swarms.announce(announce(1, 1, { event: 'stopped' }), 0);
    expect(swarms.announce(announce(3, 1), 0).full).to.equal(true);
    expect(swarms.peerCount).to.equal(3);
    swarms.expire(2001);
    expect(swarms).to.include({ peerCount: 0, torrentCount: 0 });
  });

  it('limits the peers of one address, and has room again when they leave', () => {
    const swarms = registry({ maxPeersPerIp: 2 });
    const from = (port: number, more = {}): boolean =>
      swarms.announce(announce(1, 7, { port, ...more }), 0).full;
    expect([from(1), from(2), from(3), from(2)]).to.deep.equal([false, false, true, false]);
    expect(swarms.announce(announce(1, 8), 0).full).to.equal(false);
    from(1, { event: 'stopped' });
    expect(from(3)).to.equal(false);
    // One /64 of IPv6 is one customer.
    const six = (last: number): boolean => {
      const address = new Uint8Array(16);
      address.set([0x20, 1]);
      address[15] = last;
      return swarms.announce(announce(1, 0, { address }), 0).full;
    };
    expect([six(1), six(2), six(3)]).to.deep.equal([false, false, true]);
    swarms.expire(2001);
    expect(swarms.peerCount).to.equal(0);
    expect(from(1)).to.equal(false);
  });

  it('is swept for its counters once a second, however often they are read', () => {
    const tracker = new Tracker({ intervalSec: 1800, random: () => 0, nowMs: 0 });
    tracker.announce('http', announce(1, 1), 0);
    const peersAt = (nowMs: number): number => tracker.stats(nowMs).peers;
    expect([peersAt(3_599_900), peersAt(3_600_100), peersAt(3_600_899)]).to.deep.equal([1, 1, 1]);
    expect(peersAt(3_600_900)).to.equal(0);
    // Everything but the silent is exact at any time.
    tracker.announce('http', announce(1, 2), 3_600_900);
    expect(tracker.stats(3_600_900)).to.deep.include({ peers: 1, announces: { http: 2, udp: 0 } });
  });

  it('leaves no empty torrent behind', () => {
    const swarms = registry();
    swarms.announce(announce(1, 1, { event: 'stopped' }), 0);
    swarms.announce(announce(1, 1), 0);
    swarms.announce(announce(1, 1, { event: 'stopped' }), 0);
    expect(swarms).to.include({ peerCount: 0, torrentCount: 0 });
  });

  it('gives as many peers as wanted, each once, never the asker, and no seeds to a seed', () => {
    const swarms = registry();
    for (let peer = 0; peer < 300; peer += 1) {
      swarms.announce(announce(1, peer, { leftBytes: peer % 2 }), 0);
    }
    const some = hosts(swarms.announce(announce(1, 0, { numWant: 20 }), 0));
    expect(new Set(some).size).to.equal(20);
    const all = hosts(swarms.announce(announce(1, 0, { numWant: 9999 }), 0));
    expect(new Set(all).size).to.equal(200);
    expect(all).not.to.include('10.0.0.0');
    const forSeed = hosts(swarms.announce(announce(1, 0, { leftBytes: 0, numWant: 200 }), 0));
    expect(new Set(forSeed).size).to.equal(150);
    expect(forSeed.every((host) => Number(host.split('.')[3]) % 2 === 1)).to.equal(true);
    expect(hosts(swarms.announce(announce(1, 0, { numWant: 0 }), 0))).to.have.length(0);
  });

  it('gives half seeds, half others where there are enough, and fills up with either', () => {
    const swarms = registry();
    for (let peer = 0; peer < 100; peer += 1) {
      swarms.announce(announce(1, peer, { leftBytes: peer < 10 ? 0 : 1 }), 0);
    }
    const isSeed = (host: string): boolean => Number(host.split('.')[3]) < 10;
    const few = hosts(swarms.announce(announce(1, 50, { numWant: 10 }), 0));
    expect(few.filter(isSeed)).to.have.length(5);
    const many = hosts(swarms.announce(announce(1, 50, { numWant: 60 }), 0));
    expect(many.filter(isSeed)).to.have.length(10);
    expect(many).to.have.length(60);
  });

  it('counts completed once for each peer, and partial seeds apart (BEP 21)', () => {
    const swarms = registry();
    swarms.announce(announce(1, 1), 0);
    swarms.announce(announce(1, 2, { partialSeed: true }), 0);
    for (let again = 0; again < 3; again += 1) {
      swarms.announce(announce(1, 1, { leftBytes: 0, event: 'completed' }), 0);
    }
    expect(swarms.scrape(HASH_1, 0)).to.deep.equal({
      seeds: 1,
      leechers: 1,
      completed: 1,
      downloaders: 0,
    });
    swarms.announce(announce(1, 2), 0);
    expect(swarms.scrape(HASH_1, 0).downloaders).to.equal(1);
    expect(swarms.scrape(new Uint8Array(20), 0)).to.include({ seeds: 0, leechers: 0 });
  });

  it('behaves as a plain list of peers would, whatever happens in whatever order', () => {
    const step = fc.record({
      peer: fc.nat(11),
      six: fc.boolean(),
      left: fc.nat(1),
      kind: fc.constantFrom('announce', 'announce', 'announce', 'stopped', 'paused', 'completed'),
      waitMs: fc.constantFrom(0, 0, 10, 400, 1500),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 120 }),
        fc.infiniteStream(fc.nat(99)),
        (steps, noise) => {
          const random = (): number => (noise.next().value as number) / 100;
          const swarms = new SwarmRegistry({ forgetAfterMs: 2000, random });
          const naive = new Map<string, { seed: boolean; paused: boolean; seenMs: number }>();
          const finished = new Set<number>();
          let nowMs = 0;
          for (const { peer, six, left, kind, waitMs } of steps) {
            nowMs += waitMs;
            const address = six
              ? Uint8Array.from({ length: 16 }, (_, at) =>
                  at === 0 ? 0x20 : at === 15 ? peer + 1 : 0,
                )
              : Uint8Array.of(10, 0, 0, peer);
            const host = formatAddress(address) ?? '';
            const partialSeed = kind === 'paused';
            const answer = swarms.announce(
              announce(1, peer, {
                address,
                leftBytes: left,
                partialSeed,
                event: kind === 'stopped' || kind === 'completed' ? kind : undefined,
                numWant: 200,
              }),
              nowMs,
            );
            if (kind === 'completed' && left === 0) finished.add(peer);
            expect(swarms.completedCount).to.equal(finished.size);
            expect(swarms.scrape(HASH_1, nowMs).completed).to.equal(finished.size);
            const given = [
              ...readCompactPeers(answer.peers, 6, 1000),
              ...readCompactPeers(answer.peers6, 18, 1000),
            ].map((found) => found.host);
            naive.delete(host);
            // Silent peers may be listed for a moment longer than the 2 s, never shorter.
            const lively = [...naive].filter(([, { seenMs }]) => nowMs - seenMs < 2000);
            const usable = lively
              .filter(([, { seed }]) => left !== 0 || !seed)
              .map(([name]) => name);
            if (kind !== 'stopped') {
              naive.set(host, {
                seed: left === 0,
                paused: partialSeed && left !== 0,
                seenMs: nowMs,
              });
              expect(given).to.include.members(usable);
              expect(new Set(given).size).to.equal(given.length);
              expect(given).not.to.include(host);
            } else expect(given).to.deep.equal([]);
          }
          swarms.expire(nowMs + 2001);
          swarms.expire(nowMs + 10_000);
          expect(swarms).to.include({ peerCount: 0, torrentCount: 0, seedCount: 0 });
        },
      ),
      { numRuns: 200 },
    );
  });
});
