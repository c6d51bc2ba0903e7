import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { KIB } from '../../lib/bytes/lengths';
import { createTorrent } from '../../lib/api/create-torrent';
import { verifyTorrent } from '../../lib/api/verify-torrent';
import type { VerifyReport } from '../../lib/api/verify-torrent';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import { TempTree, refusal } from './temp-tree';

const PIECE = 16 * KIB;

describe('api/verify-torrent', () => {
  let tree: TempTree;
  let metainfo: Metainfo;
  const fill = (): void => {
    // Pieces: 0 a, 1 a+b, 2 b, 3 b+c.
    tree.write('set/a', 20 * KIB);
    tree.write('set/b', 36 * KIB);
    tree.write('set/c', 4 * KIB);
    tree.write('set/empty', '');
  };
  before(async () => {
    tree = new TempTree();
    fill();
    const options = { threads: 1, pieceLengthBytes: PIECE };
    ({ metainfo } = await createTorrent(tree.path('set'), options));
  });
  beforeEach(() => {
    rmSync(tree.path('set'), { recursive: true });
    fill();
  });
  after(() => tree.remove());

  const verify = (): Promise<VerifyReport> =>
    verifyTorrent(metainfo, { data: tree.root, threads: 1 });
  const badOf = (report: VerifyReport): Record<string, number> =>
    Object.fromEntries(report.files.map(({ path, badPieces }) => [path, badPieces]));

  it('finds whole what is whole, and changes nothing', async () => {
    const before = readFileSync(tree.path('set/b'));
    const report = await verify();
    expect(report).to.deep.include({ whole: true, goodPieces: 4, badPieces: [] });
    expect(
      report.files.map(({ path, lengthBytes, missing }) => [path, lengthBytes, missing]),
    ).to.deep.equal([
      ['set/a', 20 * KIB, false],
      ['set/b', 36 * KIB, false],
      ['set/c', 4 * KIB, false],
      ['set/empty', 0, false],
    ]);
    expect(readFileSync(tree.path('set/b')).equals(before)).to.equal(true);
  });

  it('finds the one flipped bit, and every file that its piece touches', async () => {
    const bytes = readFileSync(tree.path('set/b'));
    bytes[35 * KIB] = (bytes[35 * KIB] ?? 0) ^ 1;
    writeFileSync(tree.path('set/b'), bytes);
    const report = await verify();
    expect(report).to.deep.include({ whole: false, goodPieces: 3, badPieces: [3] });
    expect(badOf(report)).to.deep.equal({ 'set/a': 0, 'set/b': 1, 'set/c': 1, 'set/empty': 0 });
  });

  it('names a missing file', async () => {
    rmSync(tree.path('set/a'));
    const report = await verify();
    expect(report.badPieces).to.deep.equal([0, 1]);
    expect(report.files[0]).to.deep.equal({
      path: 'set/a',
      lengthBytes: 20 * KIB,
      missing: true,
      badPieces: 2,
    });
  });

  it('misses an empty file, too', async () => {
    rmSync(tree.path('set/empty'));
    const report = await verify();
    expect(report).to.deep.include({ whole: false, badPieces: [] });
    expect(report.files[3]?.missing).to.equal(true);
  });

  it('does not call whole what is too long, although every piece is right', async () => {
    appendFileSync(tree.path('set/c'), 'more');
    const report = await verify();
    expect(report).to.deep.include({ whole: false, goodPieces: 4, badPieces: [] });
    expect(report.files[2]?.actualLengthBytes).to.equal(4 * KIB + 4);
  });

  it('reports the length of a file that was cut', async () => {
    truncateSync(tree.path('set/b'), 10);
    const report = await verify();
    expect(report.badPieces).to.deep.equal([1, 2, 3]);
    expect(report.files[1]).to.deep.include({ actualLengthBytes: 10, missing: false });
  });

  it('reports a folder in the place of a file as a missing file', async () => {
    rmSync(tree.path('set/empty'));
    tree.write('set/empty/inside', 'x');
    const report = await verify();
    expect(report.whole).to.equal(false);
    expect(report.files[3]?.missing).to.equal(true);
  });

  it('reports its progress', async () => {
    const seen: number[] = [];
    await verifyTorrent(metainfo, {
      data: tree.root,
      threads: 1,
      onProgress: ({ doneBytes }) => seen.push(doneBytes),
    });
    expect(seen.at(-1)).to.equal(60 * KIB);
  });

  it('reads the torrent from the given source, and ends with its signal', async () => {
    const missing = verifyTorrent(tree.path('no.torrent'), { data: tree.root });
    expect((await refusal(missing)).code).to.equal('torrent-unreadable');
    const reason = new Error('enough');
    try {
      await verifyTorrent(metainfo, { data: tree.root, signal: AbortSignal.abort(reason) });
      expect.fail('it went on');
    } catch (error) {
      expect(error).to.equal(reason);
    }
  });
});
