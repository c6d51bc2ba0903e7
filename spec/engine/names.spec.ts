// Files whose names other clients would change: what lies in a folder is found under the names that it
// has there, by a seed, by a check and by the next run; new files get libtorrent's.

import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { createTorrent, verifyTorrent } from '../../lib/index';
import { SPEC_TIMEOUT_MS, Swarm, within } from '../support/swarm';

const NAMES = ['a\\b.txt', 'aux', 'CON', 'con', 'what? "x".txt', 'line\nbreak', ' blank '];

describe('engine and names', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  /** A folder `set` with files of odd names, and its torrent. */
  async function made(): Promise<{ folder: string; torrent: Uint8Array }> {
    const folder = await swarm.folder();
    await mkdir(join(folder, 'set'));
    for (const [at, name] of NAMES.entries())
      await writeFile(join(folder, 'set', name), Buffer.alloc(40_000, at + 1));
    const { bytes, metainfo } = await createTorrent(join(folder, 'set'), { threads: 1 });
    expect(metainfo.files.map(({ path }) => path[1]).sort()).to.deep.equal([...NAMES].sort());
    return { folder, torrent: bytes };
  }

  it('a folder that a torrent was made of verifies and seeds under its own names', async () => {
    const { folder, torrent } = await made();
    const report = await verifyTorrent(torrent, { data: folder, threads: 1 });
    expect(report.whole).to.equal(true);
    expect(report.files.map(({ path }) => path)).to.include('set/a\\b.txt');
    const engine = await swarm.engine();
    const seed = await engine.add(torrent, { output: folder, download: false });
    await within(seed.completed, 'the check');
    expect(seed.stats().piecesFailed).to.equal(0);
    expect(seed.metainfo?.names).to.equal('raw');
    expect(seed.files?.map(({ path }) => path)).to.include('set/a\\b.txt');

    const output = await swarm.folder();
    const leecher = await swarm.engine();
    const peers = [`127.0.0.1:${engine.port}`];
    const download = await leecher.add(torrent, { output, peers, seed: false });
    await within(download.completed, 'the download');
    expect(download.files?.map(({ path }) => path)).to.deep.equal([
      'set/ blank ',
      'set/CON',
      'set/ab.txt',
      'set/aux',
      'set/con.1',
      'set/line_break',
      'set/what? "x".txt',
    ]);
    expect((await verifyTorrent(torrent, { data: output, threads: 1 })).whole).to.equal(true);
  });

  it('keeps the names of its record when it starts again', async () => {
    const { folder, torrent } = await made();
    const engine = await swarm.engine();
    const first = await engine.add(torrent, { output: folder });
    await within(first.completed, 'the check');
    await first.remove();
    // By counting it would be a draw now, which is libtorrent's.
    await rename(join(folder, 'set', 'line\nbreak'), join(folder, 'set', 'line_break'));
    for (const [at, name] of ['ab.txt', 'con.1'].entries())
      await writeFile(join(folder, 'set', name), Buffer.alloc(40_000, at + 1));
    const second = await engine.add(torrent, { output: folder });
    expect(second.metainfo?.names).to.equal('raw');
    expect(await readdir(join(folder, 'set'))).to.include('con.1');
  });
});
