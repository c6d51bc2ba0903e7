// The data and record of an earlier run: used after a kill at any moment, never trusted blindly,
// never damaged, and never shared with another engine.

import { mkdir, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Child } from '../support/leaks/child';
import type { DownloadInput, DownloadLine } from '../support/leaks/download';
import { KIB, MIB, Payload } from '../support/payload';
import { untilRecorded } from '../support/record';
import { SPEC_TIMEOUT_MS, Swarm, expectCode, untilStats, within } from '../support/swarm';

describe('engine resume', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('survives kill -9 again and again: ends identical, and fetches little twice', async function () {
    this.timeout(180_000);
    const payload = new Payload({
      name: 'killed',
      files: { 'one.bin': 3 * MIB + 5, 'deep/two.bin': 3 * MIB, 'three.bin': 77 },
      pieceLengthBytes: 128 * KIB,
    });
    const rate = 2 * MIB;
    const seed = await swarm.seed(payload, { bytesPerSec: rate });
    const output = await swarm.folder();
    const torrent = join(await swarm.folder(), 'a.torrent');
    await writeFile(torrent, payload.torrent);
    const input: DownloadInput = { torrent, output, peers: [seed.address] };
    const kills = 5;
    let lostBytes = 0;
    for (let run = 0; run < kills; run++) {
      const child = new Child('download.ts', input);
      swarm.onClose(async () => void child.process.kill('SIGKILL'));
      const line = await child.line<DownloadLine>(
        'progress to kill it in',
        (shown) => shown.type === 'complete' || shown.downloadedBytes > 600 * KIB,
      );
      if (line.type === 'complete') break;
      child.process.kill('SIGKILL');
      expect((await within(child.ended, 'the kill')).signal).to.equal('SIGKILL');
      // Written pieces survive a kill (the system did not crash), so only what was on its way is
      // lost: partial pieces, and what the sockets hold.
      lostBytes += MIB;
    }
    const last = new Child('download.ts', input);
    const { code } = await within(last.ended, 'the last run', 120_000);
    expect([code, last.errors]).to.deep.equal([0, '']);
    expect((last.lines as DownloadLine[]).map(({ type }) => type)).to.include('complete');
    await payload.expectIn(output);
    expect(seed.bytesSent).to.be.at.most(payload.lengthBytes + lostBytes);
    const state = await readdir(join(output, '.millrace'));
    expect(state.filter((name) => !name.endsWith('.resume'))).to.deep.equal([]);
  });

  it('keeps a second process off, and takes over from one that was killed', async function () {
    this.timeout(120_000);
    const payload = new Payload({ lengthBytes: MIB });
    const seed = await swarm.seed(payload, { gateAfterBlocks: 4 });
    const output = await swarm.folder();
    const torrent = join(await swarm.folder(), 'a.torrent');
    await writeFile(torrent, payload.torrent);
    const child = new Child('download.ts', { torrent, output, peers: [seed.address] });
    swarm.onClose(async () => void child.process.kill('SIGKILL'));
    await child.line<DownloadLine>('the lock', (line) => line.downloadedBytes > 0);
    const engine = await swarm.engine();
    const refused = await expectCode(engine.add(payload.torrent, { output }), 'output-locked');
    expect(refused.message).to.include(String(child.process.pid));
    child.process.kill('SIGKILL');
    await within(child.ended, 'the kill');
    seed.open();
    const taken = await engine.add(payload.torrent, { output, peers: [seed.address] });
    await within(taken.completed, 'the download');
    await payload.expectIn(output);

    const other = await swarm.engine();
    await expectCode(other.add(payload.torrent, { output }), 'output-locked');
    await taken.remove();
    const again = await other.add(payload.torrent, { output });
    await within(again.completed, 'the takeover');
  });

  it('goes on after an orderly close without fetching or checking anything twice', async () => {
    const payload = new Payload({ lengthBytes: 4 * MIB, pieceLengthBytes: 64 * KIB });
    // The gate stands past half of the blocks, so that neither engine can end before it was
    // watched.
    const seed = await swarm.seed(payload, { gateAfterBlocks: 160 });
    const output = await swarm.folder();
    const first = await swarm.engine();
    const torrent = await first.add(payload.torrent, { output, peers: [seed.address] });
    const { doneBytes } = await untilStats(
      torrent,
      'half of it',
      (stats) => stats.doneBytes > 2 * MIB,
    );
    await first.close();
    const second = await swarm.engine();
    const resumed = await second.add(payload.torrent, { output, peers: [seed.address] });
    const start = await untilStats(resumed, 'the start', ({ phase }) => phase === 'downloading');
    expect(start.doneBytes).to.be.at.least(doneBytes);
    expect(start.piecesToCheck).to.equal(0);
    seed.open();
    await within(resumed.completed, 'the download');
    await payload.expectIn(output);
    expect(resumed.stats().downloadedBytes).to.be.at.most(payload.lengthBytes - doneBytes);
  });

  for (const how of ['an orderly close', 'a kill']) {
    it(`reads a file again that was overwritten after ${how}, its size the same`, async function () {
      this.timeout(120_000);
      const payload = new Payload({ lengthBytes: 2 * MIB, pieceLengthBytes: 64 * KIB });
      const seed = await swarm.seed(payload, { gateAfterBlocks: 80 });
      const output = await swarm.folder();
      const torrent = join(await swarm.folder(), 'a.torrent');
      await writeFile(torrent, payload.torrent);
      if (how === 'a kill') {
        const child = new Child('download.ts', { torrent, output, peers: [seed.address] });
        swarm.onClose(async () => void child.process.kill('SIGKILL'));
        await child.line<DownloadLine>('half of it', ({ doneBytes }) => doneBytes > MIB / 2);
        // Long enough that a sync has come, and with it a record that names pieces.
        await untilRecorded(output, payload, 1);
        child.process.kill('SIGKILL');
        await within(child.ended, 'the kill');
      } else {
        const first = await swarm.engine();
        const started = await first.add(payload.torrent, { output, peers: [seed.address] });
        await untilStats(started, 'half of it', ({ doneBytes }) => doneBytes > MIB / 2);
        await first.close();
      }
      const file = join(output, 'payload.bin');
      const { size } = await stat(file);
      await writeFile(file, Buffer.alloc(size, 1));
      seed.open();
      const second = await swarm.engine();
      const resumed = await second.add(payload.torrent, { output, peers: [seed.address] });
      await within(resumed.completed, 'the download');
      await payload.expectIn(output);
    });
  }

  it('checks existing files without a record and fetches only what is wrong', async () => {
    const payload = new Payload({
      name: 'found',
      files: { a: MIB, b: MIB, c: MIB },
      pieceLengthBytes: 64 * KIB,
    });
    const output = await swarm.folder();
    await payload.write(output);
    await truncate(join(output, 'found', 'a'), MIB / 2);
    await rm(join(output, 'found', 'b'));
    const c = await readFile(join(output, 'found', 'c'));
    c[5] = (c[5] ?? 0) ^ 1;
    await writeFile(join(output, 'found', 'c'), c);
    const seed = await swarm.seed(payload);
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output, peers: [seed.address] });
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    expect(torrent.stats().downloadedBytes).to.equal(MIB / 2 + MIB + 64 * KIB);
  });

  it('leaves a longer file alone unless forced', async () => {
    const payload = new Payload({ lengthBytes: MIB });
    const output = await swarm.folder();
    const file = join(output, 'payload.bin');
    await writeFile(file, Buffer.concat([payload.bytes, Buffer.from('precious')]));
    const engine = await swarm.engine();
    const error = await expectCode(engine.add(payload.torrent, { output }), 'file-too-large');
    expect(error.message).to.include(file);
    expect((await readFile(file)).length).to.equal(MIB + 8);
    const torrent = await engine.add(payload.torrent, { output, force: true });
    await within(torrent.completed, 'the check');
    await payload.expectIn(output);
  });

  it('hashes everything again on request, whatever the record holds', async () => {
    const payload = new Payload({ lengthBytes: 2 * MIB });
    const output = await swarm.folder();
    await payload.write(output);
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output });
    await within(torrent.completed, 'the check');
    await torrent.close();
    const again = await engine.add(payload.torrent, { output, recheck: true });
    await within(again.completed, 'the second check');
    expect(again.stats().piecesChecked).to.equal(payload.metainfo.pieceCount);
  });
});

describe('engine and bad input', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('reports in one sentence why an output cannot be used, and goes on with others', async () => {
    const payload = new Payload({ name: 'folder', files: { 'a/b': MIB }, pieceLengthBytes: MIB });
    const folder = await swarm.folder();
    const engine = await swarm.engine();
    const file = join(folder, 'file');
    await writeFile(file, 'in the way');
    const add = (output: string): Promise<unknown> => engine.add(payload.torrent, { output });
    await expectCode(add(join(file, 'below')), 'output-not-writable');
    await expectCode(add('/proc/millrace'), 'output-not-writable');
    const blocked = join(folder, 'blocked');
    await mkdir(join(blocked, 'folder', 'a', 'b'), { recursive: true });
    const where = await expectCode(add(blocked), 'output-conflict');
    expect(where.message).to.include(join(blocked, 'folder', 'a', 'b'));
    const inTheWay = join(folder, 'in-the-way');
    await mkdir(inTheWay);
    await writeFile(join(inTheWay, 'folder'), '');
    await expectCode(add(inTheWay), 'output-conflict');
    expect(engine.torrents).to.deep.equal([]);

    const seed = await swarm.seed(payload);
    const output = join(folder, 'new', 'deep');
    const torrent = await engine.add(payload.torrent, { output, peers: [seed.address] });
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
  });

  it('refuses pieces longer than allowed, peers without a port, ports in use, odd options', async () => {
    const payload = new Payload({ lengthBytes: MIB });
    const engine = await swarm.engine();
    const output = await swarm.folder();
    const long = Buffer.from(
      Buffer.from(payload.torrent)
        .toString('latin1')
        .replace('12:piece lengthi262144e', '12:piece lengthi536870912e'),
      'latin1',
    );
    const error = await expectCode(engine.add(long, { output }), 'bad-metainfo');
    expect(error.message).to.match(/536870912.*268435456/);
    for (const peer of ['127.0.0.1', ':80', '127.0.0.1:0', '127.0.0.1:65536', '::1:80', 'a b:1']) {
      await expectCode(engine.add(payload.torrent, { output, peers: [peer] }), 'bad-peer-address');
    }
    const torrent = await engine.add(payload.torrent, { output, peers: ['[::1]:9'] });
    await expectCode(torrent.addPeer({ host: '::1', port: -1 }), 'bad-peer-address');
    const inUse = await expectCode(swarm.engine({ port: engine.port }), 'listen-failed');
    expect(inUse.message).to.include(String(engine.port));
    await expectCode(swarm.engine({ peerThreads: 0 }), 'bad-option');
    await expectCode(swarm.engine({ memoryBytes: 1000 }), 'bad-option');
    const storage = { module: join(output, 'no-such-module') };
    const homeless = await engine.add(new Payload({ seed: 9 }).torrent, { output, storage });
    await expectCode(homeless.completed, 'bad-storage');
  });
});
