// Files that are no .torrent, recognised by their first bytes; bencode is left to the parser.
import { expect } from 'chai';
import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { encode } from '../../lib/bencode/encode';
import { lookOf } from '../../lib/metainfo/look-alikes';

describe('metainfo/look-alikes', () => {
  const KINDS: readonly (readonly [title: string, content: string | Uint8Array, kind: string])[] = [
    ['nothing', '', 'empty'],
    ['a download that never came', new Uint8Array(5000), 'zeros'],
    ['a login page', '<!DOCTYPE html><html>please log in</html>', 'html'],
    ['a page behind blanks and a mark', '\ufeff\r\n  <HTML lang="en">', 'html'],
    ['a page behind a comment', '<!-- cached -->\n<html>', 'html'],
    ['XHTML', '<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html xmlns="y">', 'html'],
    ['a fragment of a page', '<script>location.href="/login"</script>', 'html'],
    ['a feed', '<?xml version="1.0"?><rss version="2.0"><channel>', 'xml'],
    ['JSON', '{"error": "not logged in"}', 'json'],
    ['a JSON list', '[{"id": 1}]', 'json'],
    ['gzip', gzipSync('d4:infoe'), 'gzip'],
    ['ZIP', Buffer.from('PK\x03\x04\x14\0\0\0'), 'zip'],
    ['RAR', Buffer.from('Rar!\x1a\x07\x01\0'), 'rar'],
    ['PDF', '%PDF-1.7\n', 'pdf'],
    ['a picture', Buffer.from('89504e470d0a1a0a', 'hex'), 'image'],
    ['a magnet link', 'magnet:?xt=urn:btih:0123', 'magnet'],
    ['a URL', 'https://example.org/x.torrent\n', 'link'],
    ['a Windows link', '[InternetShortcut]\r\nURL=https://example.org/', 'link'],
    ['Base64', Buffer.from('d8:announce30:http://t.example/announce').toString('base64'), 'base64'],
    ['UTF-16', Buffer.from('\ufeffd8:announce', 'utf16le'), 'utf-16'],
    ['an edited torrent', '\ufeffd8:announce3:abc', 'edited'],
    ['a refusal', 'd14:failure reason7:no suche', 'tracker-reply'],
    ['a reply', 'd8:intervali1800e5:peers0:e', 'tracker-reply'],
    [
      'a resume file',
      encode({ 'file-format': 'libtorrent resume file', 'info-hash': 'x' }),
      'resume-file',
    ],
    ['words', 'Torrent not registered', 'text'],
    ['a word that begins as bencode', 'download limit reached', 'text'],
    ['other bytes', Uint8Array.of(0x80, 0x81, 0, 1, 2), 'binary'],
  ];
  for (const [title, content, kind] of KINDS) {
    it(`knows ${title}`, () => {
      const look = lookOf(typeof content === 'string' ? Buffer.from(content) : content);
      expect(look).to.include({ kind });
      expect(look?.words).to.match(/^(is|holds|begins) /);
    });
  }

  it('quotes the title of a page, the refusal of a tracker and the beginning of a text', () => {
    const quoteOf = (text: string): string | undefined => lookOf(Buffer.from(text))?.quote;
    expect(quoteOf('<html><head><title>\n Log in ::  Site</title>')).to.equal('Log in :: Site');
    expect(quoteOf('d14:failure reason7:no suche')).to.equal('no such');
    expect(quoteOf('Torrent not\nregistered')).to.equal('Torrent not registered');
    expect(quoteOf('x'.repeat(9999))?.length).to.equal(121);
  });

  it('leaves bencode to the parser, whole or cut off', () => {
    const torrent = encode({ announce: 'http://t.example/announce', info: { name: 'x' } });
    for (let end = 3; end <= torrent.length; end++) {
      expect(lookOf(torrent.subarray(0, end)), `${end} bytes`).to.equal(undefined);
    }
    for (const text of ['de', 'le', 'i7e', '3:abc', 'l3:abc']) {
      expect(lookOf(Buffer.from(text)), text).to.equal(undefined);
    }
  });

  it('takes any bytes', () => {
    const starts = KINDS.map(([, content]) => Buffer.from(content as string));
    const bytes = fc
      .tuple(fc.option(fc.constantFrom(...starts)), fc.uint8Array({ maxLength: 300 }))
      .map(([start, rest]) =>
        start === null ? rest : Buffer.concat([start.subarray(0, 99), rest]),
      );
    fc.assert(
      fc.property(bytes, (any) => {
        const look = lookOf(any);
        if (look !== undefined) expect(look.quote?.length ?? 0).to.be.at.most(121);
      }),
      { numRuns: 1000 },
    );
  });
});
