import { expect } from 'chai';
import fc from 'fast-check';
import { encode } from '../../lib/bencode/encode';
import { MillraceError } from '../../lib/errors/millrace-error';
import type { AnnounceRequest } from '../../lib/tracker/announce';
import { buildAnnounceUrl, parseAnnounceReply } from '../../lib/tracker/http-codec';
import { percentDecode } from '../../lib/tracker-server/http-codec';

const AWKWARD_HASH = Uint8Array.from([
  0x00, 0x25, 0xff, 0x20, 0x26, 0x3d, 0x23, 0x2b, 0x3f, 0x2f, 0x0a, 0x0d, 0x7f, 0x80, 0xc3, 0x28,
  0x41, 0x7e, 0x2d, 0x01,
]);

const REQUEST: AnnounceRequest = {
  infoHash: AWKWARD_HASH,
  peerId: Buffer.from('-MR0001-abcdefghijkl'),
  port: 6881,
  uploadedBytes: 1,
  downloadedBytes: 2,
  leftBytes: 3,
  numWant: 50,
  key: 0xab,
};

function field(url: string, name: string): string | undefined {
  const query = url.slice(url.indexOf('?') + 1);
  const pair = query.split('&').find((entry) => entry.startsWith(`${name}=`));
  return pair?.slice(name.length + 1);
}

function failureOf(bytes: Uint8Array): MillraceError {
  try {
    parseAnnounceReply(bytes);
  } catch (error) {
    if (error instanceof MillraceError) return error;
  }
  throw new Error('expected a MillraceError');
}

describe('tracker: announce URL', () => {
  it('sends the raw 20-byte digest, percent-encoded: not hex, not UTF-8', () => {
    const url = buildAnnounceUrl('http://t/announce', REQUEST);
    expect(field(url, 'info_hash')).to.equal(
      '%00%25%FF%20%26%3D%23%2B%3F%2F%0A%0D%7F%80%C3%28A~-%01',
    );
  });

  it('encodes any digest so that its bytes come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (infoHash) => {
        const url = buildAnnounceUrl('http://t/a', { ...REQUEST, infoHash });
        expect(new URL(url).href).to.equal(url);
        expect(percentDecode(field(url, 'info_hash') ?? '')).to.deep.equal(infoHash);
      }),
      { numRuns: 200 },
    );
  });

  it('sends the address to hand out for us, if there is one', () => {
    const ipOf = (ip?: string): string | null =>
      new URL(buildAnnounceUrl('http://t/announce', { ...REQUEST, ip })).searchParams.get('ip');
    expect(ipOf()).to.equal(null);
    for (const ip of ['192.0.2.7', '2001:db8::7', 'peer.example']) expect(ipOf(ip)).to.equal(ip);
  });

  it('keeps the query of the tracker as it came and drops a fragment', () => {
    const url = buildAnnounceUrl('http://t/an?passkey=A%2fb+c#x', REQUEST);
    expect(url).to.match(/^http:\/\/t\/an\?passkey=A%2fb\+c&info_hash=/);
    expect(url).not.to.contain('#');
    expect(buildAnnounceUrl('http://t/a?', REQUEST)).to.match(/^http:\/\/t\/a\?info_hash=/);
    expect(buildAnnounceUrl('http://t/a?k&', REQUEST)).to.match(/^http:\/\/t\/a\?k&info_hash=/);
  });

  it('sends every parameter that a tracker may need', () => {
    const url = buildAnnounceUrl('http://t/a', {
      ...REQUEST,
      event: 'started',
      trackerId: Uint8Array.from([0xff, 0x41]),
    });
    const expected = {
      port: '6881',
      uploaded: '1',
      downloaded: '2',
      left: '3',
      compact: '1',
      no_peer_id: '1',
      numwant: '50',
      key: '000000ab',
      event: 'started',
      trackerid: '%FFA',
    };
    for (const [name, value] of Object.entries(expected)) {
      expect(field(url, name), name).to.equal(value);
    }
    expect(field(buildAnnounceUrl('http://t/a', REQUEST), 'event')).to.equal(undefined);
  });

  it('sends paused on every announce of a partial seed, but stopped when it leaves (BEP 21)', () => {
    const eventOf = (event?: AnnounceRequest['event']): string | undefined =>
      field(buildAnnounceUrl('http://t/a', { ...REQUEST, partialSeed: true, event }), 'event');
    expect([eventOf(), eventOf('started'), eventOf('stopped')]).to.deep.equal([
      'paused',
      'paused',
      'stopped',
    ]);
  });
});

describe('tracker: announce reply', () => {
  it('reads a binary reply: compact peers of both families', () => {
    const reply = parseAnnounceReply(
      encode({
        interval: 900,
        'min interval': 60,
        'tracker id': Uint8Array.from([0, 255]),
        complete: 3,
        incomplete: 4,
        'external ip': Uint8Array.from([10, 0, 0, 9]),
        'warning message': 'slow\u001b[2J down',
        peers: Uint8Array.from([10, 0, 0, 1, 0x1a, 0xe1, 10, 0, 0, 2, 0, 80]),
        peers6: Uint8Array.from([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 81]),
      }),
    );
    expect(reply).to.deep.equal({
      intervalSec: 900,
      minIntervalSec: 60,
      trackerId: Uint8Array.from([0, 255]),
      seeds: 3,
      leechers: 4,
      externalIp: '10.0.0.9',
      warning: 'slow [2J down',
      peers: [
        { host: '10.0.0.1', port: 6881 },
        { host: '10.0.0.2', port: 80 },
        { host: '2001:db8::1', port: 81 },
      ],
      droppedPeers: 0,
    });
  });

  it('reads the dictionary form, and drops what cannot be dialled', () => {
    const id = new Uint8Array(20).fill(7);
    const peers = [
      { ip: '10.0.0.1', port: 1, 'peer id': id },
      { ip: '2001:DB8:0::1', port: 2 },
      { ip: '::ffff:10.0.0.3', port: 3 },
      { ip: '10.0.0.1', port: 0 },
      { ip: '10.0.0.1', port: 65536 },
      { ip: '10.0.0.1', port: -1 },
      { ip: 'tracker.example', port: 5 },
      { ip: '0.0.0.0', port: 5 },
      { ip: '224.0.0.1', port: 5 },
      { ip: 'ff02::1', port: 5 },
      { ip: '::', port: 5 },
      { ip: 'fe80::1%eth0', port: 5 },
      { ip: '10.0.0.1\n', port: 5 },
      { ip: 7, port: 5 },
      { port: 5 },
      'text',
    ];
    expect(parseAnnounceReply(encode({ peers })).peers).to.deep.equal([
      { host: '10.0.0.1', port: 1, peerId: id },
      { host: '2001:db8::1', port: 2 },
      { host: '10.0.0.3', port: 3 },
    ]);
  });

  it('shows the failure reason word for word', () => {
    const reason = 'Unregistered torrent: "ü" – ask at https://t/help (№ 7)';
    const error = failureOf(encode({ 'failure reason': reason, peers: 5 }));
    expect(error.code).to.equal('tracker-failure');
    expect(error.details['reason']).to.equal(reason);
    expect(error.message).to.equal(`the tracker refused the request: ${reason}`);
  });

  it('keeps control characters and overlong text of a tracker off the screen', () => {
    const bad = failureOf(
      encode({ 'failure reason': `a\u001b]0;x\u0007\n\u202eb${'c'.repeat(9999)}` }),
    );
    expect(bad.details['reason']).to.match(/^a \]0;x bc{490,}…$/);
  });

  it('quotes the start of an answer that is not bencode', () => {
    const html = failureOf(Buffer.from(`<html>\r\n\u0000<body>${'x'.repeat(500)}`));
    expect(html.code).to.equal('tracker-bad-reply');
    expect(html.message).to.match(/"<html> <body>x{46,47}…"$/);
    expect(failureOf(new Uint8Array(0)).message).to.contain('empty');
    expect(failureOf(Buffer.from('i5e')).message).to.contain('"i5e"');
    expect(failureOf(Buffer.from('d8:interval')).code).to.equal('tracker-bad-reply');
  });

  it('refuses compact lists of an impossible length', () => {
    expect(failureOf(encode({ peers: new Uint8Array(7) })).code).to.equal('tracker-bad-reply');
    expect(failureOf(encode({ peers6: new Uint8Array(20) })).code).to.equal('tracker-bad-reply');
  });

  it('clamps intervals, and has a default', () => {
    const interval = (value: number | bigint | string): number =>
      parseAnnounceReply(encode({ interval: value })).intervalSec;
    expect(interval(0)).to.equal(30);
    expect(interval(-5)).to.equal(1800);
    expect(interval(10n ** 19n)).to.equal(1800);
    expect(interval('900')).to.equal(1800);
    expect(interval(10_000_000)).to.equal(86_400);
    expect(parseAnnounceReply(Buffer.from('de')).intervalSec).to.equal(1800);
  });

  it('takes what stands before the end of the dictionary, whatever follows it', () => {
    const peers = Uint8Array.from([10, 0, 0, 1, 0, 80]);
    const valid = encode({ interval: 900, peers });
    const after = fc.oneof(
      fc
        .constantFrom('\n', '\r\n', '\0', '6:peers60:e', 'de', 'e', '<html>')
        .map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 40 }),
    );
    fc.assert(
      fc.property(after, (bytes) => {
        const reply = parseAnnounceReply(Buffer.concat([valid, bytes]));
        expect(reply.peers).to.deep.equal([{ host: '10.0.0.1', port: 80 }]);
        expect(reply.intervalSec).to.equal(900);
      }),
      { numRuns: 200 },
    );
    const failing = Buffer.from('d14:failure reason4:busyee');
    expect(failureOf(failing).details).to.deep.equal({ reason: 'busy' });
  });

  it('caps peers, drops duplicates, and lets a line break follow', () => {
    const peers = Buffer.alloc(6 * 5000);
    for (let i = 0; i < 5000; i += 1) {
      peers.writeUInt32BE(0x0a000000 + i, i * 6);
      peers.writeUInt16BE(1 + (i % 9), i * 6 + 4);
    }
    const reply = parseAnnounceReply(Buffer.concat([encode({ peers }), Buffer.from('\r\n')]));
    expect(reply.peers).to.have.length(1000);
    const twice = Uint8Array.from([10, 0, 0, 1, 0, 1, 10, 0, 0, 1, 0, 1]);
    expect(parseAnnounceReply(encode({ peers: twice })).peers).to.have.length(1);
  });

  it('answers any bytes with a reply or a MillraceError', () => {
    const valid = encode({ interval: 9, peers: [{ ip: '10.0.0.1', port: 1 }], peers6: 'x' });
    const arbitrary = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.nat(valid.length - 1), fc.nat(255)).map(([at, value]) => {
        const copy = Uint8Array.from(valid);
        copy[at] = value;
        return copy;
      }),
    );
    fc.assert(
      fc.property(arbitrary, (bytes) => {
        try {
          parseAnnounceReply(bytes);
        } catch (error) {
          expect(error).to.be.instanceOf(MillraceError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('hands on when the tracker wants to see us again (BEP 31): minutes as text or number, or never', () => {
    const detailsOf = (retry: unknown): unknown => {
      const bytes = encode({ 'failure reason': 'busy', 'retry in': retry as string });
      return failureOf(bytes).details;
    };
    expect(detailsOf('5')).to.deep.equal({ reason: 'busy', retryInSec: 300 });
    expect(detailsOf(7)).to.deep.equal({ reason: 'busy', retryInSec: 420 });
    expect(detailsOf('never')).to.deep.equal({ reason: 'busy', retryNever: true });
    expect(detailsOf(' NEVER ')).to.deep.equal({ reason: 'busy', retryNever: true });
    expect(detailsOf(999_999_999)).to.deep.equal({ reason: 'busy', retryInSec: 604_800 });
    for (const odd of [0, -1, '', '0', 'soon', '1e9', ['5']]) {
      expect(detailsOf(odd)).to.deep.equal({ reason: 'busy' });
    }
  });
});
