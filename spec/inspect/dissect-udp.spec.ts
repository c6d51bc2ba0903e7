import { expect } from 'chai';
import fc from 'fast-check';
import type { AnnounceRequest } from '../../lib/tracker/announce';
import { dissectUdpReply, dissectUdpRequest, udpPacketName } from '../../lib/inspect/dissect-udp';
import {
  encodeAnnounce,
  encodeAnnounceReply,
  encodeConnect,
  encodeConnectReply,
  encodeError,
  encodeScrape,
  encodeScrapeReply,
} from '../../lib/tracker/udp-codec';
import { expectCover, fieldsOf } from '../support/ranges';

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const REQUEST: AnnounceRequest = {
  infoHash: new Uint8Array(20).fill(0xab),
  peerId: Buffer.from('-MR0100-0123456789ab'),
  port: 6881,
  uploadedBytes: 3,
  downloadedBytes: 2 ** 33 + 1,
  leftBytes: 5,
  numWant: 50,
  key: 0xfedcba98,
  event: 'stopped',
};
const HEADER = [
  'connection id=0x0102030405060708',
  'action=1 (announce)',
  'transaction id=0x00000007',
];

describe('inspect: dissecting UDP packets', () => {
  it('names the fields of a connect, both ways', () => {
    expect(fieldsOf(dissectUdpRequest(encodeConnect(7)))).to.deep.equal([
      'protocol id=0x0000041727101980',
      'action=0 (connect)',
      'transaction id=0x00000007',
    ]);
    expect(fieldsOf(dissectUdpReply(encodeConnectReply(7, ID), 4))).to.deep.equal([
      'action=0 (connect)',
      'transaction id=0x00000007',
      'connection id=0x0102030405060708',
    ]);
  });

  it('names the fields of an announce with URL data (BEP 41)', () => {
    const packet = encodeAnnounce(ID, 7, REQUEST, `/announce?k=${'x'.repeat(255)}`);
    const ranges = dissectUdpRequest(packet);
    expectCover(ranges, packet.length);
    expect(fieldsOf(ranges)).to.deep.equal([
      ...HEADER,
      `info_hash=${'ab'.repeat(20)}`,
      'peer_id="-MR0100-0123456789ab"',
      'downloaded=8589934593',
      'left=5',
      'uploaded=3',
      'event=3 (stopped)',
      'IP address=0 (where the packet comes from)',
      'key=0xfedcba98',
      'numwant=50',
      'port=6881',
      `URL data="/announce?k=${'x'.repeat(243)}"`,
      'URL data="xxxxxxxxxxxx"',
    ]);
    expect(ranges.map(({ label }) => label)).to.include('option: URL data');
  });

  it('names the fields of an announce reply, with the stride of the address family', () => {
    const peers = Uint8Array.from({ length: 18 }, (_, at) => at);
    const reply = encodeAnnounceReply(7, 1800, { seeds: 3, leechers: 4 }, peers);
    const v4 = dissectUdpReply(reply, 4);
    expectCover(v4, reply.length);
    expect(fieldsOf(v4)).to.deep.equal([
      'action=1 (announce)',
      'transaction id=0x00000007',
      'interval=1800',
      'leechers=4',
      'seeds=3',
      'peers[0]=0.1.2.3:1029',
      'peers[1]=6.7.8.9:2571',
      'peers[2]=12.13.14.15:4113',
    ]);
    expect(fieldsOf(dissectUdpReply(reply, 6)).at(-1)).to.equal(
      'peers[0]=[1:203:405:607:809:a0b:c0d:e0f]:4113',
    );
    expect(fieldsOf(dissectUdpReply(reply, 4, { maxPeers: 1 })).slice(-2)).to.deep.equal([
      'peers[0]=0.1.2.3:1029',
      'peers=and 2 more',
    ]);
  });

  it('names the fields of a scrape, both ways, and of an error', () => {
    const hash = new Uint8Array(20).fill(0xcd);
    expect(fieldsOf(dissectUdpRequest(encodeScrape(ID, 7, [hash, hash]))).slice(3)).to.deep.equal([
      `info_hash[0]=${'cd'.repeat(20)}`,
      `info_hash[1]=${'cd'.repeat(20)}`,
    ]);
    const reply = encodeScrapeReply(7, [{ seeds: 1, completed: 2, leechers: 3 }]);
    expect(fieldsOf(dissectUdpReply(reply, 4)).slice(2)).to.deep.equal([
      'seeds[0]=1',
      'completed[0]=2',
      'leechers[0]=3',
    ]);
    expect(fieldsOf(dissectUdpReply(encodeError(7, 'no such torrent'), 4)).at(-1)).to.equal(
      'message="no such torrent"',
    );
  });

  it('labels what is cut short, unknown, or left over', () => {
    const reply = encodeAnnounceReply(7, 1800, { seeds: 3, leechers: 4 }, new Uint8Array(8));
    expect(dissectUdpReply(reply, 4).at(-1)).to.include({ kind: 'bad', label: 'left over' });
    expect(dissectUdpReply(reply.subarray(0, 14), 4).at(-1)).to.include({
      kind: 'bad',
      value: 'cut short: 2 of 4 bytes',
    });
    expect(fieldsOf(dissectUdpReply(Uint8Array.of(0, 0, 0, 9, 0, 0, 0, 7, 1), 4))).to.deep.equal([
      'action=9 (unknown)',
      'transaction id=0x00000007',
      'left over=1 byte: 01',
    ]);
  });

  it('names the kind of a packet', () => {
    expect(udpPacketName(encodeConnect(1), 'sent')).to.equal('connect request');
    expect(udpPacketName(encodeAnnounce(ID, 1, REQUEST, ''), 'sent')).to.equal('announce request');
    expect(udpPacketName(encodeError(1, ''), 'received')).to.equal('error reply');
    expect(udpPacketName(new Uint8Array(3), 'received')).to.equal('unknown reply');
  });

  it('covers every byte of anything, and never throws', () => {
    const action = fc.nat(4).map((code) => [0, 0, 0, code]);
    const bytes = fc.uint8Array({ maxLength: 250 }).map((all) => [...all]);
    const reply = fc.tuple(action, bytes).map((parts) => Uint8Array.from(parts.flat()));
    const request = fc
      .tuple(fc.constant([...ID]), action, bytes)
      .map((parts) => Uint8Array.from(parts.flat()));
    const any = fc.oneof(reply, request, fc.uint8Array({ maxLength: 30 }));
    fc.assert(
      fc.property(any, fc.constantFrom(4 as const, 6 as const), (packet, family) => {
        expectCover(dissectUdpReply(packet, family, { maxPeers: 3 }), packet.length);
        expectCover(dissectUdpRequest(packet), packet.length);
      }),
      { numRuns: 500 },
    );
  });
});
