// `millrace seed` in a process of its own, real peers, and a file that another program takes away.

import { once } from 'node:events';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Torrent } from '../../../lib/index';
import { startCli } from '../../support/cli-process';
import { KIB, MIB, Payload } from '../../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, nextEvent, within } from '../../support/swarm';

type Line = { readonly type: string } & Readonly<Record<string, unknown>>;

describe('cli: a seed whose data vanishes', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());
  const payload = new Payload({ lengthBytes: MIB, pieceLengthBytes: 64 * KIB });

  /** A command that serves the payload and waits for peers, and how it ends. */
  async function seed(...flags: string[]) {
    const folder = await swarm.folder();
    await payload.write(folder);
    const torrent = join(folder, 'payload.torrent');
    await writeFile(torrent, payload.torrent);
    const child = startCli(['seed', torrent, '--data', folder, ...flags]);
    swarm.onClose(async () => void child.kill('SIGKILL'));
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const listening = new Promise<string>((resolve) => {
      child.stderr.on('data', (chunk: Buffer) => {
        err += chunk.toString();
        const [, port] = /waiting for peers that connect to port (\d+)/.exec(err) ?? [];
        if (port !== undefined) resolve(port);
      });
    });
    const ended = once(child, 'close').then(([code]) => ({ code: code as number, out, err }));
    return {
      file: join(folder, 'payload.bin'),
      port: await within(listening, 'the seed to wait for peers'),
      ended: within(ended, 'the end of the seed'),
    };
  }

  async function leech(port: string): Promise<Torrent> {
    const engine = await swarm.engine();
    const output = await swarm.folder();
    return engine.add(payload.torrent, { output, peers: [`127.0.0.1:${port}`] });
  }

  it('reports it in one line, and exits 1', async () => {
    const { file, port, ended } = await seed();
    await rm(file);
    const leecher = await leech(port);
    const closed = nextEvent<{ reason: string }>(leecher, 'peerClosed');
    const { code, err } = await ended;
    expect(code, err).to.equal(1);
    const lines = err.split('\n').filter((text) => text.includes('payload.bin is missing'));
    expect(lines, err).to.have.length(1);
    expect(lines[0]).to.match(
      /^millrace: .* was removed or cut .*; put it back, or fetch it again/,
    );
    // A reset, where requests came in that the seed had not read yet.
    expect((await closed).reason).to.be.oneOf(['remote-closed', 'connection-error']);
  });

  it('closes its peers with a reason, and offers nothing any more', async () => {
    const { file, port, ended } = await seed('--json');
    await truncate(file, 100);
    await leech(port);
    const { code, out, err } = await ended;
    expect(code, err).to.equal(1);
    const lines = out
      .split('\n')
      .slice(0, -1)
      .map((text) => JSON.parse(text) as Line);
    const ends = lines.filter(({ type }) => type === 'peer-closed').map(({ reason }) => reason);
    expect(ends).to.deep.equal(['torrent-failed']);
    const of = (type: string) => lines.filter((line) => line.type === type).at(-1);
    expect(of('peers-closed')?.reasons).to.deep.equal({ 'torrent-failed': 1 });
    expect(of('progress')).to.include({ phase: 'failed', piecesDone: 0 });
    expect(lines.at(-1)).to.include({ type: 'error', code: 'data-missing' });
  });
});
