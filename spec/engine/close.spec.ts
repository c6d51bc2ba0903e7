// `close()` in every state: nothing is left that keeps the process, or a lock, or a call.

import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { MillraceError } from '../../lib/index';
import { Child } from '../support/leaks/child';
import type { CloseInput } from '../support/leaks/close';
import { MIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, within } from '../support/swarm';

describe('engine close', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('leaves no handle in any state: the process ends by itself', async function () {
    this.timeout(120_000);
    const payload = new Payload({ lengthBytes: MIB, pieceLengthBytes: 65_536 });
    const [folder, source] = [await swarm.folder(), await swarm.folder()];
    await payload.write(source);
    const torrent = join(folder, 'a.torrent');
    await writeFile(torrent, payload.torrent);
    const silent = net.createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    silent.unref();
    swarm.onClose(async () => void silent.close());
    const input: CloseInput = {
      folder,
      source,
      torrent,
      slowSeed: (await swarm.seed(payload, { bytesPerSec: 100_000 })).address,
      seed: (await swarm.seed(payload)).address,
      silent: `127.0.0.1:${(silent.address() as net.AddressInfo).port}`,
    };
    const child = new Child('close.ts', input);
    swarm.onClose(async () => void child.process.kill('SIGKILL'));
    const end = await within(child.ended, `the process to end`, 100_000).catch((error: unknown) => {
      throw new Error(`${String(error)}; it got to: ${JSON.stringify(child.lines.at(-1))}`);
    });
    expect(child.errors).to.equal('');
    expect(end).to.deep.equal({ code: 0, signal: null });
    expect(child.lines.map((line) => (line as { state: string }).state)).to.deep.equal([
      'before start',
      'idle',
      'adding',
      'checking',
      'dialling',
      'handshaking',
      'downloading',
      'paused',
      'failed',
      'seeding',
      'peer thread dead',
      'verify thread dead',
      'coordinator dead',
    ]);
    if (process.env['SHOW']) console.log(child.lines);
  });

  it('lets go of the lock, also of a torrent that was just being added', async () => {
    const payload = new Payload({ lengthBytes: MIB });
    const output = await swarm.folder();
    const engine = await swarm.engine();
    const adding = engine.add(payload.torrent, { output }).catch((error: unknown) => error);
    await engine.close();
    expect(await adding).to.be.instanceOf(MillraceError);
    const state = await readdir(join(output, '.millrace')).catch(() => []);
    expect(state.filter((name) => name.endsWith('.lock'))).to.deep.equal([]);
  });

  it('lets go of a source that is being read, and so of the add, at once', async () => {
    const silent = http.createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    swarm.onClose(async () => void silent.close().closeAllConnections());
    const url = `http://127.0.0.1:${(silent.address() as net.AddressInfo).port}/a.torrent`;
    for (const end of ['close', 'death'] as const) {
      const engine = await swarm.engine();
      const asked = once(silent, 'request');
      const adding = engine.add(url, { output: await swarm.folder() });
      const failed = adding.catch((error: unknown) => error);
      await asked;
      if (end === 'close') await engine.close();
      else await engine.killThread('coordinator');
      // Long before anybody gives up waiting for the server.
      const error = await within(failed, 'the end of the add', 10_000);
      expect(error).to.be.instanceOf(MillraceError);
      expect(error).to.have.property('code', end === 'close' ? 'closed' : 'coordinator-died');
      expect(engine.torrents).to.deep.equal([]);
    }
  });
});
