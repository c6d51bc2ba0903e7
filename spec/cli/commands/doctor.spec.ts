// `doctor` on a library with findings set by the spec, and once on the real one.

import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as library from '../../../lib/index';
import type { DiagnoseOptions, Diagnosis, Finding } from '../../../lib/index';
import { MillraceError } from '../../../lib/errors/millrace-error';
import { FakeProcess, fakeApi, millrace } from '../fakes';

const DNS: Finding = {
  check: 'dns',
  level: 'fail',
  message: 'a.example\u001b[2J: cannot be looked up',
  host: 'a.example',
  addresses: [],
  cause: 'ENOTFOUND',
};
const CLOCK: Finding = {
  check: 'clock',
  level: 'skip',
  message: 'no tracker sent a time to compare with',
};

/** A library that finds these two, and remembers what it was asked. */
function finding(verdict: Diagnosis['verdict'], advice = 'Do this.') {
  const calls: [unknown, DiagnoseOptions][] = [];
  const { api } = fakeApi({
    diagnose(source: unknown, options: DiagnoseOptions): Promise<Diagnosis> {
      calls.push([source, options]);
      const findings = [DNS, CLOCK];
      for (const each of findings) options.onFinding?.(each);
      return Promise.resolve({ findings, verdict, advice });
    },
  });
  return { api, calls };
}

const failing = (error: Error) => fakeApi({ diagnose: () => Promise.reject(error) }).api;

describe('cli doctor', () => {
  it('prints a line for each check and then what to do', async () => {
    const { exitCode, io } = await millrace(['doctor', 'x'], { api: finding('alive').api });
    expect([exitCode, io.err]).to.deep.equal([0, '']);
    expect(io.out.split('\n')).to.deep.equal([
      'fail  dns      a.example\\u001b[2J: cannot be looked up',
      '-     clock    no tracker sent a time to compare with',
      '',
      'Do this.',
      '',
    ]);
  });

  it('exits 0 alive, 1 dead, 3 cannot tell', async () => {
    const codes = [];
    for (const verdict of ['alive', 'dead', 'unknown'] as const) {
      codes.push((await millrace(['doctor', 'x'], { api: finding(verdict).api })).exitCode);
    }
    expect(codes).to.deep.equal([0, 1, 3]);
  });

  it('prints one object for each finding and one verdict with --json', async () => {
    const { io } = await millrace(['doctor', 'x', '--json'], { api: finding('dead').api });
    expect(io.json()).to.deep.equal([
      { type: 'finding', ...DNS },
      { type: 'finding', ...CLOCK },
      { type: 'verdict', verdict: 'dead', advice: 'Do this.' },
    ]);
  });

  it('hands options on in the units of the library', async () => {
    const { api, calls } = finding('alive');
    const argv = ['doctor', 'a.torrent', '-o', '/d', '--peer', '192.0.2.1:1', '--peer', '[::1]:2'];
    argv.push('--peers', '7', '--port', '6881', '--timeout', '2.5', '--show-secrets');
    await millrace(argv, { api });
    await millrace(['doctor', 'b'], { api });
    const [[source, given] = [], [, defaults] = []] = calls;
    expect(source).to.equal('a.torrent');
    expect(given).to.deep.include({ output: '/d', peers: ['192.0.2.1:1', '[::1]:2'] });
    expect(given).to.include({ samplePeers: 7, port: 6881, timeoutMs: 2500, showSecrets: true });
    expect(defaults).to.deep.include({ output: '.', peers: [], samplePeers: 20, port: 0 });
    expect(defaults?.timeoutMs).to.equal(10_000);
  });

  for (const [argv, says] of [
    [[], /missing required argument 'torrent'/],
    [['x', '--peers', '0'], /whole number from 1 to 200/],
    [['x', '--peers', '201'], /whole number from 1 to 200/],
    [['x', '--timeout', '0'], /a time from 0.1 s to 10 min/],
    [['x', '--peer', 'nowhere'], /HOST:PORT/],
    [['x', '--port', '65536'], /from 0 to 65535/],
  ] as const) {
    it(`refuses: doctor ${argv.join(' ')}`, async () => {
      const { api, calls } = finding('alive');
      const { exitCode, io } = await millrace(['doctor', ...argv], { api });
      expect(io.err).to.match(says);
      expect([exitCode, io.out, calls]).to.deep.equal([2, '', []]);
    });
  }

  it('reports an undecided verdict when the torrent cannot be read, and why', async () => {
    const api = failing(new MillraceError('torrent-unreadable', 'cannot read x: no such file'));
    const { exitCode, io } = await millrace(['doctor', 'x', '--json'], { api });
    expect([exitCode, io.err]).to.deep.equal([3, 'millrace: cannot read x: no such file\n']);
    expect(io.json()).to.deep.equal([
      { type: 'error', code: 'torrent-unreadable', message: 'cannot read x: no such file' },
    ]);
  });

  it('calls an option that the library refuses wrong usage', async () => {
    const api = failing(new MillraceError('bad-option', 'option port must be …'));
    expect((await millrace(['doctor', 'x'], { api })).exitCode).to.equal(2);
  });

  it('exits 130 when interrupted', async () => {
    const process = new FakeProcess();
    const { api } = fakeApi({
      diagnose: (_source: unknown, { signal }: DiagnoseOptions) =>
        new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
          setImmediate(() => process.emit('SIGINT'));
        }),
    });
    const { exitCode, io } = await millrace(['doctor', 'x'], { api, process });
    expect(exitCode).to.equal(130);
    expect(io.err).to.equal('millrace: stopping; once more to stop at once\n');
  });

  it('diagnoses a real file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
    const torrent = join(folder, 'small.torrent');
    const info = `d6:lengthi5e4:name5:small12:piece lengthi16384e6:pieces20:${'h'.repeat(20)}e`;
    await writeFile(torrent, `d4:info${info}e`);
    const { exitCode, io } = await millrace(['doctor', torrent, '-o', folder], { api: library });
    await rm(folder, { recursive: true });
    expect(exitCode).to.equal(3);
    expect(io.out).to.match(/^warn {2}torrent {2}small: 5 bytes in 1 piece, names no trackers\n/);
    expect(io.out).to.match(/\n\nCannot tell: the torrent names no tracker.*\.\n$/);
  });
});
