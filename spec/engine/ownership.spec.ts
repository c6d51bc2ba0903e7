// Ownership of existing files: two torrents never write to the same file, in one engine or in two
// processes, and a foreign file is not overwritten without permission; nothing is changed before
// that is decided.

import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { verifyTorrent } from '../../lib/index';
import type { AddOptions, Coordinator } from '../../lib/index';
import { Child } from '../support/leaks/child';
import type { DownloadInput, DownloadLine } from '../support/leaks/download';
import { KIB, MIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, expectCode, within } from '../support/swarm';

describe('engine: two torrents, one file', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  /** What came of a download: `completed`, or the code of its failure. */
  async function fate(
    engine: Coordinator,
    payload: Payload,
    options: AddOptions,
  ): Promise<{ code: string; message: string }> {
    try {
      const seed = await swarm.seed(payload);
      const torrent = await engine.add(payload.torrent, { peers: [seed.address], ...options });
      await within(torrent.completed, 'a completion or a failure');
      return { code: 'completed', message: '' };
    } catch (error) {
      return error as { code: string; message: string };
    }
  }

  for (const [name, lengths, atOnce, refusal] of [
    ['at once, of one length', [2 * MIB, 2 * MIB], true, 'output-conflict'],
    ['one after the other, of one length', [2 * MIB, 2 * MIB], false, 'output-conflict'],
    ['at once, of different lengths', [2 * MIB, 3 * MIB], true, 'output-conflict'],
    ['one after the other, the second longer', [2 * MIB, 3 * MIB], false, 'output-conflict'],
    ['one after the other, the second shorter', [3 * MIB, 2 * MIB], false, 'file-too-large'],
  ] as const) {
    it(`gives the file to the first: ${name}`, async () => {
      const [first, second] = lengths.map(
        (lengthBytes, at) => new Payload({ name: 'file.bin', lengthBytes, seed: 10 + at }),
      ) as [Payload, Payload];
      const output = await swarm.folder();
      const engine = await swarm.engine();
      const one = fate(engine, first, { output });
      if (!atOnce) await one;
      const other = await fate(engine, second, { output });
      expect([(await one).code, other.code].sort()).to.deep.equal(['completed', refusal]);
      const whole = (await one).code === 'completed' ? first : second;
      await whole.expectIn(output);
      if (refusal === 'output-conflict') {
        const { message } = (await one).code === 'completed' ? other : await one;
        for (const { metainfo } of [first, second])
          expect(message).to.include(Buffer.from(metainfo.infoHash).toString('hex'));
        expect(message).to.include(join(output, 'file.bin'));
      }
      await engine.close();
      const next = await swarm.engine();
      const trusted = await next.add(whole.torrent, { output, download: false });
      await within(trusted.completed, 'the record to be trusted');
      expect(trusted.stats().piecesChecked).to.equal(0);
      const lost = await next.add((whole === first ? second : first).torrent, {
        output,
        download: false,
      });
      await expectCode(lost.completed, 'not-whole');
      expect((await verifyTorrent(whole.torrent, { data: output })).whole).to.equal(true);
    });
  }

  it('keeps a download off a file that is served, and lets two serve it', async () => {
    const payload = new Payload({ name: 'file.bin', lengthBytes: MIB, seed: 3 });
    const twin = new Payload({
      name: 'file.bin',
      lengthBytes: MIB,
      seed: 3,
      pieceLengthBytes: 64 * KIB,
    });
    const output = await swarm.folder();
    await payload.write(output);
    const engine = await swarm.engine();
    for (const { torrent } of [payload, twin]) {
      const seed = await engine.add(torrent, { output, download: false });
      await within(seed.completed, 'the check');
    }
    const other = new Payload({ name: 'file.bin', lengthBytes: MIB, seed: 4 });
    const [here, elsewhere] = [engine, await swarm.engine()];
    for (const one of [here, elsewhere])
      await expectCode(one.add(other.torrent, { output }), 'output-conflict');
    await payload.expectIn(output);
  });

  it('does not overwrite what a torrent that is not running has by its record', async () => {
    const first = new Payload({ name: 'file.bin', lengthBytes: 2 * MIB, seed: 5 });
    for (const [lengthBytes, options] of [
      [2 * MIB, {}],
      [3 * MIB, { adopt: true }],
      [MIB, { force: true, adopt: true }],
    ] as const) {
      const output = await swarm.folder();
      const engine = await swarm.engine();
      expect((await fate(engine, first, { output })).code).to.equal('completed');
      await engine.close();
      const second = new Payload({ name: 'file.bin', lengthBytes, seed: 6 });
      const next = await swarm.engine();
      const { code, message } = await fate(next, second, { output, ...options });
      expect(code).to.equal('output-conflict');
      expect(message).to.include(join(output, '.millrace')).and.include('record');
      await next.close();
      await first.expectIn(output);
      const last = await swarm.engine();
      const again = await last.add(first.torrent, { output });
      await within(again.completed, 'the first torrent, trusted');
      expect(again.stats().piecesChecked).to.equal(0);
      await last.close();
    }
  });

  it('is detected from another process, at once and for different outputs', async () => {
    const inner = new Payload({ name: 'file.bin', lengthBytes: MIB, seed: 7 });
    const output = await swarm.folder();
    const seed = await swarm.seed(inner, { gateAfterBlocks: 1 });
    const torrent = join(await swarm.folder(), 'a.torrent');
    await writeFile(torrent, inner.torrent);
    const input: DownloadInput = { torrent, output: join(output, 'sub'), peers: [seed.address] };
    const child = new Child('download.ts', input);
    swarm.onClose(async () => void child.process.kill('SIGKILL'));
    await child.line<DownloadLine>('a byte', (line) => line.downloadedBytes > 0);
    const outer = new Payload({ name: 'sub', files: { 'file.bin': MIB, more: 5 }, seed: 8 });
    const engine = await swarm.engine();
    const { message } = await expectCode(engine.add(outer.torrent, { output }), 'output-conflict');
    expect(message).to.include(`process ${child.process.pid}`);
    expect(engine.torrents).to.deep.equal([]);
    child.process.kill('SIGKILL');
    await within(child.ended, 'the kill');
    expect(await readdir(join(output, '.millrace'))).to.deep.equal([]);
  });
});

describe('engine: existing files', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  const payload = new Payload({
    name: 'data',
    files: { a: 300 * KIB, empty: 0, b: 300 * KIB, c: 5 },
    pieceLengthBytes: 64 * KIB,
  });
  const at = (output: string, file: string) => join(output, 'data', file);
  async function put(output: string, file: string, bytes: Uint8Array): Promise<void> {
    await mkdir(join(output, 'data'), { recursive: true });
    await writeFile(at(output, file), bytes);
  }
  const precious = (lengthBytes: number) => Buffer.alloc(lengthBytes, 'precious');
  async function add(output: string, options: AddOptions = {}, engine?: Coordinator) {
    const seed = await swarm.seed(payload);
    const peers = [seed.address];
    return (engine ?? (await swarm.engine())).add(payload.torrent, { output, peers, ...options });
  }

  it('are not overwritten when they hold something else, and nothing else is touched', async () => {
    const output = await swarm.folder();
    await put(output, 'b', precious(1000));
    const torrent = await add(output);
    const { message } = await expectCode(torrent.completed, 'file-not-ours');
    expect(message).to.include(at(output, 'b')).and.include('the option adopt');
    expect(torrent.stats().phase).to.equal('failed');
    expect(await readdir(join(output, 'data'))).to.deep.equal(['b']);
    expect((await readFile(at(output, 'b'))).equals(precious(1000))).to.equal(true);

    // The refused run has left no record that would call the file ours.
    await torrent.remove();
    const again = await add(output);
    await expectCode(again.completed, 'file-not-ours');
    // Moved away, a resumed torrent goes on.
    await rm(at(output, 'b'));
    await again.resume();
    await within(again.completed, 'the download');
    await payload.expectIn(output);
  });

  it('are overwritten whatever they hold when the user adopts them', async () => {
    const output = await swarm.folder();
    await put(output, 'b', precious(300 * KIB));
    const torrent = await add(output, { adopt: true });
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
  });

  it('are continued when a piece of them is good, or when they hold nothing', async () => {
    const output = await swarm.folder();
    await put(output, 'a', Buffer.concat([payload.bytes.subarray(0, 70 * KIB), precious(KIB)]));
    await put(output, 'b', Buffer.alloc(300 * KIB)); // another client made room
    await put(output, 'c', new Uint8Array());
    const torrent = await add(output);
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    expect(torrent.stats().downloadedBytes).to.equal(payload.lengthBytes - 64 * KIB);
  });

  it('are not continued for the zeros that they share with the torrent', async () => {
    // Disk images and archives hold runs of zeros, and a piece of nothing else is good in all of
    // them.
    const image = new Payload({ name: 'disk.img', lengthBytes: MIB, zeroBytes: 512 * KIB });
    const seed = await swarm.seed(image);
    const output = await swarm.folder();
    const file = join(output, 'disk.img');
    const users = Buffer.concat([Buffer.alloc(600 * KIB), precious(100 * KIB)]);
    await writeFile(file, users);
    const engine = await swarm.engine();
    const options = { output, peers: [seed.address] };
    const torrent = await engine.add(image.torrent, options);
    await expectCode(torrent.completed, 'file-not-ours');
    await torrent.remove();
    // Nor does the record that this run has left, or that of a seed, call it ours.
    const served = await engine.add(image.torrent, { output, download: false });
    await expectCode(served.completed, 'not-whole');
    await served.remove();
    const next = await engine.add(image.torrent, options);
    await expectCode(next.completed, 'file-not-ours');
    expect(next.stats()).to.include({ doneBytes: 512 * KIB, piecesChecked: 0 });
    expect((await readFile(file)).equals(users)).to.equal(true);
    await next.remove();
    // One good piece with bytes in it is enough, and so is a file without any.
    const partial = Buffer.alloc(MIB);
    image.bytes.copy(partial, 768 * KIB, 768 * KIB);
    for (const continued of [partial, Buffer.alloc(600 * KIB)]) {
      await rm(join(output, '.millrace'), { recursive: true });
      await writeFile(file, continued);
      const again = await engine.add(image.torrent, options);
      await within(again.completed, 'the download');
      await image.expectIn(output);
      await again.remove();
    }
  });

  it('are cut by --force only where they may be written to', async () => {
    const output = await swarm.folder();
    await put(output, 'a', precious(400 * KIB));
    await put(output, 'empty', precious(10));
    const torrent = await add(output, { force: true });
    await expectCode(torrent.completed, 'file-not-ours');
    expect((await stat(at(output, 'a'))).size).to.equal(400 * KIB);
    expect((await stat(at(output, 'empty'))).size).to.equal(10);
    await torrent.remove();
    const adopted = await add(output, { force: true, adopt: true });
    await within(adopted.completed, 'the download');
    await payload.expectIn(output);
  });

  it('do not become ours by being served in vain', async () => {
    const output = await swarm.folder();
    await payload.write(output);
    await writeFile(at(output, 'b'), precious(300 * KIB));
    const engine = await swarm.engine();
    const served = await add(output, { download: false }, engine);
    await expectCode(served.completed, 'not-whole');
    await served.remove();
    const torrent = await add(output, {}, engine);
    // Its first and last piece are shared with files that are whole, but hold bytes of b: all are
    // bad.
    await expectCode(torrent.completed, 'file-not-ours');
    expect((await readFile(at(output, 'b'))).equals(precious(300 * KIB))).to.equal(true);
  });

  /**
   * What is left of a run that was killed before it saved a record, in a file and its state folder.
   */
  async function killedRun() {
    const output = await swarm.folder();
    const seed = await swarm.seed(payload, { pieces: [0] });
    const file = join(await swarm.folder(), 'a.torrent');
    await writeFile(file, payload.torrent);
    const child = new Child('download.ts', { torrent: file, output, peers: [seed.address] });
    swarm.onClose(async () => void child.process.kill('SIGKILL'));
    await child.line<DownloadLine>('a piece', (line) => line.doneBytes > 0);
    child.process.kill('SIGKILL');
    await within(child.ended, 'the kill');
    const state = join(output, '.millrace');
    for (const name of await readdir(state))
      if (name.endsWith('.resume')) await rm(join(state, name));
    return { output, state };
  }

  it('are not ours when somebody put them there after a run that was killed had begun', async () => {
    const { output } = await killedRun();
    for (const file of ['a', 'b']) {
      await put(output, 'new', precious(200 * KIB));
      await rename(at(output, 'new'), at(output, file));
      const refused = await add(output);
      await expectCode(refused.completed, 'file-not-ours');
      expect((await readFile(at(output, file))).equals(precious(200 * KIB))).to.equal(true);
      await rm(at(output, file));
      await refused.remove();
    }
  });

  it('are ours when a run made them that was killed before it saved a record', async () => {
    const { output, state } = await killedRun();
    // What the dead run had written did not reach the disk whole.
    const { size } = await stat(at(output, 'a'));
    await writeFile(at(output, 'a'), Buffer.alloc(size, 7));
    const torrent = await add(output);
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    expect((await readdir(state)).filter((name) => name.endsWith('.claim'))).to.have.length(1);
    await torrent.remove();
    expect((await readdir(state)).every((name) => name.endsWith('.resume'))).to.equal(true);
  });

  it('are not ours any more when somebody else has put another file there', async () => {
    const output = await swarm.folder();
    const engine = await swarm.engine();
    const torrent = await add(output, {}, engine);
    await within(torrent.completed, 'the download');
    await torrent.remove();
    await writeFile(at(output, 'new'), precious(300 * KIB));
    await rename(at(output, 'new'), at(output, 'b'));
    const again = await add(output, {}, engine);
    await expectCode(again.completed, 'file-not-ours');
    await again.remove();
    // An inode that is given to another file does not make it ours.
    await rm(at(output, 'b'));
    await writeFile(at(output, 'b'), precious(300 * KIB));
    const anew = await add(output, {}, engine);
    await expectCode(anew.completed, 'file-not-ours');
    await anew.remove();
    // Of a file that was only damaged, pieces are left: it is repaired.
    const b = payload.bytes.subarray(300 * KIB, 600 * KIB);
    await writeFile(at(output, 'b'), b);
    const damaged = Buffer.from(b);
    damaged[1000] = (damaged[1000] ?? 0) ^ 1;
    await writeFile(at(output, 'b'), damaged);
    const last = await add(output, {}, engine);
    await within(last.completed, 'the repair');
    await payload.expectIn(output);
  });
});
