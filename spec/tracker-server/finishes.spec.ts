import { expect } from 'chai';
import { MAX_REMEMBERED } from '../../lib/tracker-server/finishes';
import { startTracker } from '../../lib/tracker-server/server';
import { SwarmRegistry } from '../../lib/tracker-server/swarm-registry';
import type { AnnounceEvent, ReceivedAnnounce } from '../../lib/tracker/announce';
import { TrackerClients } from '../../lib/tracker/clients';
import { request } from '../support/announce-request';

const HASH = new Uint8Array(20).fill(7);
const IPV4 = Uint8Array.of(10, 0, 0, 1);
const IPV6 = Uint8Array.of(0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

function announce(peer: number, more: Partial<ReceivedAnnounce> = {}): ReceivedAnnounce {
  const peerId = Buffer.alloc(20);
  peerId.writeUInt32BE(peer);
  return { infoHash: HASH, peerId, address: IPV4, port: 1, leftBytes: 0, ...more };
}

describe('tracker: finished downloads', () => {
  let swarms: SwarmRegistry;
  beforeEach(() => {
    swarms = new SwarmRegistry({ forgetAfterMs: 2000, random: () => 0.5 });
  });

  function send(peer: number, event?: AnnounceEvent, more: Partial<ReceivedAnnounce> = {}): void {
    swarms.announce(announce(peer, { event, ...more }), 0);
  }

  function counts(infoHash: Uint8Array = HASH): readonly number[] {
    return [swarms.completedCount, swarms.scrape(infoHash, 0).completed];
  }

  it('count once when they are reported by one URL after the peer stopped by another', () => {
    send(2, 'started');
    send(1, 'started', { leftBytes: 1 });
    for (const event of ['completed', 'stopped', 'completed', 'stopped'] as const) send(1, event);
    expect(counts()).to.deep.equal([1, 1]);
  });

  it('count once when they are reported by IPv4 and by IPv6', () => {
    for (const address of [IPV4, IPV6]) send(1, 'started', { address, leftBytes: 1 });
    for (const address of [IPV4, IPV6]) send(1, 'completed', { address });
    expect(counts()).to.deep.equal([1, 1]);
  });

  it('count when the first URL failed, and the next one first gets a start without bytes left', () => {
    send(1, 'started', { leftBytes: 1 });
    send(1, 'started');
    send(1, 'completed');
    expect(counts()).to.deep.equal([1, 1]);
  });

  it('count only with nothing left, and only by the event', () => {
    send(1, 'completed', { leftBytes: 1 });
    send(1, 'started');
    send(1);
    expect(counts()).to.deep.equal([0, 0]);
  });

  it('count for each torrent and for each peer', () => {
    const other = new Uint8Array(20).fill(8);
    send(1, 'completed');
    send(2, 'completed');
    send(1, 'completed', { infoHash: other });
    expect(counts()).to.deep.equal([3, 2]);
    expect(counts(other)).to.deep.equal([3, 1]);
  });

  it('stay counted in scrapes while a torrent has no peer, and afterwards', () => {
    send(1, 'completed');
    send(1, 'stopped');
    expect(swarms.torrentCount).to.equal(0);
    expect(counts()).to.deep.equal([1, 1]);
    send(2, 'completed');
    expect(counts()).to.deep.equal([2, 2]);
    swarms.expire(2001);
    expect(swarms.torrentCount).to.equal(0);
    expect(counts()).to.deep.equal([2, 2]);
  });

  it('are remembered in bounded memory: the oldest gives way', () => {
    for (let peer = 0; peer < MAX_REMEMBERED; peer += 1) send(peer, 'completed');
    send(0, 'completed');
    expect(counts()).to.deep.equal([MAX_REMEMBERED, MAX_REMEMBERED]);
    send(MAX_REMEMBERED, 'completed');
    send(1, 'completed');
    expect(counts()[0]).to.equal(MAX_REMEMBERED + 1);
    send(0, 'completed');
    expect(counts()[0]).to.equal(MAX_REMEMBERED + 2);
  });

  it('are kept for a bounded number of torrents without peers: the longest empty gives way', () => {
    const hashOf = (torrent: number): Buffer => {
      const infoHash = Buffer.alloc(20);
      infoHash.writeUInt32BE(torrent);
      return infoHash;
    };
    const finish = (torrent: number): void => {
      send(1, 'completed', { infoHash: hashOf(torrent) });
      send(1, 'stopped', { infoHash: hashOf(torrent) });
    };
    const kept = (torrent: number): number | undefined => counts(hashOf(torrent))[1];
    for (let torrent = 0; torrent < MAX_REMEMBERED; torrent += 1) finish(torrent);
    expect([kept(0), kept(1)]).to.deep.equal([1, 1]);
    send(2, 'completed', { infoHash: hashOf(0) });
    send(2, 'stopped', { infoHash: hashOf(0) });
    finish(MAX_REMEMBERED);
    expect([kept(0), kept(1), kept(2)]).to.deep.equal([2, 0, 1]);
  });
});

describe('tracker: a finish that is reported by several URLs', () => {
  it('counts once over HTTP and UDP', async () => {
    const server = await startTracker({ udpPort: 0 });
    const clients = new TrackerClients({ version: '0', timeoutMs: 5000 });
    try {
      await clients.announce(server.url, request(1, { event: 'started' }));
      for (const url of [server.url, server.udpUrl ?? '']) {
        for (const event of ['completed', 'stopped'] as const) {
          await clients.announce(url, request(1, { event, leftBytes: 0 }));
        }
      }
      expect(server.stats()).to.include({ completed: 1, peers: 0 });
    } finally {
      clients.close();
      await server.close();
    }
  });
});
