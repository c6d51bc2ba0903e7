// Torrents out: the piece length chosen, the canonical form, and that we read back what we wrote.
import { expect } from 'chai';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { GIB, KIB, MIB } from '../../lib/bytes/lengths';
import { decode } from '../../lib/bencode/decode';
import { encode } from '../../lib/bencode/encode';
import type { BencodeDictionary } from '../../lib/bencode/value';
import { buildMetainfo, choosePieceLength } from '../../lib/metainfo/create';
import type { TorrentContent } from '../../lib/metainfo/create';
import { parseMetainfo } from '../../lib/metainfo/parse';
import { namedBy } from '../../lib/metainfo/names';
import { brokenNameRule, isRecordsName } from '../../lib/metainfo/paths';

const sha1 = (bytes: Uint8Array): Uint8Array => createHash('sha1').update(bytes).digest();

describe('choosePieceLength', () => {
  it('follows its table', () => {
    expect(choosePieceLength(0)).to.equal(16 * KIB);
    expect(choosePieceLength(32 * MIB)).to.equal(16 * KIB);
    expect(choosePieceLength(32 * MIB + 1)).to.equal(32 * KIB);
    expect(choosePieceLength(GIB)).to.equal(512 * KIB);
    expect(choosePieceLength(10 * GIB)).to.equal(8 * MIB);
    expect(choosePieceLength(32 * GIB)).to.equal(16 * MIB);
    expect(choosePieceLength(1024 * GIB)).to.equal(16 * MIB);
  });

  it('gives 1,025 to 2,048 pieces between 32 MiB and 32 GiB', () => {
    fc.assert(
      fc.property(fc.integer({ min: 32 * MIB + 1, max: 32 * GIB }), (total) => {
        const length = choosePieceLength(total);
        expect(Number.isInteger(Math.log2(length))).to.equal(true);
        expect(Math.ceil(total / length)).to.be.within(1_025, 2_048);
      }),
      { numRuns: 200 },
    );
  });
});

describe('buildMetainfo', () => {
  const content: TorrentContent = {
    name: 'a',
    multiFile: false,
    files: [{ path: ['a'], lengthBytes: 5 }],
    pieceLengthBytes: 16_384,
    pieceHashes: new Uint8Array(20),
  };
  const built = (changes: Partial<TorrentContent>): BencodeDictionary =>
    decode(buildMetainfo({ ...content, ...changes })) as BencodeDictionary;

  it('writes only the fields that were given', () => {
    const torrent = built({});
    expect(torrent.keys()).to.deep.equal(['info']);
    expect(torrent.dict('info')?.keys()).to.deep.equal([
      'length',
      'name',
      'piece length',
      'pieces',
    ]);
  });

  it('writes one tracker as announce, several as announce-list as well', () => {
    expect(built({ trackers: [['http://a/']] }).keys()).to.deep.equal(['announce', 'info']);
    for (const trackers of [[['http://a/', 'http://b/']], [['http://a/'], [], ['udp://b:1']]]) {
      const torrent = built({ trackers });
      expect(torrent.text('announce')).to.equal('http://a/');
      expect(torrent.has('announce-list')).to.equal(true);
    }
    expect(built({ private: true }).dict('info')?.integer('private')).to.equal(1);
    expect(built({ private: false }).dict('info')?.has('private')).to.equal(false);
  });

  const arbitraryName = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((name) => brokenNameRule(name, 'linux') === undefined && !isRecordsName(name));
  const url = fc
    .tuple(fc.constantFrom('http', 'https', 'udp', 'ws', 'wss'), fc.webPath())
    .map(([scheme, path]) => `${scheme}://tracker.example:80${path}`);
  const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
    fc.option(value, { nil: undefined });

  const arbitraryContent = fc
    .record({
      name: arbitraryName,
      multiFile: fc.boolean(),
      paths: fc.uniqueArray(fc.array(arbitraryName, { minLength: 1, maxLength: 3 }), {
        minLength: 1,
        maxLength: 6,
        selector: (path) => path[0],
      }),
      lengths: fc.array(fc.nat(200_000), { minLength: 6, maxLength: 6 }),
      pieceLengthBytes: fc.integer({ min: 16_384, max: 100_000 }),
      trackers: fc.array(fc.array(url, { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
      private: fc.boolean(),
      comment: optional(fc.string({ unit: 'grapheme' })),
      createdBy: optional(fc.string({ unit: 'grapheme' })),
      creationDateSec: optional(fc.nat()),
    })
    .map(({ paths, lengths, ...rest }) => {
      const { name, multiFile, pieceLengthBytes } = rest;
      const files = multiFile
        ? paths.map((path, at) => ({ path: [name, ...path], lengthBytes: lengths[at] ?? 0 }))
        : [{ path: [name], lengthBytes: lengths[0] ?? 0 }];
      const total = files.reduce((sum, file) => sum + file.lengthBytes, 0);
      const pieceHashes = new Uint8Array(20 * Math.ceil(total / pieceLengthBytes)).fill(3);
      return { ...rest, files, pieceHashes };
    });

  it('is read back to the same content, is canonical, and is built again to the same bytes', () => {
    fc.assert(
      fc.property(arbitraryContent, (wanted) => {
        const bytes = buildMetainfo(wanted);
        expect(encode(decode(bytes))).to.deep.equal(bytes);
        // Names that others repair are kept: by the torrent's own names they are what they were.
        const metainfo = namedBy(parseMetainfo(bytes, sha1), 'raw', 'linux');
        if (metainfo === undefined) throw new Error('the names are not legal');
        const { files, ...rest } = wanted;
        const given = Object.entries(rest).filter(([, value]) => value !== undefined);
        expect(metainfo).to.deep.include(Object.fromEntries(given));
        expect(
          metainfo.files.map(({ path, lengthBytes }) => ({ path, lengthBytes })),
        ).to.deep.equal(files);
        expect(buildMetainfo(metainfo)).to.deep.equal(bytes);
      }),
      { numRuns: 200 },
    );
  });

  const refused: [string, Partial<TorrentContent>, string][] = [
    ['no files', { files: [] }, 'at least one file'],
    ['a bad name', { name: '..' }, 'is ".."'],
    [
      'a path that is not the name',
      { files: [{ path: ['b'], lengthBytes: 5 }] },
      'must be the name',
    ],
    ['a folder without a path below', { multiFile: true }, 'the name and more'],
    ['a fraction of a byte', { files: [{ path: ['a'], lengthBytes: 0.5 }] }, 'whole number'],
    ['a piece length of 0', { pieceLengthBytes: 0 }, 'whole number above 0'],
    ['a piece length of 1.5', { pieceLengthBytes: 1.5 }, 'whole number above 0'],
    [
      'a name of padding',
      { name: '_____padding_file_0', files: [{ path: ['_____padding_file_0'], lengthBytes: 5 }] },
      'take for padding',
    ],
    ['missing hashes', { pieceHashes: new Uint8Array(0) }, 'need 1 hashes'],
    ['a tracker that is no URL', { trackers: [['tracker']] }, 'tracker URL must'],
    ['a date that is none', { creationDateSec: -1 }, 'creation date'],
    [
      'one path twice',
      {
        multiFile: true,
        files: [
          { path: ['a', 'b'], lengthBytes: 1 },
          { path: ['a', 'b'], lengthBytes: 4 },
        ],
      },
      'one path',
    ],
  ];
  for (const [what, changes, rule] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => buildMetainfo({ ...content, ...changes }))
        .to.throw(rule)
        .with.property('code', 'bad-metainfo');
    });
  }
});
