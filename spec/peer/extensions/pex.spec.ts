// Peer exchange (BEP 11) in a session: what is sent to the peer and when, and what is read of its
// messages.

import { expect } from 'chai';
import { packPeer, writeCompactPeer } from '../../../lib/address/compact-peers';
import { MAX_PEERS_PER_EXCHANGE } from '../../../lib/messages/peer-thread';
import { EXTENSIONS } from '../../../lib/peer/extensions/list';
import { SwarmList } from '../../../lib/peer/swarm-list';
import {
  decodeExtendedHandshake,
  encodeExtendedHandshake,
} from '../../../lib/wire/extended-handshake';
import { PEER_FLAG, decodePeerExchange, encodePeerExchange } from '../../../lib/wire/peer-exchange';
import type { PeerExchangeMessage } from '../../../lib/wire/peer-exchange';
import { WireWriter } from '../../../lib/wire/encoder';
import { Side } from '../../support/pair';
import type { SideOptions } from '../../support/pair';

const OUR_ID = EXTENSIONS.length;
const THEIR_ID = 9;
const MINUTE_MS = 60_000;

function packed(address: string, port = 6881): Uint8Array {
  const entry = writeCompactPeer(address, port);
  if (entry === undefined) throw new Error(`${address} is no address`);
  return entry;
}

/** Lists peers as the coordinator does; `address` or `[address, port, flags]`. */
function list(swarm: SwarmList, peers: readonly (string | [string, number, number])[]): void {
  const entries = peers.map((peer) => {
    const [address, port, flags] = typeof peer === 'string' ? [peer, 6881, 0] : peer;
    return Uint8Array.from([...packed(address, port), flags]);
  });
  swarm.update(
    Buffer.concat(entries.filter(({ length }) => length === 7)),
    Buffer.concat(entries.filter(({ length }) => length === 19)),
  );
}

function exchanging(options: SideOptions = {}): { side: Side; swarm: SwarmList } {
  const swarm = new SwarmList();
  const side = new Side({
    swarm,
    remote: { host: '198.51.100.1', port: 50_001 },
    limits: { idleTimeoutMs: 60 * MINUTE_MS },
    ...options,
  });
  side.start();
  return { side, swarm };
}

function greet(side: Side, more: { listenPort?: number; id?: number } = {}): void {
  const { listenPort = 6881, id = THEIR_ID } = more;
  const handshake = { extensions: { ut_pex: id }, listenPort };
  side.receive((writer) => writer.extended(0, encodeExtendedHandshake(handshake)));
}

function sentBy(side: Side): PeerExchangeMessage[] {
  return side.sent().flatMap((message) => {
    if (message.type !== 'extended' || message.id !== THEIR_ID) return [];
    return [decodePeerExchange(message.payload, { maxAdded: 1_000, maxDropped: 1_000 })];
  });
}

function names(entries: readonly Uint8Array[]): string[] {
  return entries.map((entry) =>
    entry.length === 6 ? `${entry.subarray(0, 4).join('.')}` : Buffer.from(entry).toString('hex'),
  );
}

const addedTo = (side: Side): string[][] =>
  sentBy(side).map(({ added }) => names(added.map(({ entry }) => entry)));

function sendTo(side: Side, message: Partial<PeerExchangeMessage>): void {
  const payload = encodePeerExchange({ added: [], dropped: [], ...message });
  side.receive((writer) => writer.extended(OUR_ID, payload));
}

const plain = (...addresses: string[]): PeerExchangeMessage['added'] =>
  addresses.map((address) => ({ entry: packed(address), flags: 0 }));

/** A different public address for each number below 65,536. */
const publicAddress = (n: number): string => `203.0.${n >> 8}.${n & 255}`;

describe('peer/extensions/pex', () => {
  describe('sends', () => {
    it('the other peers, with flags, at once and then once a minute', () => {
      const { side, swarm } = exchanging();
      list(swarm, ['203.0.113.1', ['203.0.113.2', 7000, PEER_FLAG.seed], '2001:db8::1']);
      greet(side);
      const [first] = sentBy(side);
      expect(first).to.deep.equal({
        added: [
          { entry: packed('203.0.113.1'), flags: 0 },
          { entry: packed('203.0.113.2', 7000), flags: PEER_FLAG.seed },
          { entry: packed('2001:db8::1'), flags: 0 },
        ],
        dropped: [],
      });
      list(swarm, ['203.0.113.1', '203.0.113.4']);
      side.tick(MINUTE_MS - 1);
      expect(sentBy(side)).to.deep.equal([]);
      expect(side.session.nextDeadlineMs).to.be.at.most(side.nowMs + 1);
      side.tick(1);
      expect(sentBy(side)).to.deep.equal([
        {
          added: [{ entry: packed('203.0.113.4'), flags: 0 }],
          dropped: [packed('203.0.113.2', 7000), packed('2001:db8::1')],
        },
      ]);
    });

    it('nothing, and sets no deadline, while nothing has changed', () => {
      const { side, swarm } = exchanging();
      list(swarm, ['203.0.113.1']);
      greet(side);
      expect(addedTo(side)).to.deep.equal([['203.0.113.1']]);
      list(swarm, ['203.0.113.1']);
      side.tick(MINUTE_MS);
      side.tick(MINUTE_MS);
      expect(sentBy(side)).to.deep.equal([]);
    });

    it('not the peer itself, neither its end of the connection nor its listening port', () => {
      for (const port of [50_001, 6_999]) {
        const { side, swarm } = exchanging();
        list(swarm, ['203.0.113.1', ['198.51.100.1', port, 0]]);
        greet(side, { listenPort: 6_999 });
        expect(addedTo(side)).to.deep.equal([['203.0.113.1']]);
      }
    });

    it('no peers that are closer to us than the peer', () => {
      const near = ['127.0.0.1', '169.254.0.9', '10.0.0.1', '203.0.113.1'] as const;
      for (const [host, count] of [
        ['198.51.100.1', 1],
        ['192.168.1.1', 2],
        ['169.254.0.1', 3],
        ['127.0.0.1', 4],
      ] as const) {
        const { side, swarm } = exchanging({ remote: { host, port: 50_001 } });
        list(swarm, near);
        greet(side, { listenPort: 7_000 });
        expect(addedTo(side), host).to.deep.equal([near.slice(4 - count)]);
      }
    });

    it('at most 50 added and 50 dropped peers at a time; the rest follows', () => {
      const { side, swarm } = exchanging();
      const all = Array.from({ length: 120 }, (_, n) => publicAddress(n));
      list(swarm, all);
      greet(side);
      const received = new Set<string>();
      for (const count of [50, 50, 20, 0]) {
        const now = addedTo(side).flat();
        expect(now).to.have.length(count);
        for (const name of now) received.add(name);
        side.tick(MINUTE_MS);
      }
      expect([...received].sort()).to.deep.equal([...all].sort());
      list(swarm, []);
      for (const count of [50, 50, 20, 0]) {
        side.tick(MINUTE_MS);
        expect(sentBy(side).flatMap(({ dropped }) => dropped)).to.have.length(count);
      }
    });

    it('different peers first on each connection', () => {
      const firsts = new Set<string>();
      for (let connection = 32; connection <= 320; connection += 32) {
        const { side, swarm } = exchanging({ connection });
        list(
          swarm,
          Array.from({ length: 200 }, (_, n) => publicAddress(n)),
        );
        greet(side);
        firsts.add(addedTo(side)[0]?.[0] ?? '');
      }
      expect(firsts.size).to.be.above(5);
    });

    it('nothing if the peer does not accept ut_pex, or no longer does', () => {
      const { side, swarm } = exchanging();
      list(swarm, ['203.0.113.1']);
      greet(side, { id: 0 });
      side.tick(MINUTE_MS);
      expect(sentBy(side)).to.deep.equal([]);
      expect(side.session.nextDeadlineMs).to.be.above(side.nowMs);
    });
  });

  describe('receives', () => {
    it('one message as one fact: added peers, which of them are seeds, and dropped peers', () => {
      const { side } = exchanging();
      sendTo(side, {
        added: [
          { entry: packed('203.0.113.1'), flags: PEER_FLAG.seed | PEER_FLAG.reachable },
          { entry: packed('2001:db8::1', 7000), flags: 0 },
        ],
        dropped: [packed('203.0.113.9')],
      });
      expect(side.of('peer-exchange')).to.deep.equal([
        {
          type: 'peer-exchange',
          connection: side.connection,
          added: [
            { host: '203.0.113.1', port: 6881, isSeed: true },
            { host: '2001:db8::1', port: 7000, isSeed: false },
          ],
          dropped: [{ host: '203.0.113.9', port: 6881 }],
        },
      ]);
    });

    it('no port 0, no multicast, and nothing that is closer to us than the peer', () => {
      const { side } = exchanging();
      const bad = [
        '224.0.0.1',
        '0.0.0.0',
        '127.0.0.1',
        '10.0.0.1',
        '169.254.1.1',
        '::1',
        'fe80::1',
      ];
      sendTo(side, {
        added: [
          ...plain(...bad, '255.255.255.255', '::ffff:127.0.0.1'),
          { entry: packPeer(Uint8Array.from([203, 0, 113, 7]), 0), flags: 0 },
          { entry: packed('198.51.100.1', 50_001), flags: 0 },
          ...plain('203.0.113.1'),
        ],
      });
      expect(side.of('peer-exchange').flatMap(({ added }) => added)).to.deep.equal([
        { host: '203.0.113.1', port: 6881, isSeed: false },
      ]);
    });

    it('one port of each address; on loopback each port', () => {
      for (const [host, count] of [
        ['203.0.113.1', 1],
        ['127.0.0.1', 60],
      ] as const) {
        const { side } = exchanging({ remote: { host: '127.0.0.1', port: 50_001 } });
        const added = Array.from({ length: 60 }, (_, n) => ({
          entry: packed(host, 1000 + n),
          flags: 0,
        }));
        sendTo(side, { added });
        expect(side.of('peer-exchange').flatMap((fact) => fact.added)).to.have.length(count);
      }
    });

    it('the first 100 of 800 addresses, and closes the peer for more bytes', () => {
      const { side } = exchanging();
      const added = Array.from({ length: 800 }, (_, n) => ({
        entry: packed(publicAddress(n)),
        flags: 0,
      }));
      sendTo(side, { added });
      expect(side.of('peer-exchange')[0]?.added).to.have.length(MAX_PEERS_PER_EXCHANGE);
      expect(side.closed).to.equal(undefined);
      sendTo(side, { added: Array(5_000).fill(added[0]) });
      expect(side.closed?.reason).to.equal('message-too-long');
      expect(side.closed?.detail).to.include('ut_pex');
    });

    it('four messages at once and then one in 45 s, and closes a peer that floods', () => {
      const { side } = exchanging();
      let n = 0;
      const sendNew = (): void => sendTo(side, { added: plain(publicAddress(n++)) });
      for (let at = 0; at < 10; at++) sendNew();
      expect(side.of('peer-exchange')).to.have.length(4);
      side.tick(46_000);
      for (let at = 0; at < 10; at++) sendNew();
      expect(side.of('peer-exchange')).to.have.length(5);
      expect(side.closed).to.equal(undefined);
      for (let at = 0; at < 10; at++) sendNew();
      expect(side.closed?.reason).to.equal('pex-flood');
      expect(side.closed?.detail).to.include('one a minute');
    });

    it('no message of 100,000 addresses: its length closes the peer', () => {
      const { side } = exchanging();
      const added = Array<{ entry: Uint8Array; flags: number }>(100_000).fill({
        entry: packed('203.0.113.1'),
        flags: 0,
      });
      const writer = new WireWriter();
      writer.extended(OUR_ID, encodePeerExchange({ added, dropped: [] }));
      side.feed((writer.take() ?? new Uint8Array()).subarray(0, 100));
      expect(side.closed?.reason).to.equal('message-too-long');
    });

    it('a message every 60 s for a day', () => {
      const { side } = exchanging();
      for (let n = 0; n < 1440; n++) {
        side.nowMs += MINUTE_MS;
        sendTo(side, { added: plain(publicAddress(n)) });
      }
      expect(side.of('peer-exchange')).to.have.length(1440);
      expect(side.closed).to.equal(undefined);
    });

    it('no message that is not a dictionary: it closes the peer', () => {
      const { side } = exchanging();
      side.receive((writer) => writer.extended(OUR_ID, Buffer.from('le')));
      expect(side.closed?.reason).to.equal('bad-extended-message');
    });
  });

  describe('of a private torrent (BEP 27)', () => {
    it('is not offered, not sent, and ignored', () => {
      const { side } = exchanging({ swarm: undefined });
      const [first] = side.sent();
      if (first?.type !== 'extended') throw new Error('no extended handshake');
      expect(decodeExtendedHandshake(first.payload).extensions).to.not.have.property('ut_pex');
      greet(side);
      sendTo(side, { added: plain('203.0.113.1') });
      expect(side.of('peer-exchange')).to.deep.equal([]);
      expect(side.closed).to.equal(undefined);
    });

    it('is not offered on a connection that begins after the torrent turned out to be private', () => {
      const swarm = new SwarmList();
      swarm.close();
      const { side } = exchanging({ swarm });
      const [first] = side.sent();
      if (first?.type !== 'extended') throw new Error('no extended handshake');
      expect(decodeExtendedHandshake(first.payload).extensions).to.not.have.property('ut_pex');
    });

    it('ends when the torrent turns out to be private', () => {
      const { side, swarm } = exchanging();
      list(swarm, ['203.0.113.1']);
      greet(side);
      expect(addedTo(side)).to.have.length(1);
      swarm.close();
      list(swarm, ['203.0.113.2']);
      sendTo(side, { added: plain('203.0.113.3') });
      side.tick(MINUTE_MS);
      expect(sentBy(side)).to.deep.equal([]);
      expect(side.of('peer-exchange')).to.deep.equal([]);
    });

    it('is withdrawn from the peer then, and in each later handshake', () => {
      const { side, swarm } = exchanging();
      greet(side);
      side.sent();
      swarm.close();
      side.session.orderExtension({ type: 'torrent-private', torrent: 1 }, side.nowMs);
      side.session.orderExtension(
        { type: 'upload-only', torrent: 1, uploadOnly: true },
        side.nowMs,
      );
      const offered = side
        .sent()
        .flatMap((message) =>
          message.type === 'extended' && message.id === 0
            ? [decodeExtendedHandshake(message.payload).extensions['ut_pex']]
            : [],
        );
      expect(offered).to.deep.equal([0, 0]);
    });
  });
});
