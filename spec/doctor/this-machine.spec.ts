// The output folder and the port, on this machine as it is.

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { mkdir, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { probeDisk } from '../../lib/doctor/probe-disk';
import { openPort } from '../../lib/doctor/probe-port';
import { KIB, Payload } from '../support/payload';
import { Swarm } from '../support/swarm';

describe('doctor: disk', () => {
  const swarm = new Swarm();
  afterEach(() => swarm.close());
  const { metainfo } = new Payload({
    name: 'thing',
    files: { a: 64 * KIB, 'sub/b': 100, empty: 0 },
    pieceLengthBytes: 16 * KIB,
  });
  const TOTAL = 64 * KIB + 100;

  it('finds room and the right to write, and leaves nothing behind', async () => {
    const folder = await swarm.folder();
    const found = await probeDisk(folder, metainfo);
    expect(found).to.include({ folder, missingBytes: TOTAL, cause: undefined });
    expect(found.freeBytes).to.be.above(0);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('looks at the folder above one that is not there, and does not make it', async () => {
    const folder = await swarm.folder();
    const found = await probeDisk(join(folder, 'not', 'yet'), metainfo);
    expect(found).to.include({ folder, cause: undefined });
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('counts what files take, not how long they are', async () => {
    const folder = await swarm.folder();
    await mkdir(join(folder, 'thing', 'sub'), { recursive: true });
    await writeFile(join(folder, 'thing', 'sub', 'b'), Buffer.alloc(100, 1));
    await writeFile(join(folder, 'thing', 'a'), '');
    await truncate(join(folder, 'thing', 'a'), 64 * KIB);
    expect((await probeDisk(folder, metainfo)).missingBytes).to.equal(64 * KIB);
    await writeFile(join(folder, 'thing', 'a'), Buffer.alloc(64 * KIB, 1));
    expect((await probeDisk(folder, metainfo)).missingBytes).to.equal(0);
  });

  it('finds a file where the folder should be', async () => {
    const folder = await swarm.folder();
    await writeFile(join(folder, 'file'), '');
    expect((await probeDisk(join(folder, 'file'), metainfo)).cause).to.equal('ENOTDIR');
    const below = join(folder, 'file', 'below');
    expect((await probeDisk(below, metainfo)).cause).to.equal('ENOTDIR');
  });

  it('finds a folder that takes no files', async function () {
    // Even root makes no files there.
    if (process.platform !== 'linux') this.skip(); // elsewhere there is no /proc
    expect((await probeDisk('/proc/self', metainfo)).cause).to.be.oneOf(['ENOENT', 'EACCES']);
  });
});

describe('doctor: port', () => {
  const { signal } = new AbortController();

  it('reaches a free port at addresses of this machine, and gives it back', async () => {
    const open = await openPort(0);
    const { reachedAt } = await open.reach(signal);
    expect(open.port).to.be.above(0);
    expect(open.cause).to.equal(undefined);
    expect(reachedAt).to.not.be.empty;
    open.close();
    const again = await openPort(open.port);
    expect(again.cause).to.equal(undefined);
    again.close();
  });

  it('reports why a port cannot be opened', async () => {
    const server = createServer().listen(0);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const open = await openPort(port);
    expect(open).to.include({ port, cause: 'EADDRINUSE' });
    expect(await open.reach(signal)).to.deep.equal({ reachedAt: [], notReachedAt: [] });
    open.close();
    server.close();
    await once(server, 'close');
  });
});
