import { expect } from 'chai';
import fc from 'fast-check';
import { toHex } from '../../lib/bytes/hex';
import type { AnnounceRequest } from '../../lib/tracker/announce';
import {
  decodeAnnounce,
  decodeReply,
  decodeScrape,
  decodeUrlData,
  encodeAnnounce,
  encodeAnnounceReply,
  encodeConnect,
  encodeConnectReply,
  encodeError,
  encodeScrape,
  encodeScrapeReply,
  isConnect,
  transactionOf,
} from '../../lib/tracker/udp-codec';

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const REQUEST: AnnounceRequest = {
  infoHash: new Uint8Array(20).fill(0xaa),
  peerId: new Uint8Array(20).fill(0xbb),
  port: 6881,
  uploadedBytes: 3,
  downloadedBytes: 2 ** 32 + 1,
  leftBytes: 2,
  numWant: 50,
  key: 0xdeadbeef,
};

describe('tracker: UDP packets (BEP 15)', () => {
  it('connect: the magic constant, action 0, the transaction id', () => {
    expect(toHex(encodeConnect(0xfedcba98))).to.equal('0000041727101980' + '00000000' + 'fedcba98');
    expect(isConnect(Buffer.from(encodeConnect(1)))).to.equal(true);
    expect(isConnect(Buffer.concat([encodeConnect(1), Buffer.alloc(9)]))).to.equal(true);
    expect(isConnect(Buffer.alloc(16))).to.equal(false);
  });

  it('announce: 98 bytes, downloaded, left, uploaded in that order, event 2 for started', () => {
    const packet = encodeAnnounce(ID, 7, { ...REQUEST, event: 'started' }, '');
    expect(toHex(packet)).to.equal(
      '0102030405060708' +
        '00000001' +
        '00000007' +
        'aa'.repeat(20) +
        'bb'.repeat(20) +
        '0000000100000001' +
        '0000000000000002' +
        '0000000000000003' +
        '00000002' +
        '00000000' +
        'deadbeef' +
        '00000032' +
        '1ae1',
    );
  });

  it('events have codes of their own order: none 0, completed 1, started 2, stopped 3', () => {
    const codes = ([undefined, 'completed', 'started', 'stopped'] as const).map(
      (event) => encodeAnnounce(ID, 7, { ...REQUEST, event }, '')[83],
    );
    expect(codes).to.deep.equal([0, 1, 2, 3]);
  });

  it('sends an IPv4 address to hand out for us, and nothing else as one', () => {
    const ipOf = (ip?: string): number[] => [
      ...encodeAnnounce(ID, 7, { ...REQUEST, ip }, '').subarray(84, 88),
    ];
    expect(ipOf('192.0.2.7')).to.deep.equal([192, 0, 2, 7]);
    for (const ip of [undefined, '2001:db8::7', 'peer.example'])
      expect(ipOf(ip)).to.deep.equal([0, 0, 0, 0]);
  });

  it('URL data (BEP 41): the example of the text, and long ones in parts of 255', () => {
    const packet = encodeAnnounce(ID, 7, REQUEST, '/dir?a=b&c=d');
    expect(Buffer.from(packet.subarray(98)).toString('latin1')).to.equal('\x02\x0c/dir?a=b&c=d');
    const long = `/${'x'.repeat(600)}`;
    const parts = encodeAnnounce(ID, 7, REQUEST, long);
    expect(parts).to.have.length(98 + 601 + 3 * 2);
    expect(decodeUrlData(parts)).to.equal(long);
  });

  it('reads options: NOPs, an end, unknown ones skipped, broken ones dropped', () => {
    const read = (options: string): string =>
      decodeUrlData(Buffer.concat([Buffer.alloc(98), Buffer.from(options, 'latin1')]));
    expect(read('\x02\x02/a\x01\x01\x00\x02\x01x')).to.equal('/a');
    expect(read('\x09\x03abc\x02\x01/\x02\x01b')).to.equal('/b');
    expect(read('\x02\x00')).to.equal('');
    expect(read('\x02\x01/\x02\x09short')).to.equal('/');
    expect(read('\x02')).to.equal('');
  });

  it('the stride is 6 or 18 by the family of the packet, and a part of a peer is no peer', () => {
    const peers = Uint8Array.from({ length: 37 }, (_, at) => at);
    const packet = encodeAnnounceReply(9, 1800, { seeds: 5, leechers: 6 }, peers);
    const four = decodeReply(packet, 4);
    const six = decodeReply(packet, 6);
    expect(four).to.include({ action: 'announce', intervalSec: 1800, seeds: 5, leechers: 6 });
    expect(four?.action === 'announce' && four.peers.length).to.equal(36);
    expect(six?.action === 'announce' && six.peers.length).to.equal(36);
    const short = decodeReply(packet.subarray(0, 20 + 17), 6);
    expect(short?.action === 'announce' && short.peers.length).to.equal(0);
  });

  it('takes longer packets and refuses shorter ones', () => {
    const longer = Buffer.concat([encodeConnectReply(3, ID), Buffer.alloc(100)]);
    expect(decodeReply(longer, 4)).to.deep.equal({ action: 'connect', connectionId: ID });
    for (const [packet, least] of [
      [encodeConnectReply(3, ID), 16],
      [encodeAnnounceReply(3, 1, { seeds: 0, leechers: 0 }, new Uint8Array()), 20],
      [encodeError(3, ''), 8],
    ] as const) {
      expect(decodeReply(packet, 4)).not.to.equal(undefined);
      for (let length = 0; length < least; length += 1) {
        expect(decodeReply(packet.subarray(0, length), 4)).to.equal(undefined);
      }
    }
    expect(transactionOf(Buffer.alloc(7))).to.equal(undefined);
    expect(decodeReply(Buffer.from([0, 0, 0, 9, 0, 0, 0, 1]), 4)).to.equal(undefined);
  });

  it('scrapes: hashes out, counts back, whole entries only', () => {
    const hashes = [new Uint8Array(20).fill(1), new Uint8Array(20).fill(2)];
    const packet = Buffer.from(encodeScrape(ID, 4, hashes));
    expect(decodeScrape(packet)).to.deep.equal(hashes.map((hash) => Buffer.from(hash)));
    expect(decodeScrape(Buffer.alloc(16 + 20 * 100))).to.have.length(74);
    const counts = [{ seeds: 1, completed: 2, leechers: 3 }];
    const reply = Buffer.concat([encodeScrapeReply(4, counts), Buffer.alloc(11)]);
    expect(decodeReply(reply, 4)).to.deep.equal({ action: 'scrape', counts });
  });

  it('what a client writes, our tracker reads', () => {
    const address = Uint8Array.of(10, 0, 0, 1);
    fc.assert(
      fc.property(
        fc.record({
          leftBytes: fc.maxSafeNat(),
          port: fc.integer({ min: 0, max: 65_535 }),
          numWant: fc.integer({ min: -1, max: 2 ** 31 }),
          event: fc.constantFrom('started', 'completed', 'stopped', undefined),
        }),
        (fields) => {
          const packet = Buffer.from(encodeAnnounce(ID, 1, { ...REQUEST, ...fields }, '/x'));
          const { numWant } = fields;
          expect(decodeAnnounce(packet, address)).to.deep.include({
            leftBytes: fields.leftBytes,
            port: fields.port,
            event: fields.event,
            numWant: numWant < 0 ? undefined : Math.min(numWant, 2 ** 31 - 1),
            infoHash: Buffer.from(REQUEST.infoHash),
            peerId: Buffer.from(REQUEST.peerId),
          });
        },
      ),
      { numRuns: 200 },
    );
    expect(decodeAnnounce(Buffer.alloc(97), address)).to.equal(undefined);
  });

  it('any bytes read as something or nothing, never as an exception', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom<4 | 6>(4, 6),
        (bytes, family) => {
          const packet = Buffer.from(bytes);
          decodeReply(packet, family);
          decodeUrlData(packet);
          decodeScrape(packet);
          decodeAnnounce(packet, Uint8Array.of(1, 2, 3, 4));
          isConnect(packet);
        },
      ),
      { numRuns: 200 },
    );
  });
});
