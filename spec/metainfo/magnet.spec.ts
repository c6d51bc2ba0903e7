// Reads and writes magnet links: what is used, what is noted as ignored, and what is refused.
import { expect } from 'chai';
import fc from 'fast-check';
import { toHex } from '../../lib/bytes/hex';
import { MillraceError } from '../../lib/errors/millrace-error';
import {
  formatMagnet,
  magnetOf,
  MAX_MAGNET_CHARS,
  MAX_MAGNET_PEERS,
  MAX_MAGNET_RANGES,
  MAX_MAGNET_WEB_SEEDS,
  parseMagnet,
} from '../../lib/metainfo/magnet';
import type { MagnetLink } from '../../lib/metainfo/magnet';
import { MAX_FILES, MAX_TRACKERS } from '../../lib/metainfo/limits';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import { fakeMetainfo } from '../cli/fakes';

const HASH = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a';
/** The same hash. */
const BASE32 = 'YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK';
const V2 = 'caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e';
const TOPIC = `xt=urn:btih:${HASH}`;

const parse = (parameters: string): MagnetLink => parseMagnet(`magnet:?${parameters}`);
const withHash = (parameters: string): MagnetLink => parse(`${TOPIC}&${parameters}`);
const escaped = encodeURIComponent;

/** The parameters of a link that were ignored, with their reasons. */
function ignored(parameters: string): string[] {
  return (withHash(parameters).ignored ?? []).map(
    ({ parameter, value, reason }) => `${parameter}=${value}: ${reason}`,
  );
}

function refusal(link: string): { code: string; message: string } {
  try {
    parseMagnet(link);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error(`${link.slice(0, 100)} was not refused`);
}

describe('parseMagnet', () => {
  it('reads everything that a link can have', () => {
    const parameters = [
      TOPIC,
      `xt=urn:btmh:1220${V2}`,
      'dn=Big+Buck%20Bunny',
      'xl=276445467',
      `tr=${escaped('http://t.example/announce?passkey=a+b')}`,
      `tr.1=${escaped('udp://u.example:1337')}`,
      'x.pe=192.0.2.1:6881',
      `x.pe=${escaped('[2001:db8::1]:1')}`,
      'x.pe=peer.example:65535',
      `ws=${escaped('https://w.example/files/')}`,
      'so=8,0,2,4-6,5-7',
    ];
    const link = parse(parameters.join('&'));
    expect(toHex(link.infoHash)).to.equal(HASH);
    expect(toHex(link.infoHashV2 ?? new Uint8Array())).to.equal(V2);
    const { infoHash: _hash, infoHashV2: _v2, ...rest } = link;
    expect(rest).to.deep.equal({
      name: 'Big Buck Bunny',
      lengthBytes: 276_445_467,
      trackers: ['http://t.example/announce?passkey=a+b', 'udp://u.example:1337'],
      peers: [
        { host: '192.0.2.1', port: 6881 },
        { host: '2001:db8::1', port: 1 },
        { host: 'peer.example', port: 65_535 },
      ],
      webSeeds: ['https://w.example/files/'],
      selection: [
        { first: 0, last: 0 },
        { first: 2, last: 2 },
        { first: 4, last: 8 },
      ],
    });
  });

  it('reads the hash in hexadecimal and base32, in either case, escaped, numbered, and twice', () => {
    for (const topic of [
      TOPIC,
      TOPIC.toUpperCase(),
      `xt=urn:btih:${BASE32}`,
      `xt=urn:btih:${BASE32.toLowerCase()}`,
      `xt=${escaped(`urn:btih:${HASH}`)}`,
      `xt.1=urn:btih:${HASH}`,
      `xt=urn:sha1:ABC&${TOPIC}&xt=urn:btih:${BASE32}`,
    ])
      expect(toHex(parse(topic).infoHash), topic).to.equal(HASH);
  });

  it('reads a link as people paste it', () => {
    for (const link of [`  magnet:?${TOPIC}\n`, `MAGNET:?${TOPIC}`, `magnet:?&&${TOPIC}&`])
      expect(toHex(parseMagnet(link).infoHash), link).to.equal(HASH);
    const html = parse(`dn=a&amp;${TOPIC}&amp;tr=http://t.example/`);
    expect(html).to.deep.include({ name: 'a', trackers: ['http://t.example/'] });
  });

  it('makes a name safe as those of torrents, and keeps the original', () => {
    expect(withHash('dn=a%2Fb%3A')).to.deep.include({ name: 'ab:', rawName: 'a/b:' });
    expect(parseMagnet(`magnet:?${TOPIC}&dn=a%3Ab`, 'win32')).to.deep.include({
      name: 'a_b',
      rawName: 'a:b',
    });
    expect(withHash('dn=a%FF%00').name).to.match(/^a/);
    expect(withHash(`dn=${'x'.repeat(3000)}`).name?.length).to.be.below(256);
    for (const [written, reason] of [
      ['dn=..', 'it has no character that a name may have'],
      ['dn=', 'it is empty'],
      [`dn=${'x'.repeat(4097)}`, 'it is longer than 4096 bytes'],
    ] as const) {
      const { name, ignored: [first] = [] } = withHash(written);
      expect(name).to.equal(undefined);
      expect(first?.reason).to.equal(reason);
    }
  });

  it('leaves escapes that are none', () => {
    expect(withHash('dn=100%25%zz%').name).to.equal('100%%zz%');
  });

  it('notes what it does not use, with the reason', () => {
    expect(ignored('tr=ftp://a')).to.match(/^tr=ftp:\/\/a: it does not start with http:/);
    expect(ignored('tr=http://a b')).to.match(/a blank or control character inside$/);
    expect(ignored('ws=ftp://a')).to.deep.equal(['ws=ftp://a: it is no http:// or https:// URL']);
    for (const peer of ['a', 'a:0', 'a:65536', '[a]:1', '::1:1', ':1', `${'a'.repeat(256)}:1`])
      expect(ignored(`x.pe=${peer}`), peer).to.match(/it is not HOST:PORT/);
    for (const so of ['', 'a', '1-', '-1', '3-2', '1,,2', '0x1', '1.5', '99999999'])
      expect(ignored(`so=${so}`), so).to.match(/it is no list of file numbers such as/);
    expect(ignored(`so=0-${MAX_FILES}`)).to.match(/at most 200000 files/);
    for (const xl of ['', '-1', '1e3', '9007199254740992'])
      expect(ignored(`xl=${xl}`), xl).to.match(/no whole number from 0 to 2\^53/);
    expect(ignored('xt=urn:ed2k:1')).to.match(/no hash of a torrent/);
    expect(ignored('xt=urn:btmh:1114aa')).to.match(/it is not "1220" and 64 hex digits/);
    expect(ignored('kt=x&valueless')).to.deep.equal([
      'kt=x: Millrace does not know it',
      'valueless=: Millrace does not know it',
    ]);
    expect(ignored('dn=a&dn=b&xl=1&xl=2&so=1&so=2')).to.deep.equal([
      'dn=b: another name comes first',
      'xl=2: another length comes first',
      'so=2: another selection comes first',
    ]);
  });

  it('limits every list, and keeps the first of what it ignores', () => {
    const many = (count: number, one: (at: number) => string): string =>
      Array.from({ length: count }, (_, at) => one(at)).join('&');
    const trackers = withHash(many(MAX_TRACKERS + 30, (at) => `tr=udp://t${at}`));
    expect(trackers.trackers).to.have.length(MAX_TRACKERS);
    expect(trackers.ignored).to.have.length(20);
    expect(trackers.ignoredCount).to.equal(30);
    expect(trackers.ignored?.[0]?.reason).to.equal('200 others come first');
    const peers = withHash(many(MAX_MAGNET_PEERS + 1, (at) => `x.pe=h${at}:1`));
    expect(peers.peers).to.have.length(MAX_MAGNET_PEERS);
    const webSeeds = withHash(many(MAX_MAGNET_WEB_SEEDS + 1, (at) => `ws=http://h${at}`));
    expect(webSeeds.webSeeds).to.have.length(MAX_MAGNET_WEB_SEEDS);
    for (const { ignoredCount } of [peers, webSeeds]) expect(ignoredCount).to.equal(1);
    const ranges = (count: number): string =>
      many(count, (at) => String(2 * at)).replaceAll('&', ',');
    expect(withHash(`so=${ranges(MAX_MAGNET_RANGES)}`).selection).to.have.length(MAX_MAGNET_RANGES);
    expect(ignored(`so=${ranges(MAX_MAGNET_RANGES + 1)}`)).to.match(/more than 1000 ranges/);
    const [long] = withHash(`${'k'.repeat(999)}=${'v'.repeat(999)}`).ignored ?? [];
    expect(long?.parameter).to.have.length(200);
    expect(long?.value).to.have.length(200);
  });

  it('lists nothing twice', () => {
    const twice = ['tr=http://a/', 'ws=http://b/', 'x.pe=c:1', 'x.pe=[::1]:2'];
    const link = withHash([...twice, ...twice].join('&'));
    expect([link.trackers.length, link.webSeeds.length, link.peers.length]).to.deep.equal([
      1, 1, 2,
    ]);
    expect(link.ignoredCount).to.equal(undefined);
  });

  describe('refuses', () => {
    const refused: [string, string, RegExp][] = [
      ['another scheme', 'http://a/', /does not begin with "magnet:\?"/],
      ['no parameters', `magnet:${TOPIC}`, /does not begin with "magnet:\?"/],
      ['no topic', 'magnet:?dn=a', /has no "xt=urn:btih:"/],
      ['a topic of another network', 'magnet:?xt=urn:ed2k:1', /has no "xt=urn:btih:"/],
      ['a short hash', `magnet:?${TOPIC.slice(0, -1)}`, /40 hexadecimal or 32 base32 digits/],
      ['a long hash', `magnet:?${TOPIC}a`, /40 hexadecimal or 32 base32 digits/],
      ['other digits', 'magnet:?xt=urn:btih:' + '1'.repeat(32), /40 hexadecimal or 32 base32/],
      ['two torrents', `magnet:?${TOPIC}&xt.2=urn:btih:${'0'.repeat(40)}`, /two torrents/],
      [
        'two of version 2',
        `magnet:?${TOPIC}&xt=urn:btmh:1220${V2}&xt=urn:btmh:1220${'0'.repeat(64)}`,
        /two torrents/,
      ],
      ['too long a link', `magnet:?${TOPIC}&dn=${'a'.repeat(MAX_MAGNET_CHARS)}`, /at most 131072/],
    ];
    for (const [what, link, rule] of refused) {
      it(what, () => {
        const error = refusal(link);
        expect(error.code).to.equal('bad-magnet');
        expect(error.message)
          .to.match(/^bad magnet link: /)
          .and.to.match(rule);
      });
    }

    it('a link of version 2 only, by a code of its own', () => {
      for (const topic of [`1220${V2}`, '1114aa', '']) {
        const error = refusal(`magnet:?xt=urn:btmh:${topic}&dn=a`);
        expect(error.code).to.equal('v2-unsupported');
        expect(error.message).to.match(/^bad magnet link: it is of version 2 only \(BEP 52\)/);
      }
    });
  });
});

/** Links as they may be written, with odd and broken parts. */
const parameter = fc.oneof(
  fc.constantFrom(TOPIC, `xt=urn:btih:${BASE32}`, `xt=urn:btmh:1220${V2}`, 'so=1,3-9', 'xl=12', ''),
  fc
    .tuple(
      fc.constantFrom('xt', 'dn', 'tr', 'tr.7', 'x.pe', 'ws', 'so', 'xl', 'amp;dn', 'q'),
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 30 }),
        fc
          .uint8Array({ maxLength: 12 })
          .map((bytes) => [...bytes].map((b) => `%${b.toString(16)}`).join('')),
        fc.webUrl(),
        fc.ipV6().map((ip) => `[${ip}]:6881`),
        fc.tuple(fc.domain(), fc.nat(70_000)).map(([host, port]) => `${host}:${port}`),
        fc.array(fc.nat(50), { maxLength: 6 }).map(String),
      ),
      fc.boolean(),
    )
    .map(
      ([key, value, escape]) => `${key}=${escape ? escaped(Buffer.from(value).toString()) : value}`,
    ),
);
const links = fc.array(parameter, { maxLength: 12 }).map((parts) => `magnet:?${parts.join('&')}`);

describe('formatMagnet', () => {
  const used = ({ ignored: _ignored, ignoredCount: _count, ...link }: MagnetLink): MagnetLink =>
    link;

  it('writes what parseMagnet reads back, whatever the link was', () => {
    fc.assert(
      fc.property(links, fc.constantFrom('linux', 'win32'), (text, platform) => {
        const link = used(
          parseMagnet(`magnet:?${TOPIC}&${text.slice('magnet:?'.length)}`, platform),
        );
        const written = formatMagnet(link);
        expect(written).to.match(/^[\x21-\x7e]+$/);
        expect(parseMagnet(written, platform)).to.deep.equal(link);
        expect(formatMagnet(parseMagnet(written, platform)), 'it is canonical').to.equal(written);
      }),
      { numRuns: 500 },
    );
  });

  it('writes the link of a torrent', () => {
    const link = magnetOf(
      fakeMetainfo({
        name: 'a b',
        rawName: 'a/ b',
        infoHashV2: new Uint8Array(32).fill(0xcd),
        trackers: [['http://t.example/a?k=1'], ['udp://u:1', 'http://t.example/a?k=1']],
      }),
    );
    expect(formatMagnet(link)).to.equal(
      `magnet:?xt=urn:btih:${'ab'.repeat(20)}&xt=urn:btmh:1220${'cd'.repeat(32)}&dn=a%2F%20b&xl=1000` +
        '&tr=http%3A%2F%2Ft.example%2Fa%3Fk%3D1&tr=udp%3A%2F%2Fu%3A1',
    );
  });

  it('writes no link that is too long to be read, for any torrent', () => {
    const url = (at: number): string => `http://t${at}/${'"'.repeat(8_000)}`;
    const trackers = Array.from({ length: MAX_TRACKERS }, (_, at) => [url(at)]);
    const torrent: Metainfo = fakeMetainfo({ rawName: '\udcff'.repeat(65_536), trackers });
    const link = parseMagnet(formatMagnet(magnetOf(torrent)));
    expect(link.name).to.equal(torrent.name);
    expect(link.trackers).to.deep.equal([url(0), url(1), url(2), url(3)]);
    expect(link.ignoredCount).to.equal(undefined);
  });

  it('writes peers and files as clients read them that do not decode these', () => {
    const link = withHash('x.pe=%5B::1%5D%3A1&x.pe=a:2&so=1,2,3,7');
    expect(formatMagnet(link)).to.match(/&x\.pe=\[::1\]:1&x\.pe=a:2&so=1-3,7$/);
  });
});

describe('any text', () => {
  it('is a link, or refused for one reason', () => {
    const survives = (text: string): void => {
      try {
        parseMagnet(text);
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        expect(error.code).to.be.oneOf(['bad-magnet', 'v2-unsupported']);
      }
    };
    fc.assert(fc.property(links, survives), { numRuns: 300 });
    fc.assert(fc.property(fc.string({ unit: 'binary' }), survives));
    const good = `magnet:?${TOPIC}&xt=urn:btmh:1220${V2}&dn=a%20b&tr=http%3A%2F%2Fa&x.pe=[::1]:1&so=1-2`;
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(3), fc.string({ maxLength: 3 }), (at, cut, put) =>
        survives(good.slice(0, at) + put + good.slice(at + cut)),
      ),
      { numRuns: 300 },
    );
  });
});
