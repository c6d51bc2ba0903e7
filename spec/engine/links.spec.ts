// Symbolic links below the output folder: refused, naming the option that allows them, before a byte
// is written; followed where they are allowed; no hindrance to serving.

import { link, mkdir, readFile, readdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { KIB, MIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, expectCode, within } from '../support/swarm';

describe('engine and links', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  const payload = new Payload({ name: 'linked', files: { a: MIB, empty: 0 } });

  it('downloads through a linked folder only where that is allowed', async () => {
    const [output, disk] = [await swarm.folder(), await swarm.folder()];
    await symlink(disk, join(output, 'linked'));
    const seed = await swarm.seed(payload);
    const engine = await swarm.engine();
    const add = (followLinks: boolean) =>
      engine.add(payload.torrent, { output, peers: [seed.address], followLinks });
    const { message } = await expectCode(add(false), 'link-in-path');
    expect(message).to.include(join(output, 'linked')).and.include('the option followLinks');
    expect(await readdir(disk)).to.deep.equal([]);
    const torrent = await add(true);
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    expect((await readdir(disk)).sort()).to.deep.equal(['a', 'empty']);
    await torrent.remove();
    const again = await add(true);
    await within(again.completed, 'the second run');
    expect(again.stats().piecesChecked).to.equal(0);
  });

  it('cuts no file behind a link', async () => {
    const single = new Payload({ lengthBytes: 64 * KIB });
    const [output, elsewhere] = [await swarm.folder(), await swarm.folder()];
    const victim = join(elsewhere, 'victim');
    await writeFile(victim, Buffer.alloc(MIB, 7));
    await symlink(victim, join(output, 'payload.bin'));
    const engine = await swarm.engine();
    await expectCode(engine.add(single.torrent, { output, force: true }), 'link-in-path');
    expect((await readFile(victim)).equals(Buffer.alloc(MIB, 7))).to.equal(true);
  });

  it('writes to no file that has a name outside the torrent, unless that is allowed', async () => {
    const [output, library] = [await swarm.folder(), await swarm.folder()];
    const other = join(library, 'kept');
    const partial = Buffer.from(payload.bytes);
    partial.fill(0, 512 * KIB); // another client's, with good pieces in it
    await writeFile(other, partial);
    await mkdir(join(output, 'linked'));
    await link(other, join(output, 'linked', 'a'));
    const peers = [(await swarm.seed(payload)).address];
    const engine = await swarm.engine();
    for (const options of [{}, { adopt: true }, { adopt: true, force: true }]) {
      const refused = await engine.add(payload.torrent, { output, peers, ...options });
      const { message } = await expectCode(refused.completed, 'link-in-path');
      expect(message).to.include(join(output, 'linked/a')).and.include('the option followLinks');
      expect((await readFile(other)).equals(partial)).to.equal(true);
      await refused.remove();
    }
    const torrent = await engine.add(payload.torrent, { output, peers, followLinks: true });
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    expect((await readFile(other)).equals(payload.bytes)).to.equal(true);
    await torrent.remove();
    // It is ours by now, and so is what becomes of it.
    await truncate(other, 100);
    const again = await engine.add(payload.torrent, { output, peers });
    await within(again.completed, 'the repair');
    await payload.expectIn(output);
  });

  it('treats two names of the torrent as one file where the user linked them', async () => {
    const files = { a: 64 * KIB, b: 64 * KIB };
    const twins = new Payload({ name: 'twins', files, zeroBytes: 128 * KIB });
    const output = await swarm.folder();
    const [a, b] = [join(output, 'twins', 'a'), join(output, 'twins', 'b')];
    await mkdir(join(output, 'twins'));
    await writeFile(a, 'something else');
    await link(a, b);
    const peers = [(await swarm.seed(twins)).address];
    const engine = await swarm.engine();
    const torrent = await engine.add(twins.torrent, { output, peers, adopt: true });
    await within(torrent.completed, 'the download');
    await twins.expectIn(output);
  });

  it('serves data that is reached through a link, without an option', async () => {
    const [output, disk] = [await swarm.folder(), await swarm.folder()];
    await payload.write(disk);
    await mkdir(output, { recursive: true });
    await symlink(join(disk, 'linked'), join(output, 'linked'));
    const engine = await swarm.engine();
    const seed = await engine.add(payload.torrent, { output, download: false });
    await within(seed.completed, 'the check');
    const leecher = await swarm.engine();
    const target = await swarm.folder();
    const peers = [`127.0.0.1:${engine.port}`];
    const torrent = await leecher.add(payload.torrent, { output: target, peers });
    await within(torrent.completed, 'the download');
    await payload.expectIn(target);
  });
});
