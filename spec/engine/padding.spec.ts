// Torrents with padding (BEP 47) through the whole engine: no byte of it is stored, shown or counted.
import { readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { verifyTorrent } from '../../lib/index';
import { KIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, expectCode, untilStats, within } from '../support/swarm';

/** Pieces of 64 KiB. Each file but the empty one ends with padding; one begins a piece of its own. */
const FILES = { 'a.bin': 100 * KIB + 1, 'd/b.bin': 5, empty: 0, 'd/c.bin': 300 * KIB };
const CONTENT_BYTES = 400 * KIB + 6;

describe('engine padding', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  const shape = { name: 'padded', files: FILES, pieceLengthBytes: 64 * KIB };
  const payload = new Payload({ ...shape, padding: 0 });
  afterEach(() => swarm.close());

  const filesIn = async (folder: string): Promise<string[]> =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name)
      .sort();

  it('downloads from a peer that sends it, seeds it on, and goes on from its record', async () => {
    const source = await swarm.seed(payload);
    const output = await swarm.folder();
    const lines: string[] = [];
    const onLines = (more: readonly string[]): void => void lines.push(...more);
    const first = await swarm.engine({ trace: { onLines } });
    const torrent = await first.add(payload.torrent, {
      output,
      peers: [source.address],
      seed: true,
    });
    expect(torrent.totalBytes).to.equal(CONTENT_BYTES);
    expect(torrent.files?.map(({ path }) => path)).to.deep.equal(
      Object.keys(FILES).map((path) => `padded/${path}`),
    );
    await within(torrent.completed, 'the download');
    expect(torrent.stats()).to.include({ doneBytes: CONTENT_BYTES, totalBytes: CONTENT_BYTES });
    await payload.expectIn(output);
    expect(await filesIn(join(output, 'padded'))).to.deep.equal([
      'a.bin',
      'b.bin',
      'c.bin',
      'empty',
    ]);

    const copy = await swarm.folder();
    const second = await swarm.engine();
    const peers = [`127.0.0.1:${first.port}`];
    const leech = await second.add(payload.torrent, { output: copy, peers, seed: false });
    await within(leech.completed, 'the copy of what was seeded');
    await payload.expectIn(copy);

    await torrent.remove();
    const again = await first.add(payload.torrent, { output, seed: false });
    await within(again.completed, 'the second run');
    expect(again.stats()).to.include({ piecesToCheck: 0, doneBytes: CONTENT_BYTES });
    await first.close();
    // The blocks of the files (7, 1 and 19): all others hold nothing but padding.
    expect(lines.filter((line) => / → request /.test(line))).to.have.length(27);
  });

  it('is found whole on disk, and counts what is lost without its padding', async () => {
    const data = await swarm.folder();
    await payload.write(data);
    const seen: number[] = [];
    const report = await verifyTorrent(payload.torrent, {
      data,
      threads: 1,
      onProgress: ({ doneBytes, totalBytes }) => seen.push(doneBytes, totalBytes),
    });
    expect(report).to.include({ whole: true, goodPieces: payload.metainfo.pieceCount });
    expect(report.files.map(({ path }) => path)).to.not.include('padded/.pad');
    expect(seen.slice(-2)).to.deep.equal([CONTENT_BYTES, CONTENT_BYTES]);

    await rm(join(data, 'padded/d/b.bin'));
    await truncate(join(data, 'padded/a.bin'), 64 * KIB);
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output: data });
    const stats = await untilStats(torrent, 'the check', ({ phase }) => phase === 'downloading');
    expect(stats.doneBytes).to.equal(64 * KIB + 300 * KIB);
  });

  it('stops at padding that is not made of zeros: such a torrent can never be whole', async () => {
    const wrong = new Payload({ ...shape, padding: 1 });
    const source = await swarm.seed(wrong);
    const output = await swarm.folder();
    const engine = await swarm.engine();
    const torrent = await engine.add(wrong.torrent, { output, peers: [source.address] });
    const error = await expectCode(within(torrent.completed, 'its end'), 'bad-padding');
    expect(error.message).to.match(/^the padding in piece \d+ is not made of zeros/);
  });
});
