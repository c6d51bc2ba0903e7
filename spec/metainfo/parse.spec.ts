// Torrents in: what is read, over which bytes the hash goes, and one clear refusal for each lie.
import { expect } from 'chai';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { encode } from '../../lib/bencode/encode';
import type { Encodable } from '../../lib/bencode/encode';
import { toHex } from '../../lib/bytes/hex';
import { MillraceError } from '../../lib/errors/millrace-error';
import { MAX_METAINFO_BYTES, MAX_PIECE_LENGTH_BYTES } from '../../lib/metainfo/limits';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import { parseInfo, parseMetainfo } from '../../lib/metainfo/parse';
import { pathOf } from '../../lib/metainfo/paths';

type Fields = Record<string, Encodable | undefined>;

const sha1 = (bytes: Uint8Array): Uint8Array => createHash('sha1').update(bytes).digest();
const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const hashes = (count: number): Uint8Array => new Uint8Array(20 * count).fill(7);

/** A sound single-file torrent of 40,000 bytes, with changes. */
function single(info: Fields = {}, torrent: Fields = {}): Uint8Array {
  const sound = { name: 'a.bin', length: 40_000, 'piece length': 16_384, pieces: hashes(3) };
  return encode({ info: { ...sound, ...info }, ...torrent });
}

/** A sound multi-file torrent of 40,000 bytes in the given files, with changes. */
function multi(files: Encodable, info: Fields = {}): Uint8Array {
  return single({ name: 'folder', length: undefined, files, ...info });
}

const file = (length: Encodable, ...path: Encodable[]): Fields => ({ length, path });
const parse = (bytes: Uint8Array): Metainfo => parseMetainfo(bytes, sha1);

describe('parseMetainfo', () => {
  it('reads a single file', () => {
    const metainfo = parse(
      single(
        { private: 1 },
        { announce: 'http://t.example/a', comment: 'hi', 'created by': 'x', 'creation date': 9 },
      ),
    );
    expect(metainfo).to.deep.include({
      name: 'a.bin',
      multiFile: false,
      pieceLengthBytes: 16_384,
      pieceCount: 3,
      totalLengthBytes: 40_000,
      files: [{ path: ['a.bin'], lengthBytes: 40_000, offsetBytes: 0 }],
      trackers: [['http://t.example/a']],
      private: true,
      comment: 'hi',
      createdBy: 'x',
      creationDateSec: 9,
    });
    expect(metainfo.pieceHashes).to.deep.equal(hashes(3));
  });

  it('reads many files, empty ones too, with the offset of each', () => {
    const metainfo = parse(multi([file(0, 'e'), file(30_000, 'd', 'x'), file(10_000, 'd', 'y')]));
    expect(metainfo.multiFile).to.equal(true);
    expect(metainfo.private).to.equal(false);
    expect(metainfo.files.map(pathOf)).to.deep.equal(['folder/e', 'folder/d/x', 'folder/d/y']);
    expect(metainfo.files.map((entry) => entry.offsetBytes)).to.deep.equal([0, 0, 30_000]);
  });

  it("the seed's lessons: the info hash is the raw digest over the bytes as they came", () => {
    // Keys unsorted, one unknown, one not UTF-8, a name not UTF-8: encoding again would change it.
    const pieces = Buffer.alloc(20, 0xee).toString('latin1');
    const info = `d12:piece lengthi16384e4:name5:caf\xe9s6:lengthi9e3:\xff\xfez0:1:zd1:bi1e1:ai2ee6:pieces20:${pieces}e`;
    const metainfo = parse(latin1(`d4:zzzzi1e4:info${info}8:announce3:bade`));
    expect(metainfo.infoHash).to.deep.equal(new Uint8Array(sha1(latin1(info))));
    expect(metainfo.infoHash).to.have.length(20);
    expect(metainfo).to.include({ name: 'caf_', rawName: 'caf\udce9s', names: 'libtorrent' });
    expect(metainfo.trackers).to.deep.equal([]);
  });

  it('knows the info hash of a torrent computed by hand', () => {
    const info = `d6:lengthi3e4:name1:a12:piece lengthi16384e6:pieces20:${'x'.repeat(20)}e`;
    expect(toHex(parse(latin1(`d4:info${info}e`)).infoHash)).to.equal(
      createHash('sha1').update(info).digest('hex'),
    );
  });

  it('prefers name.utf-8 and path.utf-8', () => {
    const old = latin1('\x83e');
    const files = [{ ...file(40_000, old), 'path.utf-8': ['テ'] }];
    const metainfo = parse(multi(files, { name: old, 'name.utf-8': 'フォルダ' }));
    expect(metainfo.files.map(pathOf)).to.deep.equal(['フォルダ/テ']);
  });

  it('shares no memory with the file, so it can cross threads cheaply', () => {
    const bytes = single({}, { comment: 'long'.repeat(1000) });
    const metainfo = parse(bytes);
    bytes.fill(0);
    expect(metainfo.pieceHashes).to.deep.equal(hashes(3));
    const { infoBytes = new Uint8Array() } = metainfo;
    expect(infoBytes.buffer.byteLength, 'only the info').to.equal(infoBytes.length).and.below(200);
    expect(metainfo.pieceHashes.buffer, 'the digests are there once').to.equal(infoBytes.buffer);
    expect(metainfo.infoHash.buffer.byteLength).to.equal(20);
  });

  it('accepts a torrent of no bytes with no pieces', () => {
    const metainfo = parse(single({ length: 0, pieces: '' }));
    expect(metainfo).to.deep.include({ pieceCount: 0, totalLengthBytes: 0 });
  });

  it('passes over whatever follows the dictionary', () => {
    const sound = single({}, { announce: 'http://t.example/a' });
    const read = parse(sound);
    for (const tail of ['\n', '\r\n', '\0', 'd4:info', '5:'])
      expect(parse(Buffer.concat([sound, latin1(tail)]))).to.deep.equal(read);
    fc.assert(
      fc.property(fc.uint8Array(), (tail) => {
        expect(parse(Buffer.concat([sound, tail]))).to.deep.equal(read);
      }),
    );
  });

  it('takes the list of files where there is a length as well', () => {
    const metainfo = parse(multi([file(40_000, 'a')], { length: 7 }));
    expect(metainfo).to.deep.include({ multiFile: true, totalLengthBytes: 40_000 });
    // No list, no files: the length is what is left.
    expect(parse(single({ files: 'x' })).files).to.deep.equal(parse(single()).files);
  });

  it('reads the attributes of files; a symlink holds no bytes, whatever its length', () => {
    const metainfo = parse(
      multi([
        { attr: 'l', path: ['l'], 'symlink path': ['d', 'x'] },
        { ...file(30_000, 'd', 'x'), attr: 'x' },
        { ...file(9, 'm'), attr: 'lh', 'symlink path': ['..', '..', 'etc'] },
        { ...file(10_000, 'd', 'y'), attr: 'hx' },
        { attr: 'l', path: ['n'] },
      ]),
    );
    const path = (...below: string[]): string[] => ['folder', ...below];
    expect(metainfo.files).to.deep.equal([
      { path: path('d', 'x'), lengthBytes: 30_000, offsetBytes: 0, executable: true },
      {
        path: path('d', 'y'),
        lengthBytes: 10_000,
        offsetBytes: 30_000,
        executable: true,
        hidden: true,
      },
    ]);
    expect(metainfo.symlinks).to.deep.equal([
      { path: path('l'), target: ['d', 'x'] },
      { path: path('m'), target: ['..', '..', 'etc'] },
      { path: path('n'), target: [] },
    ]);
    expect(parse(single({ attr: 'x' })).files[0]).to.include({ executable: true });
    const link = { attr: 'l', path: ['..', 'a/b'], 'symlink path': [latin1('\xe9')] };
    expect(parse(multi([file(40_000, 'ab'), link])).symlinks).to.deep.equal([
      { path: path('ab.1'), target: ['é'] },
    ]);
    expect(() => parse(multi([file(40_000, 'a'), { ...link, path: ['.millrace'] }]))).to.throw(
      'reserved for records',
    );
  });

  it('repairs names, and keeps those of the torrent beside them', () => {
    const files = [
      file(30_000, 'AC/DC'),
      file(10_000, 'ok'),
      file(0, 'ok'),
      file(0, latin1('\xff')),
    ];
    const metainfo = parse(multi(files, { name: 'R1/beta' }));
    expect(metainfo).to.include({ name: 'R1beta', rawName: 'R1/beta', names: 'libtorrent' });
    expect(metainfo.files).to.deep.equal([
      { path: ['R1beta', 'ACDC'], rawPath: ['AC/DC'], lengthBytes: 30_000, offsetBytes: 0 },
      { path: ['R1beta', 'ok'], lengthBytes: 10_000, offsetBytes: 30_000 },
      { path: ['R1beta', 'ok.1'], rawPath: ['ok'], lengthBytes: 0, offsetBytes: 40_000 },
      { path: ['R1beta', '_'], rawPath: ['\udcff'], lengthBytes: 0, offsetBytes: 40_000 },
    ]);
    expect(parse(single({ name: '..' }))).to.deep.include({
      name: toHex(parse(single({ name: '..' })).infoHash),
      rawName: '..',
    });
    expect(parse(multi([file(40_000, 'a')]))).to.not.have.any.keys('rawName', 'names');
    expect(parseMetainfo(single({ name: 'a:b' }), sha1, 'win32').name).to.equal('a_b');
  });

  it('leaves padding out of the files, and counts it', () => {
    const pad = (length: number, path?: string[]): Fields => ({ attr: 'p', length, path });
    const metainfo = parse(
      multi([
        pad(1_000, ['.pad', '1']),
        file(9_000, 'a'),
        pad(10_000, ['.pad', '1']),
        pad(5_000),
        // Its path does not matter.
        pad(4_000, ['..', '..', 'etc']),
        file(1_000, '_____padding_file_0_if you see this file, please update to BitComet 0.85____'),
        file(9_999, 'b'),
        pad(1),
      ]),
    );
    const entry = (name: string, lengthBytes: number, offsetBytes: number): object => ({
      path: ['folder', name],
      lengthBytes,
      offsetBytes,
    });
    expect(metainfo.files).to.deep.equal([entry('a', 9_000, 1_000), entry('b', 9_999, 30_000)]);
    expect(metainfo).to.include({ totalLengthBytes: 40_000, paddingBytes: 21_001 });
    expect(parse(multi([file(40_000, 'a')]))).to.not.have.property('paddingBytes');
    expect(parse(multi([pad(40_000)]))).to.deep.include({
      name: 'folder',
      files: [],
      paddingBytes: 40_000,
    });
    expect(() => parse(multi([pad(-1)]))).to.throw('length of file 0 is -1');
  });

  it('recognises the padding files of BitComet by their names', () => {
    const name = '_____padding_file_0';
    for (const path of [[name], ['d', name], [name, 'd'], [`my${name}`]]) {
      const metainfo = parse(multi([file(30_000, 'a'), file(10_000, ...path)]));
      expect(metainfo.files.map(pathOf), String(path)).to.deep.equal(['folder/a']);
      expect(metainfo.paddingBytes).to.equal(10_000);
    }
    const others = ['____padding_file_0', '_____Padding_file_0'];
    for (const other of others) {
      const metainfo = parse(multi([file(30_000, 'a'), file(10_000, other)]));
      expect(metainfo.files, other).to.have.length(2);
    }
  });

  it('is private for every number but 0', () => {
    for (const value of [1, 2, -1])
      expect(parse(single({ private: value })).private).to.equal(true);
    for (const value of [0, '1', []]) {
      expect(parse(single({ private: value })).private).to.equal(false);
    }
  });

  it('prefers the name in UTF-8, also an empty one, as libtorrent does', () => {
    expect(parse(single({ 'name.utf-8': 'b' })).name).to.equal('b');
    expect(parse(multi([file(40_000, 'a')], { 'name.utf-8': '' })).name).to.equal('_');
  });

  it('counts links and padding as duplicates, as libtorrent does', () => {
    // The paths are those that libtorrent 2.0.8 gives to the files, in the order of the torrent.
    const pad = (...path: string[]): Fields => ({ attr: 'p', length: 1_000, path });
    const link = (...path: string[]): Fields => ({ attr: 'l', path, 'symlink path': ['a'] });
    const named = (...entries: Fields[]): string[] => {
      const rest = 40_000 - 1_000 * entries.filter(({ attr }) => attr === 'p').length;
      return parse(multi([...entries, file(rest, 'rest')]))
        .files.map(pathOf)
        .slice(0, -1);
    };
    const empty = (...path: string[]): Fields => file(0, ...path);
    expect(named(pad('a'), empty('A'))).to.deep.equal(['folder/A.1']);
    expect(named(empty('a'), pad('a'))).to.deep.equal(['folder/a']);
    expect(named(pad('.pad', '1'), empty('.pad'))).to.deep.equal(['folder/.1.pad']);
    expect(named(empty('.pad'), pad('.pad', '1'))).to.deep.equal(['folder/.1.pad']);
    expect(named(pad('.pad', '1'), empty('.pad', '1'), pad('.pad', '1'))).to.deep.equal([
      'folder/.pad/1.1',
    ]);
    expect(named(link('l'), empty('l'))).to.deep.equal(['folder/l.1']);
    expect(named(empty('l'), link('l'), empty('l'))).to.deep.equal(['folder/l', 'folder/l.2']);
    expect(named(link('d'), empty('d', 'x'))).to.deep.equal(['folder/d/x']);
    // Padding of one path is usual: nothing has another name for that.
    const usual = parse(multi([file(38_000, 'a'), pad('.pad', '1'), pad('.pad', '1')]));
    expect(usual).not.to.have.property('names');
  });

  describe('trackers', () => {
    const trackers = (torrent: Fields): readonly (readonly string[])[] =>
      parse(single({}, torrent)).trackers;

    it('follows announce-list and ignores announce', () => {
      const list = [['http://a/x', 'udp://b:1/'], ['wss://c']];
      expect(trackers({ announce: 'http://d/', 'announce-list': list })).to.deep.equal(list);
    });

    it('ignores what is no tracker URL, warns, and leaves out tiers left empty', () => {
      const long = `http://${'a'.repeat(9_000)}`;
      const list: Encodable = [
        ['ftp://a', 'http://', 'http:///x', 'http://a b', '', ' \n', 'HTTPS://ok/?k=é'],
        [],
        'http://not-a-tier/',
        [5, ['http://too-deep/']],
        [long, latin1(`udp://${'\xff'.repeat(70_000)}`)],
      ];
      const metainfo = parse(single({}, { 'announce-list': list }));
      expect(metainfo.trackers).to.deep.equal([['HTTPS://ok/?k=é']]);
      expect(metainfo.ignoredTrackerCount).to.equal(7);
      const scheme = 'it does not start with http://, https://, udp://, ws:// or wss://';
      expect(metainfo.ignoredTrackers).to.deep.equal([
        { url: 'ftp://a', reason: scheme },
        { url: 'http://', reason: 'it names no host' },
        { url: 'http:///x', reason: 'it names no host' },
        { url: 'http://a b', reason: 'it has a blank or control character inside' },
        { url: 'http://not-a-tier/', reason: 'it stands outside the lists that are tiers' },
        { url: long.slice(0, 200), reason: 'it is longer than 8192 characters' },
        { url: `udp://${'ÿ'.repeat(194)}`, reason: 'it is longer than 8192 characters' },
      ]);
      expect(parse(single({}, { announce: 'http://a/' }))).to.not.have.any.keys(
        'ignoredTrackers',
        'ignoredTrackerCount',
      );
    });

    it('trims invisible characters around a URL', () => {
      const ascii = ['', ' ', '\t', '\n', '\r\n', '\0', '\x7f', '  \t '];
      const around = fc.constantFrom(...ascii, '\u00a0', '\ufeff', '\u200b', '\u3000', '\u2028 \t');
      fc.assert(
        fc.property(around, around, (before, after) => {
          const metainfo = parse(single({}, { announce: `${before}http://a/é?b${after}` }));
          expect(metainfo.trackers).to.deep.equal([['http://a/é?b']]);
          expect(metainfo.ignoredTrackers).to.equal(undefined);
        }),
      );
    });

    it('cuts off a blank of Latin-1', () => {
      const announce = latin1('\xa0http://a/?b\xa0');
      expect(trackers({ announce })).to.deep.equal([['http://a/?b']]);
    });

    it('is not led on by what lies behind a long blank', () => {
      const announce = `http://a/${'\u00a0'.repeat(20_000)}x`;
      expect(trackers({ announce })).to.deep.equal([]);
    });

    it('uses 200, and counts the others', () => {
      const list = Array.from({ length: 1_000 }, (_, at) => [`udp://t${at}/`]);
      const metainfo = parse(single({}, { 'announce-list': list }));
      expect(metainfo.trackers).to.deep.equal(list.slice(0, 200));
      expect(metainfo.ignoredTrackerCount).to.equal(800);
      expect(metainfo.ignoredTrackers).to.have.length(20);
      expect(metainfo.ignoredTrackers?.[0]).to.deep.equal({
        url: 'udp://t200/',
        reason: '200 others come first',
      });
    });

    it('falls back to announce when the list has nothing usable', () => {
      expect(trackers({ announce: 'http://d/', 'announce-list': [[]] })).to.deep.equal([
        ['http://d/'],
      ]);
      expect(trackers({ announce: 5, 'announce-list': 5 })).to.deep.equal([]);
    });
  });

  describe('of version 2 (BEP 52)', () => {
    const digest = (bytes: Uint8Array, algorithm: 'sha1' | 'sha256'): Uint8Array =>
      createHash(algorithm).update(bytes).digest();
    const tree = { 'a.bin': { '': { length: 40_000, 'pieces root': new Uint8Array(32) } } };
    const v2 = (fields: Fields): Metainfo =>
      parseMetainfo(single({ 'meta version': 2, 'file tree': tree, ...fields }), digest);

    it('reads a hybrid as version 1, and has its other hash', () => {
      const metainfo = v2({});
      const { infoBytes = new Uint8Array() } = metainfo;
      expect(metainfo.infoHash).to.deep.equal(new Uint8Array(digest(infoBytes, 'sha1')));
      expect(metainfo.infoHashV2).to.deep.equal(new Uint8Array(digest(infoBytes, 'sha256')));
      expect(metainfo.pieceHashes).to.deep.equal(hashes(3));
      expect(metainfo.files).to.deep.equal([
        { path: ['a.bin'], lengthBytes: 40_000, offsetBytes: 0 },
      ]);
    });

    it('takes it for version 1 where something of version 2 is missing', () => {
      for (const fields of [{ 'meta version': 1 }, { 'meta version': 3 }, { 'file tree': 'x' }])
        expect(v2(fields).infoHashV2, JSON.stringify(fields)).to.equal(undefined);
    });

    it('refuses one without pieces of version 1, by a code of its own', () => {
      expect(() => v2({ pieces: undefined }))
        .to.throw(MillraceError, /version 2 only \(BEP 52\), which is not supported/)
        .with.property('code', 'v2-unsupported');
      expect(() => v2({ pieces: undefined, 'meta version': 3 }))
        .to.throw(MillraceError, /no "pieces"/)
        .with.property('code', 'bad-metainfo');
    });
  });

  describe('of an info dictionary alone', () => {
    const trackers = [['http://t.example/a'], ['udp://u.example:1']];
    const info = { name: 'a.bin', length: 40_000, 'piece length': 16_384, pieces: hashes(3) };

    it('reads what it reads in a .torrent', () => {
      const bytes = encode({ ...info, 'unknown key': ['x'], private: 1 });
      const whole = encode({ info: { ...info, 'unknown key': ['x'], private: 1 } });
      expect(parseInfo(bytes, sha1, trackers)).to.deep.equal({ ...parse(whole), trackers });
      expect(parse(whole).infoBytes).to.deep.equal(bytes);
    });

    it('shares no memory with what it has read, and keeps the digests once', () => {
      const bytes = encode(info);
      const read = parseInfo(bytes, sha1, trackers);
      bytes.fill(0);
      expect(read.pieceHashes).to.deep.equal(hashes(3));
      expect(read.pieceHashes.buffer).to.equal(read.infoBytes?.buffer);
      expect(structuredClone(read)).to.deep.equal(read);
    });

    it('refuses what is none, and bytes after it', () => {
      const refuses = (bytes: Uint8Array, rule: RegExp, code = 'bad-metainfo'): void => {
        expect(() => parseInfo(bytes, sha1, trackers))
          .to.throw(MillraceError, rule)
          .with.property('code', code);
      };
      refuses(encode([info]), /the info is not a dictionary/);
      refuses(encode({ info }), /no "pieces"/);
      refuses(Buffer.concat([encode(info), Buffer.from('x')]), /bytes follow/);
      refuses(encode(info).subarray(0, -1), /./, 'bad-bencode');
      refuses(encode({ 'meta version': 2 }), /version 2 only/, 'v2-unsupported');
    });
  });

  describe('refuses', () => {
    const huge = BigInt(2) ** 60n;
    const refused: [string, () => Uint8Array, string][] = [
      ['a list', () => encode([]), 'not a dictionary'],
      ['no info', () => encode({}), 'no "info"'],
      ['an info that is no dictionary', () => encode({ info: 'x' }), 'no "info"'],
      ['no name', () => single({ name: undefined }), 'no "name"'],
      ['a name that is a number', () => single({ name: 5 }), 'no "name"'],
      ['no pieces', () => single({ pieces: undefined }), 'no "pieces"'],
      ['no length', () => single({ length: undefined }), 'either "length" or "files"'],
      ['a length beside no files', () => single({ files: [] }), 'at least one file'],
      ['a negative length', () => single({ length: -1 }), 'length of the file is -1'],
      ['a length of text', () => single({ length: '40000' }), 'length of the file is missing'],
      ['a length of 2^60', () => single({ length: huge }), 'exceeds 2^53'],
      ['no piece length', () => single({ 'piece length': undefined }), 'piece length is missing'],
      ['a piece length of 0', () => single({ 'piece length': 0 }), 'piece length is 0'],
      ['a negative piece length', () => single({ 'piece length': -1 }), 'piece length is -1'],
      ['a piece length of −2^60', () => single({ 'piece length': -huge }), 'at least 1'],
      [
        'a piece too long',
        () => single({ 'piece length': MAX_PIECE_LENGTH_BYTES + 1, pieces: hashes(1) }),
        'longest supported is 268435456',
      ],
      ['hashes cut short', () => single({ pieces: new Uint8Array(59) }), '59 bytes'],
      ['too few hashes', () => single({ pieces: hashes(2) }), 'need 3 hashes, not 2'],
      ['too many hashes', () => single({ pieces: hashes(4) }), 'need 3 hashes, not 4'],
      ['no hashes', () => single({ pieces: '' }), 'need 3 hashes, not 0'],
      ['a hash of nothing', () => single({ length: 0, pieces: hashes(1) }), 'need 0 hashes, not 1'],
      [
        'too many pieces',
        () => single({ length: 2 ** 40, 'piece length': 1 }),
        'it has 1099511627776 pieces',
      ],
      ['files that are no list', () => multi('x'), 'at least one file'],
      ['no files', () => multi([]), 'at least one file'],
      ['a file that is no dictionary', () => multi([file(40_000, 'a'), 'x']), 'file 1 is not'],
      ['a file without length', () => multi([{ path: ['a'] }]), 'length of file 0 is missing'],
      ['a file without path', () => multi([{ length: 1 }]), 'file 0 has no "path"'],
      ['a path of text', () => multi([{ length: 1, path: 'a' }]), 'file 0 has no "path"'],
      ['a path with a number', () => multi([file(1, 'a', 5)]), 'file 0 has no "path"'],
      ['an empty path', () => multi([file(1)]), 'path of file 0 is empty'],
      [
        'a folder named for records',
        () => multi([file(1, 'a')], { name: '.Millrace' }),
        'reserved',
      ],
      ['a file named for them', () => single({ name: '.millrace' }), 'reserved'],
      ['a folder of records below', () => multi([file(1, 'a', '.millrace', 'b')]), 'reserved'],
      ['a repaired name for records', () => multi([file(1, '.mill/race', 'b')]), 'reserved'],
      [
        'a path of more than 4,096 bytes',
        () => multi([{ length: 1, path: Array<string>(20).fill('a'.repeat(250)) }]),
        'longer than 4096 bytes',
      ],
      [
        'a sum above 2^53',
        () => multi([file(2 ** 53 - 1, 'a'), file(1, 'b')]),
        'together exceed 2^53',
      ],
      ['a file above 64 MiB', () => new Uint8Array(MAX_METAINFO_BYTES + 1), '67108864 are read'],
    ];
    for (const [what, bytes, rule] of refused) {
      it(what, () => {
        expect(() => parse(bytes()))
          .to.throw(MillraceError, rule)
          .with.property('code', 'bad-metainfo');
      });
    }

    it('what is no bencode', () => {
      for (const bytes of [new Uint8Array(0), latin1('<html>'), latin1('d4:info')]) {
        expect(() => parse(bytes))
          .to.throw()
          .with.property('code', 'bad-bencode');
      }
    });
  });

  describe('never falls over', () => {
    const sound = [
      single({}, { announce: 'http://a/', 'announce-list': [['http://a/'], ['udp://b/']] }),
      multi([file(30_000, 'd', 'x'), { ...file(10_000, 'd', 'y'), attr: 'p' }]),
    ];

    /** A torrent or an error of ours, and a torrent keeps its promises. */
    function survives(bytes: Uint8Array): void {
      try {
        const metainfo = parse(bytes);
        const sum = metainfo.files.reduce((total, { lengthBytes }) => total + lengthBytes, 0);
        expect(sum + (metainfo.paddingBytes ?? 0)).to.equal(metainfo.totalLengthBytes);
        expect(metainfo.pieceHashes).to.have.length(20 * metainfo.pieceCount);
        expect(metainfo.files.map(pathOf).join('/').split('/')).not.to.include('..');
      } catch (error) {
        expect(error).to.be.instanceOf(MillraceError);
      }
    }

    it('at any bytes', () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survives), { numRuns: 200 });
    });

    it('at arrays of names and numbers in every place of a file', () => {
      const values = fc.anything({
        values: [fc.constantFrom('a', '..', 'p', 'l', 'xh'), fc.integer()],
        maxDepth: 2,
        withNullPrototype: false,
      });
      const encodable = (value: unknown): Encodable => {
        if (typeof value === 'string' || typeof value === 'number') return value;
        if (Array.isArray(value)) return value.map(encodable);
        return Object.fromEntries(
          Object.entries(Object(value) as object).map(([key, item]) => [key, encodable(item)]),
        );
      };
      const keys = ['length', 'path', 'path.utf-8', 'attr', 'symlink path'] as const;
      const entry = fc.dictionary(fc.constantFrom(...keys), values, { maxKeys: 5 });
      fc.assert(
        fc.property(fc.array(entry, { maxLength: 3 }), (entries) =>
          survives(multi(entries.map(encodable))),
        ),
        { numRuns: 500 },
      );
    });

    it('at every truncation', () => {
      for (const bytes of sound) {
        for (let length = 0; length < bytes.length; length++) {
          expect(() => parse(bytes.subarray(0, length)))
            .to.throw()
            .with.property('code', 'bad-bencode');
        }
      }
    });

    it('at flipped bits and bytes cut, doubled and replaced', () => {
      const edit = fc.record({
        at: fc.nat(400),
        kind: fc.constantFrom('flip', 'cut', 'insert', 'replace'),
        bit: fc.nat(7),
        with: fc.constantFrom(...'0123456789dliex:-./\\\0\xff'),
      });
      fc.assert(
        fc.property(
          fc.constantFrom(...sound),
          fc.array(edit, { minLength: 1, maxLength: 4 }),
          (bytes, edits) => {
            const mutated = [...bytes];
            for (const { at, kind, bit, with: replacement } of edits) {
              const place = at % mutated.length;
              const code = replacement.charCodeAt(0);
              if (kind === 'flip') mutated[place] = (mutated[place] ?? 0) ^ (1 << bit);
              else if (kind === 'cut') mutated.splice(place, 1);
              else if (kind === 'insert') mutated.splice(place, 0, code);
              else mutated[place] = code;
            }
            survives(Uint8Array.from(mutated));
          },
        ),
        { numRuns: 1_500 },
      );
    });

    it('at any values where others belong', () => {
      const scalar = fc.oneof(
        fc.maxSafeInteger(),
        fc.constantFrom(0, -1, 1, 20, 16_384, 2 ** 53 - 1, -(2n ** 64n), 2n ** 64n),
        fc.constantFrom('', '.', '..', '/', 'a', '\0', 'a/b'),
        fc.uint8Array({ maxLength: 40 }),
      );
      const any = fc.oneof(
        scalar,
        fc.array(scalar, { maxLength: 3 }),
        fc.constant({ path: ['a'] }),
      );
      const fields = (...names: string[]): fc.Arbitrary<Fields> =>
        fc.dictionary(fc.constantFrom(...names), any, { maxKeys: 3 });
      const infoNames = [
        'name',
        'length',
        'files',
        'piece length',
        'pieces',
        'private',
        'name.utf-8',
      ];
      fc.assert(
        fc.property(
          fields(...infoNames, 'meta version'),
          fields('announce', 'announce-list', 'comment', 'creation date', 'info'),
          (info, torrent) => survives(single(info, torrent)),
        ),
        { numRuns: 500 },
      );
    });
  });
});
