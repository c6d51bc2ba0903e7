// What a hostile .torrent may cost: memory, each in a process of its own, and work for equal names.
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { MAX_FILES } from '../../lib/metainfo/limits';
import { storedPaths } from '../../lib/metainfo/names';
import { PathTree } from '../../lib/metainfo/paths';

const REGISTER = path.join(__dirname, '..', 'register.cjs');
const SOURCES = path.join(__dirname, '..', '..', 'lib', 'api', 'sources.ts');

/** Promised are some 200 MiB for these; what the collector has not got to yet comes on top. */
const MOST_MIB = 260;

/** Prints what reading a .torrent added to the memory of the process, and what came of it. */
const READER = `
  const { readTorrent } = require(process.argv[1]);
  const peak = () => process.resourceUsage().maxRSS / 1024;
  const before = peak();
  readTorrent(process.argv[2]).then(
    ({ files }) => 'files: ' + files.length,
    ({ message }) => message,
  ).then((outcome) => console.log(JSON.stringify({ outcome, mib: peak() - before })));`;

const text = (value: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${Buffer.byteLength(value)}:`), Buffer.from(value)]);

/** The same part many times, or one for each number. */
function many(count: number, part: (at: number) => string | Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, at) => Buffer.from(part(at))));
}

/** A .torrent of one piece; `files` are its entries, `more` what follows in its info dictionary. */
function torrent(
  files: Buffer,
  more: Buffer = Buffer.alloc(0),
  trackers: Buffer = Buffer.alloc(0),
): Buffer {
  return Buffer.concat([
    Buffer.from('d13:announce-listl'),
    trackers,
    Buffer.from('e4:infod5:filesl'),
    files,
    Buffer.from(`e4:name1:t12:piece lengthi1048576e6:pieces20:${'h'.repeat(20)}`),
    more,
    Buffer.from('ee'),
  ]);
}

/** A file of one byte or none; the first has one, so that there is a piece. */
function entry(at: number, ...names: (string | Buffer)[]): Buffer {
  return Buffer.concat([
    Buffer.from(`d6:lengthi${at === 0 ? 1 : 0}e4:pathl`),
    ...names.map(text),
    Buffer.from('ee'),
  ]);
}

const ONE_FILE = entry(0, 'a');

const SHAPES: [string, () => Buffer, string][] = [
  [
    'as many files as there may be',
    () => torrent(many(MAX_FILES, (at) => entry(at, `d${at % 1_000}`, `file ${at}.dat`))),
    `files: ${MAX_FILES}`,
  ],
  [
    'more files than there may be',
    () => torrent(many(300_000, (at) => entry(at, `d${at % 1_000}`, `file ${at}.dat`))),
    `more than ${MAX_FILES} files`,
  ],
  [
    'equal names',
    () => torrent(many(MAX_FILES, (at) => entry(at, 'x.ext'))),
    `files: ${MAX_FILES}`,
  ],
  [
    'folders of their own, with names to repair',
    () => torrent(many(MAX_FILES, (at) => entry(at, `a/${at}`, '..', `c:${at} `))),
    `files: ${MAX_FILES}`,
  ],
  [
    'names that are no UTF-8',
    () => {
      const odd = Buffer.alloc(100, 0xe9);
      return torrent(many(200_000, (at) => entry(at, Buffer.concat([odd, Buffer.from(`${at}`)]))));
    },
    'the paths of its files are longer than',
  ],
  [
    'trackers',
    () =>
      torrent(
        ONE_FILE,
        undefined,
        many(900_000, (at) => `l${text(`http://h${at}/a`).toString()}e`),
      ),
    'files: 1',
  ],
  [
    'items under an unknown key',
    () => torrent(ONE_FILE, Buffer.from(`1:xl${'i0e'.repeat(5_000_000)}e`)),
    'files: 1',
  ],
  [
    'nested lists under an unknown key',
    () =>
      torrent(ONE_FILE, Buffer.from(`1:xl${`${'l'.repeat(50)}${'e'.repeat(50)}`.repeat(50_000)}e`)),
    'files: 1',
  ],
];

describe('a hostile .torrent', function () {
  this.timeout(120_000);
  let folder = '';
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'millrace-hostile-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [what, make, outcome] of SHAPES) {
    it(`takes bounded memory: ${what}`, async () => {
      const file = path.join(folder, 'hostile.torrent');
      writeFileSync(file, make());
      const args = ['-r', REGISTER, '-e', READER, SOURCES, file];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      const found = JSON.parse(stdout) as { outcome: string; mib: number };
      expect(found.outcome).to.include(outcome);
      expect(found.mib).to.be.below(MOST_MIB);
    });
  }

  it('with equal names costs work by their number', () => {
    const paths = Array<string[]>(5_000).fill(['x.ext']);
    let looks = 0;
    const original = Reflect.get(PathTree.prototype, 'add') as PathTree['add'];
    PathTree.prototype.add = function (path) {
      looks++;
      return original.call(this, path);
    };
    try {
      const options = { platform: 'linux', fallback: 'f' };
      const found = storedPaths({ name: 't', paths }, 'libtorrent', options);
      expect(found?.at(-1)).to.deep.equal(['t', 'x.4999.ext']);
    } finally {
      PathTree.prototype.add = original;
    }
    expect(looks).to.be.below(3 * paths.length);
  });
});
