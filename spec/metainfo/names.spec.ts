// How the names of a torrent become paths: by each mapping, for any bytes, on every kind of system.
import { expect } from 'chai';
import fc from 'fast-check';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { keyOf } from '../../lib/bencode/text';
import { libtorrentName } from '../../lib/metainfo/client-names';
import { fromHex } from '../../lib/bytes/hex';
import { isOrdinary } from '../../lib/metainfo/libtorrent-names';
import { NAME_MAPPINGS, storedPaths, topNames } from '../../lib/metainfo/names';
import type { NameMapping } from '../../lib/metainfo/names';

const PLATFORMS = ['linux', 'darwin', 'win32'];
const FALLBACK = 'ab'.repeat(20);

type Name = string | Uint8Array;

const key = (name: Name): string => keyOf(typeof name === 'string' ? Buffer.from(name) : name);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function paths(
  mapping: NameMapping,
  files: readonly (readonly Name[])[],
  name: Name = 'd',
  platform = 'linux',
): string[] | undefined {
  const raw = { name: key(name), paths: files.map((path) => path.map(key)) };
  const found = storedPaths(raw, mapping, { platform, fallback: FALLBACK });
  return found?.map((path) => path.join('/'));
}

/** What libtorrent makes of one file name in the folder `d`, here without the folder. */
const named = (name: Name, platform = 'linux'): string | undefined =>
  paths('libtorrent', [[name]], 'd', platform)?.[0]?.slice(2);

describe('names by libtorrent', () => {
  // Each value is what libtorrent 2.0.8 answers; spec/interop/names.spec.ts asks it about many
  // more.
  const repaired: [string, Name, string][] = [
    ['a slash', 'AC/DC.txt', 'ACDC.txt'],
    ['an absolute path', '/etc/passwd', 'etcpasswd'],
    ['a backslash', 'test\\.file', 'test.file'],
    ['a way up', '../x', '..x'],
    ['nothing', '', '_'],
    ['nothing but ".."', '..', '_'],
    ['nothing but a slash', '/', '_'],
    ['a NUL', 'a\0b', 'ab'],
    ['control characters', 'a\nb\u001f', 'a_b_'],
    ['marks that turn the writing', 'gpj\u202eexe.', 'gpjexe.'],
    ['bytes that are no UTF-8', bytes(0xd6, 0xd0, 0x2e, 0x74), '_.t'],
    ['a sequence cut short', bytes(0x61, 0xe2, 0x82), 'a_'],
    ['an overlong slash', bytes(0x61, 0xc0, 0xaf), 'a_'],
    ['a surrogate', bytes(0xed, 0xa0, 0x80), '_'],
    ['a sequence of five', bytes(0xf8, 0x61, 0x62, 0x63, 0x64, 0x65), '_e'],
    ['a byte that begins nothing', bytes(0xff, 0x61), '_a'],
    ['284 bytes', `${'Ж'.repeat(140)}.txt`, `${'Ж'.repeat(120)}.txt`],
    ['241 bytes without an extension', 'a'.repeat(241), 'a'.repeat(240)],
    ['245 bytes with one', `${'a'.repeat(241)}.txt`, `${'a'.repeat(240)}.txt`],
    ['an extension too long to be one', `a${'b'.repeat(250)}.abcdefghijk`, `a${'b'.repeat(239)}`],
  ];
  for (const [what, name, expected] of repaired) {
    it(`${what}: ${JSON.stringify(expected.slice(0, 20))}`, () => {
      expect(named(name)).to.equal(expected);
      expect(isOrdinary(key(name))).to.equal(false);
    });
  }

  it('leaves everything else as it is, device names and drives included', () => {
    const kept = ['con', 'aux', 'NUL', 'C:', 'a?b', ' a ', 'a.', '...', '日本語', '😀', 'a\u007f'];
    for (const name of [...kept, 'é'.repeat(120), 'constructor', '__proto__']) {
      expect(named(name), name).to.equal(name);
    }
  });

  it('cuts what its own count lets grow too long', () => {
    const name = named(Buffer.alloc(300, 0x80)) ?? '';
    expect(name).to.match(/^_+$/).and.to.have.length(255);
  });

  it('leaves "." and ".." out of a path, and keeps an empty part', () => {
    expect(paths('libtorrent', [['..', 'a']])).to.deep.equal(['d/a']);
    expect(paths('libtorrent', [['.', '', 'a', '/']])).to.deep.equal(['d/_/a']);
    expect(paths('libtorrent', [['sub', '']])).to.deep.equal(['d/sub/_']);
  });

  it('names a torrent whose name has nothing in it after its info hash', () => {
    expect(paths('libtorrent', [['a']], '..')).to.deep.equal([`${FALLBACK}/a`]);
    expect(paths('libtorrent', [['a']], 'System R1/beta')).to.deep.equal(['System R1beta/a']);
    const single = { name: '/', paths: undefined };
    const options = { platform: 'linux', fallback: FALLBACK };
    expect(storedPaths(single, 'libtorrent', options)).to.deep.equal([[FALLBACK]]);
  });

  describe('gives duplicates a number, in the order of the files', () => {
    const duplicates: [string, string[][], string[]][] = [
      ['the same', [['a.txt'], ['a.txt'], ['a.txt']], ['d/a.txt', 'd/a.1.txt', 'd/a.2.txt']],
      [
        'but for case',
        [
          ['d1', 'X'],
          ['D1', 'x'],
        ],
        ['d/d1/X', 'd/D1/x.1'],
      ],
      ['made the same', [['a/b'], ['ab']], ['d/ab', 'd/ab.1']],
      ['a file and a later folder', [['a'], ['a', 'b']], ['d/a.1', 'd/a/b']],
      ['a folder and a later file', [['a', 'b'], ['A']], ['d/a/b', 'd/A.1']],
      ['a number that is taken', [['a'], ['a.1'], ['a']], ['d/a', 'd/a.1', 'd/a.2']],
      ['a number taken later', [['a'], ['a'], ['a.1']], ['d/a', 'd/a.1', 'd/a.1.1']],
      ['a hidden file', [['.x'], ['.x']], ['d/.x', 'd/.1.x']],
      [
        'a way up',
        [
          ['a', 'b'],
          ['a', '..'],
        ],
        ['d/a/b', 'd/a.1'],
      ],
    ];
    for (const [what, files, expected] of duplicates) {
      it(what, () => expect(paths('libtorrent', files)).to.deep.equal(expected));
    }

    it('that fits, however long the name', () => {
      const long = `${'a'.repeat(230)}.${'b'.repeat(9)}`;
      const found = paths('libtorrent', Array<string[]>(1_200).fill([long])) ?? [];
      expect(new Set(found).size).to.equal(1_200);
      expect(Math.max(...found.map((path) => path.length))).to.be.at.most(257);
    });

    it('in time that grows with their number', () => {
      const prefix = 'a'.repeat(260);
      const files = Array.from({ length: 30_000 }, (_, at) => [`${prefix}${at % 3}`]);
      expect(new Set(paths('libtorrent', files)).size).to.equal(30_000);
    });
  });

  it('on Windows also replaces what Windows refuses', () => {
    const windows: [string, string][] = [
      ['a?b:c*d', 'a_b_c_d'],
      ['a. .', 'a'],
      ['con', '_con'],
      ['con .', '_con'],
      ['aux.c', 'aux.c'],
      ['日'.repeat(240), '日'.repeat(240)],
      ['😀'.repeat(200), '😀'.repeat(127)],
    ];
    for (const [name, expected] of windows) expect(named(name, 'win32')).to.equal(expected);
    expect(paths('libtorrent', [['a', ' .']], 'd', 'win32')).to.deep.equal(['d/a']);
  });

  it('treats names as equal where the file system does', () => {
    const files = [['É'], ['é'], ['e\u0301']];
    expect(paths('libtorrent', files)).to.deep.equal(['d/É', 'd/é', 'd/e\u0301']);
    expect(paths('libtorrent', files, 'd', 'darwin')).to.deep.equal([
      'd/É',
      'd/é.1',
      'd/e\u0301.2',
    ]);
  });
});

describe('names by the torrent itself', () => {
  it('stay as they are where they are legal here', () => {
    const files = [['a\\b'], ['con', 'x'], ['A'], ['a'], ['n\nn'], ['é'.repeat(127)]];
    expect(paths('raw', files)).to.deep.equal(files.map((path) => `d/${path.join('/')}`));
    expect(paths('raw', [[bytes(0xe9)]])).to.deep.equal(['d/é']);
  });

  it('are out of the question where one is not, or two are one', () => {
    for (const name of ['a/b', '', '.', '..', 'a\0', 'é'.repeat(128)])
      expect(paths('raw', [['x'], [name]]), name).to.equal(undefined);
    expect(paths('raw', [['a'], ['a']])).to.equal(undefined);
    expect(paths('raw', [['a'], ['a', 'b']])).to.equal(undefined);
    // Read as text, these bytes and those are the same.
    expect(paths('raw', [[bytes(0xe9)], ['é']])).to.equal(undefined);
    expect(paths('raw', [['A'], ['a']], 'd', 'darwin')).to.equal(undefined);
    for (const name of ['a:b', 'a.', 'nul', 'a\\b'])
      expect(paths('raw', [[name]], 'd', 'win32'), name).to.equal(undefined);
  });
});

describe('names by Transmission', () => {
  const rows: [Name[], string | undefined, string | undefined, string | undefined][] = [
    // 4.1, 4.0, 3.00
    [['AC/DC'], 'd/AC/DC', 'd/AC/DC', 'd/AC_DC'],
    [['/etc', 'x'], 'd/etc/x', 'd/etc/x', 'd/_etc/x'],
    [['a\\b'], 'd/a\\b', 'd/a_b', 'd/a_b'],
    [['', 'x'], 'd/x', 'd/x', 'd/x'],
    [['..', 'x'], 'd/_../x', 'd/x', 'd/x'],
    [['aux'], 'd/aux', 'd/_aux', 'd/aux_'],
    [['con.txt'], 'd/con.txt', 'd/_con.txt', 'd/con_.txt'],
    [[' a?. '], 'd/ a?. ', 'd/a_', 'd/a_'],
    [['a\tb'], 'd/a_b', 'd/a\tb', 'd/a_b'],
    [['a\0b'], 'd/a', 'd/a', 'd/a_b'],
    [[bytes(0xe9, 0xa4)], 'd/\ufffd', 'd/\ufffd', 'd/é€'],
    [['..'], 'd/_..', undefined, undefined],
  ];
  for (const [path, by41, by40, by3] of rows) {
    it(`${JSON.stringify(path)}: ${JSON.stringify([by41, by40, by3])}`, () => {
      expect(paths('transmission-4.1', [path])?.[0]).to.equal(by41);
      expect(paths('transmission-4.0', [path])?.[0]).to.equal(by40);
      expect(paths('transmission-3.00', [path])?.[0]).to.equal(by3);
    });
  }

  it('3.00 reads a whole path as ISO 8859-15 for one part of it', () => {
    expect(paths('transmission-3.00', [['é', bytes(0xff)]], 'ü')).to.deep.equal(['ÃŒ/Ã©/ÿ']);
  });

  it('are out of the question where the torrent has no name, and where two files are one', () => {
    for (const mapping of NAME_MAPPINGS.slice(2)) {
      expect(paths(mapping, [['a']], '')).to.equal(undefined);
    }
    expect(paths('transmission-4.1', [['a/b'], ['a', 'b']])).to.equal(undefined);
    expect(paths('transmission-3.00', [['a:'], ['a?']])).to.equal(undefined);
  });
});

describe('names by any mapping', () => {
  const part = fc.oneof(
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 12 }) },
    {
      weight: 2,
      arbitrary: fc.string({ unit: 'binary', maxLength: 6 }).map((t) => Buffer.from(t)),
    },
    {
      weight: 4,
      arbitrary: fc
        .array(
          fc.constantFrom('.', '..', '/', '\\', ':', 'a', 'A', 'é', '\0', ' ', '1', '.1', '?'),
          {
            maxLength: 5,
          },
        )
        .map((parts) => Buffer.from(parts.join(''))),
    },
    fc
      .tuple(fc.constantFrom('a', 'Ж', '😀', '\x01'), fc.integer({ min: 60, max: 300 }))
      .map(([unit, count]) => Buffer.from(`${unit.repeat(count)}.txt`)),
    fc.constantFrom('con', 'AUX.', 'nul.txt', 'LPT1 ').map((name) => Buffer.from(name)),
  );
  const torrent = fc.record({
    name: part,
    paths: fc.option(
      fc.array(fc.array(part, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 }),
      { nil: undefined },
    ),
  });

  for (const platform of PLATFORMS) {
    it(`lie below the output, legal and apart from each other: ${platform}`, () => {
      fc.assert(
        fc.property(torrent, fc.constantFrom(...NAME_MAPPINGS), ({ name, paths: raw }, mapping) => {
          const found = storedPaths(
            { name: keyOf(name), paths: raw?.map((path) => path.map((each) => keyOf(each))) },
            mapping,
            { platform, fallback: FALLBACK },
          );
          if (mapping === 'libtorrent') expect(found).to.have.length(raw?.length ?? 1);
          if (found === undefined) return;
          checkLegal(found, platform, raw !== undefined);
          // Transmission 3.00 may spread a torrent over two folders.
          if (mapping !== 'transmission-3.00')
            expect(new Set(found.map(([folder]) => folder)).size).to.equal(1);
          // The default never relies on case; other names are those that exist on this disk.
          checkApart(found, mapping === 'libtorrent' || platform !== 'linux');
        }),
        { numRuns: 1_500 },
      );
    });
  }

  it('begin with a name that is known without mapping files', () => {
    fc.assert(
      fc.property(
        torrent,
        fc.constantFrom(...NAME_MAPPINGS),
        fc.constantFrom(...PLATFORMS),
        ({ name, paths: raw }, mapping, platform) => {
          const names = { name: keyOf(name), paths: raw?.map((path) => path.map(keyOf)) };
          const found = storedPaths(names, mapping, { platform, fallback: FALLBACK });
          const tops = topNames({ name: names.name, infoHash: fromHex(FALLBACK) }, platform);
          for (const [top] of found ?? []) expect(tops).to.include(top);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('are the same by all of them where every name is ordinary', () => {
    const ordinary = fc.string({ unit: 'grapheme', maxLength: 90 }).filter(isOrdinary);
    fc.assert(
      fc.property(
        fc.uniqueArray(ordinary, { minLength: 2, maxLength: 5, selector: (n) => n.toLowerCase() }),
        ([name = '', ...files]) => {
          for (const mapping of NAME_MAPPINGS) {
            expect(
              paths(
                mapping,
                files.map((each) => [each]),
                name,
              ),
            ).to.deep.equal(files.map((each) => `${name}/${each}`));
          }
        },
      ),
    );
  });
});

describe('names of a hostile torrent', () => {
  it('cost their length by every mapping, whatever is cut from their ends', () => {
    // At the square of the length, as for every run of blanks in the middle, this takes minutes.
    for (const blank of [' ', '.', '\t', '. '])
      for (const mapping of NAME_MAPPINGS)
        for (const platform of PLATFORMS) {
          const file = `a${blank.repeat(30_000)}x`;
          paths(
            mapping,
            Array.from({ length: 20 }, () => [file]),
            'd:',
            platform,
          );
        }
  });

  it('make no more folders than a torrent may name, however many slashes they hold', () => {
    const file = 'a/'.repeat(100);
    const raw = { name: 'd:', paths: Array.from({ length: 10_000 }, (_, at) => [`${file}${at}`]) };
    for (const mapping of ['transmission-4.1', 'transmission-4.0'] as const)
      expect(storedPaths(raw, mapping, { platform: 'linux', fallback: FALLBACK })).to.equal(
        undefined,
      );
    const fewer = { ...raw, paths: raw.paths.slice(0, 1_000) };
    const found = storedPaths(fewer, 'transmission-4.1', { platform: 'linux', fallback: FALLBACK });
    expect(found?.[0]).to.have.length(102);
  });

  // A string that is put together character by character takes 30 bytes for each until it is
  // flattened.
  const makers: [string, (bytes: Uint8Array) => string | undefined][] = [
    ['as they are read', keyOf],
    ['as they are repaired', (name) => libtorrentName(name, false)],
  ];
  for (const [what, make] of makers) {
    it(`take memory by their length: ${what}`, () => {
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc') as () => void;
      const count = 3_000;
      collect();
      const before = process.memoryUsage().heapUsed;
      const made = Array.from({ length: count }, (_, at) =>
        make(Buffer.alloc(150, 0x80 + (at % 64))),
      );
      collect();
      const usedBytes = process.memoryUsage().heapUsed - before;
      expect(made).to.have.length(count);
      expect(usedBytes / count).to.be.below(1_500);
    });
  }
});

function checkLegal(found: readonly string[][], platform: string, multiFile: boolean): void {
  for (const path of found) {
    expect(path.length).to.be.at.least(multiFile ? 2 : 1);
    for (const name of path) {
      expect(name).not.to.match(/^\.{0,2}$|[/\0]|\p{Surrogate}/u);
      if (platform === 'win32') {
        expect(name.length).to.be.at.most(255);
        expect(name).not.to.match(/[<>:"\\|?*]|[. ]$|^(con|aux|nul|lpt1)$/i);
      } else expect(Buffer.byteLength(name)).to.be.at.most(255);
    }
  }
}

/** No two files have one path, and none is another's folder. */
function checkApart(found: readonly string[][], ignoringCase: boolean): void {
  const fold = (text: string): string =>
    ignoringCase ? text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : text;
  const files = new Set(found.map((path) => fold(path.join('/'))));
  expect(files.size).to.equal(found.length);
  for (const path of found) {
    for (let end = 1; end < path.length; end++)
      expect(files.has(fold(path.slice(0, end).join('/')))).to.equal(false);
  }
}
