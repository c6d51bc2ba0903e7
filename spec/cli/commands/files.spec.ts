// `info`, `create`, `verify` and the files of `demo`.

import { expect } from 'chai';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Api } from '../../../lib/cli/context';
import { demoFiles } from '../../../lib/cli/commands/demo';
import { jsonParts, recordOf } from '../../../lib/cli/commands/info';
import { hashProgress } from '../../../lib/cli/output/progress-line';
import { fakeApi, FakeIo, fakeMetainfo, millrace } from '../fakes';

const LINK = `magnet:?xt=urn:btih:${'ab'.repeat(20)}`;
const REST = '&xl=1000&tr=http%3A%2F%2Ftracker.example%2Fannounce';

describe('cli info', () => {
  const metainfo = fakeMetainfo({
    name: 'th\u001bing',
    comment: 'line\nbreak',
    creationDateSec: 1e15,
    files: [
      { path: ['thing', 'a'], lengthBytes: 999, offsetBytes: 0 },
      { path: ['thing', 'b\u202e'], lengthBytes: 1, offsetBytes: 999 },
    ],
  });
  const { api } = fakeApi({ readTorrent: () => Promise.resolve(metainfo) });

  it('prints the contents of a torrent safely', async () => {
    const { exitCode, io } = await millrace(['info', 'x'], { api });
    expect(exitCode).to.equal(0);
    expect(io.out.split('\n')).to.deep.equal([
      'name        th\\u001bing',
      `info hash   ${'ab'.repeat(20)}`,
      'size        1000 bytes',
      'pieces      10 of 100 bytes',
      'private     no',
      'comment     line\\u000abreak',
      'created     1000000000000000 s after 1970',
      'trackers    http://tracker.example/announce',
      `magnet      ${LINK}&dn=th%1Bing${REST}`,
      'files       2',
      '  999  thing/a',
      '    1  thing/b\\u202e',
      '',
    ]);
  });

  it('prints one object with --json', async () => {
    const { io } = await millrace(['info', 'x', '--json'], { api });
    expect(io.json()).to.deep.equal([
      {
        type: 'info',
        infoHash: 'ab'.repeat(20),
        infoHashV2: null,
        magnet: `${LINK}&dn=th%1Bing${REST}`,
        name: 'th\u001bing',
        multiFile: false,
        totalBytes: 1000,
        paddingBytes: 0,
        pieceLengthBytes: 100,
        pieceCount: 10,
        private: false,
        trackers: [['http://tracker.example/announce']],
        ignoredTrackers: [],
        ignoredTrackerCount: 0,
        comment: 'line\nbreak',
        createdBy: null,
        creationDateSec: 1e15,
        files: [
          { path: 'thing/a', lengthBytes: 999 },
          { path: 'thing/b\u202e', lengthBytes: 1 },
        ],
        symlinks: [],
      },
    ]);
  });

  it('says that a torrent is hybrid', async () => {
    const hybrid = fakeMetainfo({ infoHashV2: new Uint8Array(32).fill(0xcd) });
    const { api } = fakeApi({ readTorrent: () => Promise.resolve(hybrid) });
    const { io } = await millrace(['info', 'x'], { api });
    const [, , line] = io.out.split('\n');
    expect(line).to.equal(`v2 hash     ${'cd'.repeat(32)} (hybrid; transferred as version 1)`);
    const json = await millrace(['info', 'x', '--json'], { api });
    expect(json.io.json()[0]).to.include({ infoHashV2: 'cd'.repeat(32) });
  });

  it('prints the object in parts, so that 200,000 files need no string of all', async () => {
    const files = Array.from({ length: 1501 }, (_, at) => ({
      path: ['thing', `f${at}`],
      lengthBytes: 1,
      offsetBytes: at,
    }));
    const symlinks = files.map(({ path }) => ({ path, target: ['thing', 'f0'] }));
    for (const many of [{ files, symlinks }, { files: [] }, { files: files.slice(0, 500) }]) {
      const torrent = fakeMetainfo(many);
      const magnet = { link: 'magnet:?x', trackersLeftOut: 0 };
      const parts = [...jsonParts(torrent, magnet)];
      expect(JSON.parse(parts.join(''))).to.deep.equal({
        type: 'info',
        magnet: 'magnet:?x',
        ...recordOf(torrent),
      });
      expect(parts.join('').indexOf('\n')).to.equal(parts.join('').length - 1);
      expect(Math.max(...parts.map(({ length }) => length))).to.be.below(40_000);
    }
  });

  describe('of a torrent with padding, attributes, symlinks and tracker URLs that are not used', () => {
    const odd = fakeMetainfo({
      totalLengthBytes: 1500,
      paddingBytes: 500,
      files: [
        { path: ['thing', 'a'], lengthBytes: 999, offsetBytes: 0, executable: true },
        { path: ['thing', 'b'], lengthBytes: 1, offsetBytes: 999, executable: true, hidden: true },
      ],
      symlinks: [{ path: ['thing', 'l'], target: ['..', '\u001b'] }],
      ignoredTrackers: [{ url: 'ftp://a/?passkey=0123456789abcdef', reason: 'it is odd' }],
      ignoredTrackerCount: 3,
    });
    const { api: oddApi } = fakeApi({ readTorrent: () => Promise.resolve(odd) });

    it('shows them', async () => {
      const { io } = await millrace(['info', 'x'], { api: oddApi });
      expect(io.out.split('\n').slice(2)).to.deep.equal([
        'size        1000 bytes',
        'padding     500 bytes of zeros, never stored',
        'pieces      10 of 100 bytes',
        'private     no',
        'trackers    http://tracker.example/announce',
        'not used    ftp://a/?passkey=012…: it is odd',
        '            and 2 more tracker URLs',
        `magnet      ${LINK}&dn=thing${REST}`,
        'files       2',
        '   999  thing/a (executable)',
        '     1  thing/b (executable, hidden)',
        '  link  thing/l → ../\\u001b',
        '',
      ]);
    });

    it('prints them with --json', async () => {
      const { io } = await millrace(['info', 'x', '--json', '--show-secrets'], { api: oddApi });
      expect(io.json()[0]).to.deep.include({
        totalBytes: 1000,
        paddingBytes: 500,
        ignoredTrackers: odd.ignoredTrackers,
        ignoredTrackerCount: 3,
        files: [
          { path: 'thing/a', lengthBytes: 999, executable: true },
          { path: 'thing/b', lengthBytes: 1, executable: true, hidden: true },
        ],
        symlinks: [{ path: 'thing/l', target: '../\u001b' }],
      });
    });
  });
});

describe('cli info of a torrent with odd names', () => {
  const metainfo = fakeMetainfo({
    name: 'R1beta',
    rawName: 'R1/beta',
    names: 'libtorrent',
    files: [
      {
        path: ['R1beta', 'd', 'a_'],
        rawPath: ['d', 'a\n\udcff'],
        lengthBytes: 999,
        offsetBytes: 0,
        hidden: true,
      },
      { path: ['R1beta', 'b'], lengthBytes: 1, offsetBytes: 999 },
    ],
  });
  const { api } = fakeApi({ readTorrent: () => Promise.resolve(metainfo) });

  it('shows the names on disk, and those of the torrent', async () => {
    const { io } = await millrace(['info', 'x'], { api });
    const lines = io.out.split('\n');
    expect(lines.slice(0, 2)).to.deep.equal(['name        R1beta', 'in torrent  R1/beta']);
    expect(lines.slice(7)).to.deep.equal([
      `magnet      ${LINK}&dn=R1%2Fbeta${REST}`,
      'files       2, 1 of them renamed so that they can be stored',
      '  999  R1beta/d/a_ (hidden, in the torrent: "d" / "a\\u000a\\xff")',
      '    1  R1beta/b',
      '',
    ]);
  });

  it('prints both with --json', async () => {
    const { io } = await millrace(['info', 'x', '--json'], { api });
    expect(io.json()[0]).to.deep.include({
      name: 'R1beta',
      rawName: 'R1/beta',
      names: 'libtorrent',
      files: [
        { path: 'R1beta/d/a_', rawPath: ['d', 'a\n\udcff'], lengthBytes: 999, hidden: true },
        { path: 'R1beta/b', lengthBytes: 1 },
      ],
    });
  });
});

describe('cli create', () => {
  let folder = '';
  let hashed = 0;
  let api: Api;
  let given: unknown;
  let followed: object[] = [];
  let skipped: object[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
    hashed = 0;
    followed = [];
    skipped = [];
    ({ api } = fakeApi({
      createTorrent: (_path: string, options: unknown) => {
        hashed += 1;
        given = options;
        return Promise.resolve({
          bytes: Buffer.from('d4:infoe'),
          metainfo: fakeMetainfo(),
          followed,
          skipped,
        });
      },
    }));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('writes the torrent and prints its info hash; each tracker is a tier', async () => {
    const output = join(folder, 'x.torrent');
    const argv = ['create', folder, '-o', output, '--private', '--comment', 'hi'];
    argv.push('--tracker', 'http://a/announce', '--tracker', 'udp://b:1');
    const { exitCode, io } = await millrace(argv, { api });
    expect(exitCode).to.equal(0);
    expect(await readFile(output, 'latin1')).to.equal('d4:infoe');
    expect(io.out).to.include('ab'.repeat(20)).and.include(output);
    expect(given).to.include({ private: true, comment: 'hi' });
    expect(given).to.have.deep.property('trackers', [['http://a/announce'], ['udp://b:1']]);
  });

  it('reports what became of links and special files, also with --quiet', async () => {
    followed = [{ path: 'd/in', target: 'd/a' }];
    skipped = Array.from({ length: 12 }, (_, at) => ({ path: `d/${at}\u001b`, reason: 'a link' }));
    const argv = ['create', folder, '--links', 'skip', '-o'];
    const { io } = await millrace([...argv, join(folder, 'x'), '--quiet'], { api });
    expect(given).to.include({ links: 'skip' });
    expect(io.err.split('\n')).to.include.members([
      'millrace: followed 1 link',
      'millrace: left out d/9\\u001b: it is a link',
      'millrace: left out 2 more: --json names all',
    ]);
    const json = await millrace([...argv, join(folder, 'y'), '--json'], { api });
    expect(json.io.json()[0]).to.deep.include({ followed, skipped });
    expect(json.io.err).to.equal('');
    const wrong = await millrace(['create', folder, '--links', 'x', '-o', 'z'], { api });
    expect(wrong.exitCode).to.equal(2);
    expect(wrong.io.err).to.include('inside, skip, follow');
  });

  it('refuses to overwrite before it hashes; --force replaces', async () => {
    const output = join(folder, 'x.torrent');
    const path = join(folder, 'data');
    await writeFile(path, 'data');
    await writeFile(output, 'old');
    const refused = await millrace(['create', path, '-o', output], { api });
    expect([refused.exitCode, hashed]).to.deep.equal([1, 0]);
    expect(refused.io.err)
      .to.include('exists already')
      .and.include('--force')
      .and.include('--output');
    expect(await readFile(output, 'latin1')).to.equal('old');

    const forced = await millrace(['create', path, '-o', output, '--force', '--json'], { api });
    expect(forced.exitCode).to.equal(0);
    expect(forced.io.json()[0]).to.include({ type: 'created', output });
    expect(await readFile(output, 'latin1')).to.equal('d4:infoe');
    expect((await readdir(folder)).sort()).to.deep.equal(['data', 'x.torrent']);
  });

  it('refuses an output that is a folder, in no folder, or part of the torrent', async () => {
    await writeFile(join(folder, 'inside.torrent'), 'old');
    await mkdir(join(folder, 'sub'));
    for (const [output, says] of [
      [join(folder, 'sub'), 'is a folder'],
      [join(folder, 'none', 'x'), 'no such file or folder'],
      [join(folder, 'inside.torrent'), 'would be part of the torrent'],
    ] as const) {
      const { exitCode, io } = await millrace(['create', folder, '-o', output, '--force'], { api });
      expect([exitCode, hashed]).to.deep.equal([1, 0]);
      expect(io.err).to.include(says);
    }
  });
});

describe('cli verify', () => {
  const verify = async (result: object, ...more: string[]) => {
    const { api } = fakeApi({ verifyTorrent: () => Promise.resolve(result) });
    return millrace(['verify', 'x', '--data', __dirname, ...more], { api });
  };
  const bad = {
    whole: false,
    goodPieces: 6,
    badPieces: [0, 1, 2, 9],
    files: [
      { path: 'thing/a', lengthBytes: 900, missing: true, badPieces: 3 },
      { path: 'thing/b', lengthBytes: 50, missing: false, badPieces: 1 },
      { path: 'thing/c', lengthBytes: 50, missing: false, badPieces: 0 },
    ],
  };

  it('exits 0 when whole', async () => {
    const good = { whole: true, goodPieces: 10, badPieces: [], files: [] };
    const { exitCode, io } = await verify(good);
    expect([exitCode, io.out]).to.deep.equal([0, 'thing: whole, 10 pieces verified\n']);
    expect((await verify(good, '--quiet')).io.out).to.equal('');
  });

  it('exits 1 when not, and lists the bad pieces and files', async () => {
    const { exitCode, io } = await verify(bad, '--quiet');
    expect(exitCode).to.equal(1);
    expect(io.out.split('\n')).to.deep.equal([
      'thing: not whole',
      'missing or wrong: 4 of 10 pieces: 0-2, 9',
      '  thing/a: missing',
      '  thing/b: 1 bad piece',
      '',
    ]);
  });

  it('names a file of another length, also where no piece is bad', async () => {
    const long = { path: 'thing/b', lengthBytes: 50, actualLengthBytes: 51, missing: false };
    const { io } = await verify({ ...bad, badPieces: [], files: [{ ...long, badPieces: 0 }] });
    expect(io.out).to.equal('thing: not whole\n  thing/b: has 51 bytes, the torrent says 50\n');
  });

  it('explains --data when nothing of the torrent is there', async () => {
    const files = bad.files.map((file) => ({ ...file, missing: true }));
    const { io } = await verify({ ...bad, files });
    expect(io.out.split('\n').at(-2)).to.equal(
      `nothing of it is in ${__dirname}: --data must name the folder that holds the file "thing"`,
    );
  });

  it('reports in one line a path that is missing or no folder, and hashes nothing', async () => {
    const hashing = (): never => expect.fail('it was hashed');
    const { api } = fakeApi({ verifyTorrent: hashing, namesOnDisk: hashing });
    const none = join(__dirname, 'none');
    const rule = '--data must name the folder that holds the file "thing"';
    for (const command of ['verify', 'seed']) {
      for (const [data, says] of [
        [none, `millrace: ${none} is not there: ${rule}\n`],
        [join(__filename, 'x'), `millrace: ${join(__filename, 'x')} is not there: ${rule}\n`],
        [__filename, `millrace: ${__filename} is not a folder: ${rule}\n`],
      ] as const) {
        const { exitCode, io } = await millrace([command, 'x', '--data', data], { api });
        expect([exitCode, io.err, io.out]).to.deep.equal([1, says, '']);
      }
    }
  });

  it('prints one object with --json', async () => {
    const { exitCode, io } = await verify(bad, '--json');
    expect(exitCode).to.equal(1);
    expect(io.json()).to.deep.equal([
      { type: 'verify', infoHash: 'ab'.repeat(20), name: 'thing', pieceCount: 10, ...bad },
    ]);
  });
});

describe('cli hashing progress', () => {
  it('writes a line every five seconds, and redraws one on a terminal', () => {
    for (const [terminal, text] of [
      [false, 'hashing: 50.0 % of 100 B\n'],
      [true, '\r\u001b[Khashing: 40.0 % of 100 B\r\u001b[Khashing: 50.0 % of 100 B\r\u001b[K'],
    ] as const) {
      const io = new FakeIo(terminal);
      let nowMs = 0;
      const progress = hashProgress(io, 'hashing', {}, () => nowMs);
      for (const [ms, doneBytes] of [
        [50, 1],
        [4999, 40],
        [5100, 50],
      ] as const) {
        nowMs = ms;
        progress.update({ doneBytes, totalBytes: 100 });
      }
      progress.end();
      expect(io.err).to.equal(text);
    }
  });
});

describe('cli demo', () => {
  it('makes files that add up, with odd sizes and an empty one', () => {
    const files = demoFiles(1024 * 1024);
    expect(files.reduce((sum, file) => sum + file.lengthBytes, 0)).to.equal(1024 * 1024);
    expect(files.map((file) => file.lengthBytes)).to.include.members([0, 1, 33_119]);
  });
});
