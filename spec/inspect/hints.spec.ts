import { expect } from 'chai';
import { hintsFor } from '../../lib/inspect/hints';
import type { ConversationFacts } from '../../lib/inspect/hints';

const HEALTHY: ConversationFacts = {
  kind: 'announce',
  url: 'http://tracker.example/announce',
  infoHash: new Uint8Array(20).fill(0xff),
  status: 200,
  peers: 3,
  seeds: 1,
  leechers: 2,
};
const NO_REPLY = { peers: undefined, seeds: undefined, leechers: undefined };
const KEYED = 'http://tracker.example/0123456789abcdef0123456789abcdef/announce';

function reason(failureReason: string): Partial<ConversationFacts> {
  return { ...NO_REPLY, failureCode: 'tracker-failure', failureReason };
}
function failure(code: string, more: Partial<ConversationFacts> = {}): Partial<ConversationFacts> {
  return { ...NO_REPLY, status: undefined, failureCode: `tracker-${code}`, ...more };
}
const page = Buffer.from('\n<!DOCTYPE html><title>Hello');

/** What happened, and what the one hint must say. */
const CASES: [string, Partial<ConversationFacts>, RegExp][] = [
  // The story of this feature: an info hash in hex, and one that is no longer served.
  [
    'an info hash in hex in the announce URL',
    { url: `http://t.example/announce?info_hash=${'ab'.repeat(20)}` },
    /40 hex digits, which a tracker reads as 40 characters/,
  ],
  ['an info hash in the announce URL', { url: 'http://t/announce?info_hash=%AB' }, /of its own/],
  ['a URL that is escaped twice', { url: 'http://t/a%252F/announce' }, /escaped twice/],
  ['a % that is no escape', { url: 'http://t/announce?k=50%' }, /write "%25"/],
  [
    'an unregistered torrent',
    reason('Unregistered torrent'),
    new RegExp(`does not know this info hash.*${'ff'.repeat(20)}.*${'%FF'.repeat(20)}`),
  ],
  [
    'opentracker with a whitelist',
    reason('Requested download is not authorized for use with this tracker.'),
    /does not know this info hash/,
  ],
  [
    'an info hash of a wrong length',
    reason('invalid info_hash'),
    /20 raw bytes.*not 40 hex digits/,
  ],
  ['a wrong passkey', reason('Passkey not found'), /fetch the .torrent again/],
  ['a client that is not allowed', reason('Your client is banned'), /peer id and User-Agent/],
  ['a peer id that is not liked', reason('invalid peer_id'), /peer id and User-Agent/],
  ['bytes after the reply', { bytesAfterReply: 11 }, /^11 bytes follow the end of the reply/],
  ['a byte after the reply', { bytesAfterReply: 1 }, /^1 byte follows the end of the reply/],
  ['haste', reason('Please slow down'), /too often/],
  ['a closed port', reason('port 6881 is blacklisted'), /the option port/],
  ['a missing key', reason('missing key: uploaded'), /misses a key/],
  ['TLS where none is wanted', failure('unreachable', { cause: 'EPROTO' }), /try http:\/\//],
  [
    'TLS where none was spoken',
    failure('bad-reply', { cause: 'HPE_INVALID_CONSTANT', body: Uint8Array.of(21, 3, 1, 0) }),
    /try https:\/\//,
  ],
  ['another protocol', failure('bad-reply', { cause: 'HPE_INVALID_CONSTANT' }), /no web server/],
  ['a web page', failure('bad-reply', { status: 200, body: page }), /a web page.*a login/],
  [
    'an empty answer',
    failure('bad-reply', { status: 200, body: new Uint8Array(0) }),
    /lacks a key/,
  ],
  ['404', failure('http-status', { status: 404 }), /nothing is at this path/],
  ['404 with a key', failure('http-status', { status: 404, url: KEYED }), /a key that is wrong/],
  ['403', failure('http-status', { status: 403 }), /who asks/],
  ['400', failure('http-status', { status: 400 }), /malformed/],
  ['429', failure('http-status', { status: 429 }), /too often/],
  ['503', failure('http-status', { status: 503 }), /in trouble/],
  ['no path', failure('bad-reply', { url: 'http://tracker.example' }), /\/announce/],
  ['a redirect', { redirectedTo: 'http://u/announce' }, /an old one/],
  [
    'a port nobody listens on',
    failure('unreachable', { cause: 'ECONNREFUSED' }),
    /nothing listens/,
  ],
  ['a name that is gone', failure('unreachable', { cause: 'ENOTFOUND' }), /gone or mistyped/],
  ['a certificate', failure('unreachable', { cause: 'CERT_HAS_EXPIRED' }), /certificate.*clock/],
  ['no name server', failure('unreachable', { cause: 'EAI_AGAIN' }), /connected/],
  ['HTTP time-out', failure('timeout'), /overloaded/],
  [
    'silence over UDP',
    failure('timeout', { url: 'udp://t:1', packetsSent: 2 }),
    /nothing came back for 2 packets/,
  ],
  [
    'a UDP tracker that drops the announce',
    failure('timeout', { url: 'udp://t:1', packetsReceived: ['connect reply'] }),
    /dropped the announce request/,
  ],
  [
    'UDP packets with another transaction id',
    failure('timeout', { url: 'udp://t:1', packetsReceived: ['announce reply'] }),
    /transaction id/,
  ],
  ['a WebTorrent tracker', failure('unsupported', { url: 'wss://t.example' }), /browsers/],
  [
    'no scrape at this URL',
    failure('unsupported', { kind: 'scrape', url: 'http://t.example/x' }),
    /: announce\(\) gets/,
  ],
  ['nobody', { peers: 0, seeds: 0, leechers: 0 }, /nobody but us/],
  ['only ourselves', { peers: 0, droppedPeers: 1, seeds: 0, leechers: 1 }, /nobody but us/],
  ['only peers that cannot be dialled', { peers: 0, droppedPeers: 5 }, /were left out/],
  ['a scrape without an entry', { kind: 'scrape', ...NO_REPLY }, /no entry for this info hash/],
  [
    'a scrape by the hash as text',
    { kind: 'scrape', ...NO_REPLY, body: Buffer.from(`d5:filesd40:${'\u00ff'.repeat(20)}de`) },
    /as text in UTF-8/,
  ],
  [
    'a scrape by the hash in hex',
    { kind: 'scrape', ...NO_REPLY, body: Buffer.from(`d5:filesd40:${'ff'.repeat(20)}de`) },
    /in hex digits/,
  ],
  ['a scrape of zeros', { kind: 'scrape', seeds: 0, leechers: 0, peers: undefined }, /do not know/],
];

describe('inspect: hints', () => {
  it('are none when all is well', () => {
    expect(hintsFor(HEALTHY)).to.deep.equal([]);
    const scrape = { ...HEALTHY, kind: 'scrape' as const, peers: undefined };
    expect(hintsFor(scrape)).to.deep.equal([]);
    expect(
      hintsFor({ ...HEALTHY, event: 'stopped', peers: 0, seeds: 0, leechers: 0 }),
    ).to.deep.equal([]);
  });

  for (const [title, change, expected] of CASES) {
    it(`one for ${title}`, () => {
      const hints = hintsFor({ ...HEALTHY, ...change });
      expect(hints).to.have.length(1);
      expect(hints[0]).to.match(expected);
    });
  }
});
