// The real command in a process of its own, and `create`, `info`, `verify` on real files.

import { expect } from 'chai';
import { once } from 'node:events';
import { mkdir, mkdtemp, realpath, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as api from '../../lib/index';
import { startCli } from '../support/cli-process';
import type { Where } from '../support/cli-process';
import { FakeIo, millrace } from './fakes';

const ROOT = join(__dirname, '..', '..');

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command; `closeStdout` hangs up before anything is read. */
function exec(
  argv: readonly string[],
  { closeStdout = false, ...where }: Where & { readonly closeStdout?: boolean } = {},
): Promise<Ended> {
  const child = startCli(argv, where);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  if (closeStdout) child.stdout.destroy();
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

describe('cli process', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
    await mkdir(join(folder, 'data', 'sub'), { recursive: true });
    await writeFile(join(folder, 'data', 'one'), Buffer.alloc(50_000, 1));
    await writeFile(join(folder, 'data', 'sub', 'two'), Buffer.alloc(33_119, 2));
    await writeFile(join(folder, 'data', 'empty'), '');
    await writeFile(
      small(),
      `d4:infod6:lengthi5e4:name5:small12:piece lengthi16384e6:pieces20:${'h'.repeat(20)}ee`,
    );
  });
  after(() => rm(folder, { recursive: true }));

  const run = (...argv: string[]) => millrace(argv, { api, io: new FakeIo() });
  const torrent = (): string => join(folder, 'data.torrent');
  const small = (): string => join(folder, 'small.torrent');

  it('creates a torrent that info reads and verify finds whole, then not', async () => {
    const data = join(folder, 'data');
    const created = await run('create', data, '-o', torrent(), '--piece-length', '16K', '--json');
    expect(created.io.err).to.equal('');
    const [made] = created.io.json();
    const [read] = (await run('info', torrent(), '--json')).io.json();
    expect(made).to.include({ type: 'created', name: 'data', pieceCount: 6, totalBytes: 83_119 });
    expect(read).to.include({ type: 'info', infoHash: made?.infoHash });
    expect(read?.files).to.deep.equal([
      { path: 'data/empty', lengthBytes: 0 },
      { path: 'data/one', lengthBytes: 50_000 },
      { path: 'data/sub/two', lengthBytes: 33_119 },
    ]);

    const whole = await run('verify', torrent(), '--data', folder, '--json');
    expect(whole.exitCode).to.equal(0);
    expect(whole.io.json()[0]).to.include({ type: 'verify', whole: true, goodPieces: 6 });

    await truncate(join(data, 'sub', 'two'), 33_000);
    const broken = await run('verify', torrent(), '--data', folder);
    expect(broken.exitCode).to.equal(1);
    expect(broken.io.out).to.include('1 of 6 pieces: 5').and.include('data/sub/two: 1 bad piece');
  });

  it('runs its workers under flags of V8 that a worker may not be given', async () => {
    const node = ['--max-old-space-size=512'];
    const { code, err } = await exec(['verify', small(), '--data', folder], { node });
    expect([code, err]).to.deep.equal([1, '']);
  });

  it('creates NAME.torrent in the working folder, prints its name, and replaces nothing', async () => {
    const cwd = join(folder, 'cwd');
    await mkdir(cwd);
    const argv = ['create', join('..', 'data', 'one')];
    const { code, out, err } = await exec(argv, { cwd });
    expect([code, err]).to.deep.equal([0, '']);
    expect(out).to.match(/^written to +one\.torrent$/m);
    expect((await api.readTorrent(join(cwd, 'one.torrent'))).name).to.equal('one');
    const again = await exec(argv, { cwd });
    expect([again.code, again.out]).to.deep.equal([1, '']);
    expect(again.err).to.equal(
      'millrace: one.torrent exists already: --force replaces it, --output names another file\n',
    );
    const [made] = (await exec([...argv, '--force', '--json'], { cwd })).out.split('\n');
    expect(JSON.parse(made ?? '')).to.include({ output: join(await realpath(cwd), 'one.torrent') });
  });

  it('prints data on stdout and ends by itself', async () => {
    const { code, out, err } = await exec(['info', small(), '--json']);
    expect([code, err]).to.deep.equal([0, '']);
    expect(JSON.parse(out)).to.include({ type: 'info', name: 'small' });
  });

  it('prints an expected failure as one line on stderr', async () => {
    const { code, out, err } = await exec(['info', join(folder, 'data')]);
    expect([code, out]).to.deep.equal([1, '']);
    expect(err).to.match(/^millrace: [^\n]+\n$/);
  });

  /** A seed of which a thread hangs as it opens the data. */
  async function hangingSeed(): Promise<ReturnType<typeof startCli>> {
    const data = await mkdtemp(join(folder, 'hung-'));
    await writeFile(join(data, 'small'), 'small');
    const env = { ...process.env, MILLRACE_HANG: join(data, 'small') };
    const node = ['--require', join(ROOT, 'spec', 'support', 'faults', 'hang-in-open.cjs')];
    return startCli(['seed', small(), '--data', data, '--recheck'], { node, env });
  }

  it('ends by a second signal while a thread hangs in a file system', async () => {
    const child = await hangingSeed();
    let err = '';
    const sent: NodeJS.Signals[] = [];
    const send = (signal: NodeJS.Signals): void => {
      if (sent.includes(signal)) return;
      sent.push(signal);
      child.kill(signal);
    };
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
      if (err.includes('hangs')) send('SIGHUP');
      if (err.includes('once more')) send('SIGTERM');
    });
    const ended = once(child, 'close');
    child.stdout.resume();
    expect(await ended, err).to.deep.equal([null, 'SIGTERM']);
    expect(sent).to.deep.equal(['SIGHUP', 'SIGTERM']);
  }).timeout(60_000);

  it('ends after one signal, too, and prints why', async () => {
    const child = await hangingSeed();
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => {
      const before = err;
      err += chunk.toString();
      if (err.includes('hangs') && !before.includes('hangs')) child.kill('SIGTERM');
    });
    child.stdout.resume();
    expect(await once(child, 'close'), err).to.deep.equal([null, 'SIGTERM']);
    expect(err).to.include('hangs inside a call of the system').and.include('end the process');
  }).timeout(90_000);

  it('does not crash when its output is closed', async () => {
    const { code, err } = await exec(['info', small()], { closeStdout: true });
    expect([code, err]).to.deep.equal([0, '']);
  });
});
