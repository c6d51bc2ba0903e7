// Symbolic links below the output folder: refused, naming the option that allows them, before a byte
// is written; followed where they are allowed; no hindrance to serving.

import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
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
