import { createHash } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { KIB } from '../../lib/bytes/lengths';
import { createTorrent } from '../../lib/api/create-torrent';
import { readTorrent } from '../../lib/api/sources';
import { verifyTorrent } from '../../lib/api/verify-torrent';
import { TempTree, refusal } from './temp-tree';

const PIECE = 16 * KIB;
const FIXED = { threads: 1, pieceLengthBytes: PIECE, creationDateSec: null } as const;

describe('api/create-torrent', () => {
  let tree: TempTree;
  beforeEach(() => (tree = new TempTree()));
  afterEach(() => tree.remove());

  it('makes a single-file torrent whose hashes are those of the bytes', async () => {
    const file = tree.write('one.bin', 40_000);
    const { bytes, metainfo } = await createTorrent(file, {
      ...FIXED,
      trackers: [['http://a.example/announce'], ['http://b.example/announce']],
      comment: 'a comment',
      private: true,
      creationDateSec: 1_700_000_000,
    });
    expect(metainfo).to.deep.include({
      name: 'one.bin',
      multiFile: false,
      totalLengthBytes: 40_000,
      pieceCount: 3,
      private: true,
      comment: 'a comment',
      creationDateSec: 1_700_000_000,
      trackers: [['http://a.example/announce'], ['http://b.example/announce']],
    });
    const content = readFileSync(file);
    const hashes = [0, 1, 2].map((piece) =>
      createHash('sha1')
        .update(content.subarray(piece * PIECE, (piece + 1) * PIECE))
        .digest(),
    );
    expect(Buffer.from(metainfo.pieceHashes).equals(Buffer.concat(hashes))).to.equal(true);
    expect(await readTorrent(bytes)).to.deep.equal(metainfo);
  });

  it('takes the files of a folder in the order of their names, empty ones and all', async () => {
    tree.write('set/b.bin', 20_000);
    tree.write('set/a/deep/er.txt', 'hello');
    tree.write('set/a.txt', '');
    tree.write('set/.millrace/x.resume', 'our own record');
    mkdirSync(tree.path('set/nothing'));
    const { metainfo } = await createTorrent(tree.path('set'), FIXED);
    expect(metainfo.multiFile).to.equal(true);
    expect(metainfo.files).to.deep.equal([
      { path: ['set', 'a', 'deep', 'er.txt'], lengthBytes: 5, offsetBytes: 0 },
      { path: ['set', 'a.txt'], lengthBytes: 0, offsetBytes: 5 },
      { path: ['set', 'b.bin'], lengthBytes: 20_000, offsetBytes: 5 },
    ]);
  });

  it('makes a torrent of an empty file', async () => {
    const { metainfo } = await createTorrent(tree.write('empty', ''), { threads: 1 });
    expect(metainfo).to.include({ totalLengthBytes: 0, pieceCount: 0 });
  });

  it('gives the same bytes again when no date is recorded', async () => {
    tree.write('set/a', 1000);
    tree.write('set/b', 50_000);
    const [one, two] = [
      await createTorrent(tree.path('set'), FIXED),
      await createTorrent(tree.path('set'), { ...FIXED, threads: 2 }),
    ];
    expect(Buffer.from(one.bytes).equals(two.bytes)).to.equal(true);
    expect(one.metainfo.creationDateSec).to.equal(undefined);
  });

  it('records the present by default', async () => {
    const before = Math.floor(Date.now() / 1000);
    const { metainfo } = await createTorrent(tree.write('f', 10), { threads: 1 });
    expect(metainfo.creationDateSec).to.be.within(before, before + 60);
  });

  it('reports its progress', async () => {
    const seen: number[] = [];
    await createTorrent(tree.write('f', 9 * 1024 * KIB), {
      ...FIXED,
      onProgress: ({ doneBytes, totalBytes }) => {
        expect(totalBytes).to.equal(9 * 1024 * KIB);
        seen.push(doneBytes);
      },
    });
    expect(seen.length).to.be.above(1);
    expect([...seen].sort((a, b) => a - b)).to.deep.equal(seen);
    expect(seen.at(-1)).to.equal(9 * 1024 * KIB);
  });

  it('refuses what is not there, and a folder without files', async () => {
    const missing = await refusal(createTorrent(tree.path('missing'), FIXED));
    expect(missing.code).to.equal('source-unreadable');
    mkdirSync(tree.path('hollow/inner'), { recursive: true });
    const hollow = await refusal(createTorrent(tree.path('hollow'), FIXED));
    expect(hollow.code).to.equal('source-unreadable');
    expect(hollow.message).to.include('it holds no file');
  });

  for (const pieceLengthBytes of [0, 8 * KIB, 20_000, 2 ** 29, 1.5, -PIECE, NaN]) {
    it(`refuses a piece length of ${pieceLengthBytes}`, async () => {
      const file = tree.write('f', 10);
      const error = await refusal(createTorrent(file, { pieceLengthBytes }));
      expect(error.code).to.equal('bad-option');
      expect(error.message).to.include('a power of two from 16384');
    });
  }

  it('refuses a number of threads that makes no sense', async () => {
    const file = tree.write('f', 10);
    for (const threads of [0, 65, 1.5]) {
      const error = await refusal(createTorrent(file, { threads }));
      expect(error.code).to.equal('bad-option');
      expect(error.message).to.equal(
        `option threads must be a whole number from 1 to 64, not ${threads}`,
      );
    }
  });

  it('refuses a tracker that is no URL, and names the broken rule', async () => {
    const error = await refusal(
      createTorrent(tree.write('f', 10), { ...FIXED, trackers: [['tracker.example']] }),
    );
    expect(error.code).to.equal('bad-metainfo');
    expect(error.message).to.include('tracker URL');
  });

  const CHANGES: Readonly<Record<string, (file: string) => void>> = {
    grows: (file) => appendFileSync(file, 'x'),
    'is overwritten': (file) => writeFileSync(file, Buffer.alloc(100)),
    'is replaced by an equal one': (file) => {
      copyFileSync(file, `${file}.new`);
      renameSync(`${file}.new`, file);
    },
    'is removed': (file) => rmSync(file),
    'becomes a folder': (file) => {
      rmSync(file);
      mkdirSync(file);
    },
  };
  for (const [how, change] of Object.entries(CHANGES)) {
    it(`refuses a file that ${how} after it was read, and names it`, async () => {
      tree.write('set/a', 100);
      tree.write('set/b', 9 * 1024 * KIB);
      const file = tree.path('set/a');
      let changed = false;
      // It is in the first piece: progress is reported when that has been read.
      const onProgress = (): void => {
        if (!changed) change(file);
        changed = true;
      };
      const error = await refusal(createTorrent(tree.path('set'), { ...FIXED, onProgress }));
      expect(error.code).to.equal('source-unreadable');
      expect(error.message).to.include(file).and.to.include('while it was hashed');
    });
  }

  it('ends with the reason of its signal, before it began and in the middle', async () => {
    const file = tree.write('f', 24 * 1024 * KIB);
    const reason = new Error('changed my mind');
    const raised = async (signal: AbortSignal, onProgress?: () => void): Promise<unknown> => {
      try {
        await createTorrent(file, { ...FIXED, signal, onProgress });
      } catch (error) {
        return error;
      }
      return 'nothing';
    };
    expect(await raised(AbortSignal.abort(reason))).to.equal(reason);
    const abort = new AbortController();
    expect(await raised(abort.signal, () => abort.abort(reason))).to.equal(reason);
  });

  it('is read back and found whole, whatever the tree', async () => {
    const name = fc.stringMatching(/^[a-z0-9]{1,4}$/);
    const file = fc.record({
      folders: fc.array(name, { maxLength: 2 }),
      name,
      bytes: fc.uint8Array({ maxLength: 40_000, size: 'max' }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(file, {
          minLength: 1,
          maxLength: 8,
          // A file and a folder cannot have one path: folders get a mark of their own.
          selector: (one) => [...one.folders, one.name].join('/'),
        }),
        fc.constantFrom(PIECE, 2 * PIECE),
        async (files, pieceLengthBytes) => {
          const own = new TempTree();
          try {
            for (const one of files)
              own.write(
                ['set', ...one.folders.map((folder) => `${folder}.d`), one.name].join('/'),
                one.bytes,
              );
            const made = await createTorrent(own.path('set'), { threads: 1, pieceLengthBytes });
            const total = files.reduce((sum, one) => sum + one.bytes.length, 0);
            expect(made.metainfo.totalLengthBytes).to.equal(total);
            expect(await readTorrent(made.bytes)).to.deep.equal(made.metainfo);
            const report = await verifyTorrent(made.bytes, { data: own.root, threads: 1 });
            expect(report).to.include({ whole: true, goodPieces: made.metainfo.pieceCount });
          } finally {
            own.remove();
          }
        },
      ),
      { numRuns: 3 }, // two pools of workers each: nearly a second a run
    );
  });
});
