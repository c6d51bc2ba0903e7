import { expect } from 'chai';
import { encode } from '../../lib/bencode/encode';
import { MillraceError } from '../../lib/errors/millrace-error';
import { buildScrapeUrl, parseScrapeReply, scrapeUrlOf } from '../../lib/tracker/http-scrape';

const A = new Uint8Array(20).fill(0xff);
const B = new Uint8Array(20).fill(0x41);

describe('tracker: scrape over HTTP (BEP 48)', () => {
  it('makes the scrape URL of an announce URL', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['http://t/announce', 'http://t/scrape'],
      ['http://t/x/announce.php?pass=announce', 'http://t/x/scrape.php?pass=announce'],
      ['http://t/0123456789/announce', 'http://t/0123456789/scrape'],
      ['http://t/announce/0123', 'http://t/scrape/0123'],
      ['http://announce.t/announce#x', 'http://announce.t/scrape'],
    ];
    for (const [announce, scrape] of cases) expect(scrapeUrlOf(announce)).to.equal(scrape);
    for (const none of ['http://announce.t', 'http://announce/x', 'http://t/a?u=/announce']) {
      expect(() => scrapeUrlOf(none)).to.throw(MillraceError, 'BEP 48');
    }
    expect(() => scrapeUrlOf('http://t/0123456789abcdef/x')).to.throw(/^(?!.*0123456789)/);
  });

  it('asks for several hashes, byte by byte', () => {
    expect(buildScrapeUrl('http://t/announce?k=1', [A, B])).to.equal(
      `http://t/scrape?k=1&info_hash=${'%FF'.repeat(20)}&info_hash=${'A'.repeat(20)}`,
    );
  });

  it('reads counts in the order asked, binary keys included, and what is missing as undefined', () => {
    const files = new Map([
      [B, { complete: 21, downloaded: 206, incomplete: 20 }],
      [A, { complete: 11, downloaded: 13_772, incomplete: 19, downloaders: 4 }],
    ]);
    expect(parseScrapeReply(encode({ files }), [A, new Uint8Array(20), B])).to.deep.equal([
      { seeds: 11, leechers: 19, completed: 13_772, downloaders: 4 },
      undefined,
      { seeds: 21, leechers: 20, completed: 206, downloaders: undefined },
    ]);
    expect(parseScrapeReply(encode({}), [A])).to.deep.equal([undefined]);
  });

  it('takes what stands before the end of the dictionary', () => {
    const files = new Map([[A, { complete: 4 }]]);
    for (const after of ['\n', '\0\0', '5:filesdee']) {
      const reply = Buffer.concat([encode({ files }), Buffer.from(after)]);
      expect(parseScrapeReply(reply, [A])[0]?.seeds, after).to.equal(4);
    }
  });

  it('finds a hash that the tracker wrote as text', () => {
    const hash = Uint8Array.from({ length: 20 }, (_, at) => 0x75 + at);
    const files = new Map([
      [Buffer.from(Buffer.from(hash).toString('latin1'), 'utf8'), { complete: 3 }],
    ]);
    expect(parseScrapeReply(encode({ files }), [A, hash])[1]?.seeds).to.equal(3);
  });

  it('a failure reason is the error, and anything else a bad reply', () => {
    const failing = encode({ 'failure reason': 'no scrape here' });
    expect(() => parseScrapeReply(failing, [A])).to.throw('no scrape here');
    expect(() => parseScrapeReply(Buffer.from('<html>'), [A])).to.throw('bencode');
  });
});
