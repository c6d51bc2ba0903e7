import { expect } from 'chai';
import { MillraceError } from '../../lib/errors/millrace-error';
import {
  encodeAnnounceReply,
  encodeConnectReply,
  encodeError,
  encodeScrape,
  encodeScrapeReply,
} from '../../lib/tracker/udp-codec';
import { ConnectionIds, UdpExchange } from '../../lib/tracker/udp-exchange';

const ID = Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9);
const NOBODY = { seeds: 0, leechers: 0 };

interface Asked {
  readonly action: 'connect' | 'request';
  readonly transactionId: number;
}

function read(packet: Uint8Array | 'expired' | undefined): Asked {
  if (!(packet instanceof Uint8Array)) throw new Error(`no packet: ${packet ?? 'none'}`);
  const buffer = Buffer.from(packet);
  const action = buffer.readUInt32BE(8) === 0 ? 'connect' : 'request';
  return { action, transactionId: buffer.readUInt32BE(12) };
}

describe('tracker: UDP exchange (BEP 15)', () => {
  let counter = 0;
  let connectionIds: ConnectionIds;
  beforeEach(() => {
    counter = 0;
    connectionIds = new ConnectionIds();
  });

  function exchangeAt(
    nowMs: number,
    wanted: 'announce' | 'scrape' = 'announce',
    firstWaitMs?: number,
  ): UdpExchange {
    return new UdpExchange({
      endpoint: '10.0.0.1 80',
      family: 4,
      wanted,
      encode: (connectionId, transactionId) => {
        const packet = Buffer.from(encodeScrape(connectionId, transactionId, []));
        packet.writeUInt32BE(wanted === 'announce' ? 1 : 2, 8);
        return packet;
      },
      connectionIds,
      random32: () => (counter += 1),
      nowMs,
      firstWaitMs,
    });
  }

  /** When packets are sent, and of which kind, if no answer comes from `nowMs` on. */
  function unanswered(exchange: UdpExchange): string[] {
    const log: string[] = [];
    for (;;) {
      const atMs = exchange.nextDueMs;
      const packet = exchange.poll(atMs);
      log.push(`${atMs / 1000} ${packet === 'expired' ? packet : read(packet).action}`);
      if (packet === 'expired') return log;
      expect(exchange.poll(exchange.nextDueMs - 1)).to.equal(undefined);
    }
  }

  it('a dead tracker: nine connects, 15 × 2^n s apart, and the end', () => {
    const exchange = exchangeAt(0);
    expect(unanswered(exchange)).to.deep.equal([
      '0 connect',
      '15 connect',
      '45 connect',
      '105 connect',
      '225 connect',
      '465 connect',
      '945 connect',
      '1905 connect',
      '3825 connect',
      '7665 expired',
    ]);
    expect(exchange.nextDueMs).to.equal(Infinity);
  });

  it('a single announce starts with a shorter wait, which doubles in the same way', () => {
    const log = unanswered(exchangeAt(0, 'announce', 1000));
    expect(log.slice(0, 4)).to.deep.equal(['0 connect', '1 connect', '3 connect', '7 connect']);
    expect(log.at(-1)).to.equal('511 expired');
  });

  it('announce times out: the second example of the text, with a new connect at 107 s', () => {
    const exchange = exchangeAt(0);
    const { transactionId } = read(exchange.poll(0));
    expect(exchange.receive(encodeConnectReply(transactionId, ID), 1000)).to.equal('connected');
    expect(exchange.nextDueMs).to.equal(1000);
    expect(read(exchange.poll(2000)).action).to.equal('request');
    expect(unanswered(exchange).slice(0, 5)).to.deep.equal([
      '17 request',
      '47 request',
      '107 connect',
      '227 connect',
      '467 connect',
    ]);
  });

  it('a connection id serves other requests for a minute, and no longer', () => {
    const first = exchangeAt(0);
    first.receive(encodeConnectReply(read(first.poll(0)).transactionId, ID), 1000);
    const second = exchangeAt(60_999, 'scrape');
    const { action, transactionId } = read(second.poll(60_999));
    expect(action).to.equal('request');
    const reply = second.receive(encodeScrapeReply(transactionId, []), 61_000);
    expect(reply).to.deep.equal({ action: 'scrape', counts: [] });
    expect(second.nextDueMs).to.equal(Infinity);
    expect(read(exchangeAt(61_000).poll(61_000)).action).to.equal('connect');
  });

  it('retransmissions keep their transaction id; a request has another than its connect', () => {
    const exchange = exchangeAt(0);
    const first = read(exchange.poll(0));
    expect(read(exchange.poll(15_000)).transactionId).to.equal(first.transactionId);
    exchange.receive(encodeConnectReply(first.transactionId, ID), 16_000);
    expect(read(exchange.poll(16_000)).transactionId).not.to.equal(first.transactionId);
  });

  it('wrong transaction ids and unasked packets change nothing', () => {
    const exchange = exchangeAt(0);
    expect(exchange.receive(encodeConnectReply(1, ID), 0)).to.equal('ignored');
    const { transactionId } = read(exchange.poll(0));
    for (const packet of [
      encodeConnectReply(transactionId + 1, ID),
      encodeError((transactionId ^ 0x8000_0000) >>> 0, 'gone'),
      Buffer.alloc(0),
      Buffer.alloc(7),
    ]) {
      expect(exchange.receive(packet, 1)).to.equal('ignored');
    }
    expect(exchange.nextDueMs).to.equal(15_000);
    expect(connectionIds.get('10.0.0.1 80', 1)).to.equal(undefined);
  });

  it('a short packet or one of the wrong action ends it with a clear error', () => {
    const failed = (packet: (id: number) => Uint8Array): MillraceError => {
      const exchange = exchangeAt(0);
      const received = exchange.receive(packet(read(exchange.poll(0)).transactionId), 1);
      if (received instanceof MillraceError) return received;
      throw new Error('expected an error');
    };
    const short = failed((id) => encodeConnectReply(id, ID).subarray(0, 15));
    expect(short).to.include({ code: 'tracker-bad-reply' });
    expect(short.message).to.contain('15 bytes');
    const other = failed((id) => encodeAnnounceReply(id, 1, NOBODY, new Uint8Array()));
    expect(other).to.include({ code: 'tracker-bad-reply' });
    const refused = failed((id) => encodeError(id, 'go\u001b away'));
    expect(refused).to.include({ code: 'tracker-failure' });
    expect(refused.details).to.deep.equal({ reason: 'go  away' });
  });

  it('a bare header for an announce, as opentracker sends it, means: not this torrent', () => {
    connectionIds.set('10.0.0.1 80', ID, 0);
    const exchange = exchangeAt(0);
    const bare = encodeError(read(exchange.poll(0)).transactionId, '');
    bare.writeUInt32BE(1, 0);
    expect(exchange.receive(bare, 1)).to.include({ code: 'tracker-failure' });
  });

  it('a connection id that the tracker no longer takes: one new connect, then its word counts', () => {
    connectionIds.set('10.0.0.1 80', ID, 0);
    const exchange = exchangeAt(1000);
    const stale = read(exchange.poll(1000));
    expect(stale.action).to.equal('request');
    const error = encodeError(stale.transactionId, 'Connection ID missmatch.');
    expect(exchange.receive(error, 1001)).to.equal('connected');
    const fresh = read(exchange.poll(1001));
    expect(fresh.action).to.equal('connect');
    exchange.receive(encodeConnectReply(fresh.transactionId, ID), 1002);
    const again = read(exchange.poll(1002));
    const end = exchange.receive(
      encodeError(again.transactionId, 'Connection ID missmatch.'),
      1003,
    );
    expect(end).to.include({ code: 'tracker-failure' });
  });

  it('remembers a limited number of trackers', () => {
    for (let port = 0; port < 1000; port += 1) connectionIds.set(`10.0.0.1 ${port}`, ID, 0);
    expect(connectionIds.get('10.0.0.1 0', 1)).to.equal(undefined);
    expect(connectionIds.get('10.0.0.1 743', 1)).to.equal(undefined);
    expect(connectionIds.get('10.0.0.1 744', 1)).to.deep.equal(ID);
  });
});
