// A process that may open few files: it works with them, or ends with one sentence that names the
// limit.

import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { openSync } from 'node:fs';
import { promisify } from 'node:util';
import { HandleCache } from '../../lib/storage/handle-cache';
import { failureReason, listenReason } from '../../lib/errors/system-error';
import { connectionError } from '../../lib/http/request-error';
import { TempTree } from '../api/temp-tree';

const FILES = 150;
const SCRIPT = `
  const { createTorrent, verifyTorrent } = require('./lib/index.ts');
  const fs = require('node:fs');
  const [, folder, left] = process.argv;
  const threads = left === 'all' ? 1 : 2;
  const held = [];
  if (left !== 'all') {
    try { for (;;) held.push(fs.openSync('/dev/null', 'r')); } catch {}
    for (const fd of held.splice(-left)) fs.closeSync(fd);
  }
  (async () => {
    const { bytes } = await createTorrent(folder, { threads, pieceLengthBytes: 16384 });
    const report = await verifyTorrent(bytes, { data: require('node:path').dirname(folder), threads });
    console.log(JSON.stringify({ whole: report.whole, files: report.files.length }));
  })().catch(({ code, message }) => console.log(JSON.stringify({ code, message })));
`;

describe('engine: few file descriptors', function () {
  this.timeout(60_000);
  let tree: TempTree;
  before(function () {
    if (process.platform === 'win32') this.skip(); // it has no ulimit
    tree = new TempTree();
    for (let file = 0; file < FILES; file++) tree.write(`data/f${file}`, 20_000);
  });
  after(() => tree?.remove());

  /** `left`: number of free descriptors once the library is loaded. */
  async function under(limit: number, left: number | 'all'): Promise<Record<string, unknown>> {
    const shell = 'ulimit -n "$1"; exec "$2" -r ./spec/register.cjs -e "$3" "$4" "$5"';
    const args = [
      '-c',
      shell,
      'sh',
      String(limit),
      process.execPath,
      SCRIPT,
      tree.path('data'),
      String(left),
    ];
    const { stdout } = await promisify(execFile)('sh', args);
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  it('makes and verifies a torrent of more files than it may open', async () => {
    expect(await under(64, 'all')).to.deep.equal({ whole: true, files: FILES });
  });

  for (const left of [2, 6, 10]) {
    it(`works or names the limit with ${left} descriptors left`, async () => {
      const result = await under(64, left);
      if (result.whole === true) return;
      expect(result.code).to.be.oneOf(['verify-worker-died', 'source-unreadable', 'EMFILE']);
      expect(result.message).to.include('ulimit -n');
    });
  }

  it('names the limit where no engine can start', async () => {
    const script = `
      const { Coordinator } = require('./lib/index.ts');
      const fs = require('node:fs');
      const held = [];
      try { for (;;) held.push(fs.openSync('/dev/null', 'r')); } catch {}
      for (const fd of held.splice(-9)) fs.closeSync(fd);
      Coordinator.start().then(
        (engine) => engine.close().then(() => console.log('{"code":"started"}')),
        ({ code, message }) => console.log(JSON.stringify({ code, message })),
      );
    `;
    const shell = 'ulimit -n 64; exec "$0" -r ./spec/register.cjs -e "$1"';
    const { stdout } = await promisify(execFile)('sh', ['-c', shell, process.execPath, script]);
    const { code, message } = JSON.parse(stdout) as Record<string, unknown>;
    expect(code, String(message)).to.equal('thread-start-failed');
    expect(message).to.match(/^no engine can start: .*ulimit -n/);
  });

  it('is reported in one line by a command that cannot even be loaded', async () => {
    const raise = `throw Object.assign(new Error('EMFILE: raw'), { code: 'EMFILE' })`;
    const script = `require('./lib/cli/last-words.ts'); ${raise}`;
    const args = ['-r', './spec/register.cjs', '-e', script];
    const error = await promisify(execFile)(process.execPath, args).catch(
      (failed: unknown) => failed,
    );
    expect(error).to.include({ code: 1 });
    const { stderr } = error as { stderr: string };
    expect(stderr).to.match(/^millrace: this process may have too few files open .*ulimit -n.*\n$/);
  });

  it('names the limit where it cannot listen, and advises no other port', () => {
    const full = Object.assign(new Error('listen EMFILE'), { code: 'EMFILE' });
    expect(listenReason(full)).to.include('ulimit -n').and.include('raise that limit');
    expect(listenReason(full)).to.not.include('another port');
    const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND x'), { code: 'ENOTFOUND' });
    expect(listenReason(unknown)).to.equal(
      'there is no host of that name; listen on an address of this machine, or on all of them',
    );
  });

  it('is recognised in the error of a thread', () => {
    const error = Object.assign(new Error('Worker initialization failure: EMFILE'), {
      code: 'ERR_WORKER_INIT_FAILED',
    });
    expect(failureReason(error)).to.include('ulimit -n').and.not.include('EMFILE');
    expect(failureReason(new Error('EMFILES'))).to.equal('EMFILES');
  });

  it('is not blamed on a tracker', () => {
    const full = Object.assign(new Error('connect EMFILE'), { code: 'EMFILE' });
    const { message } = connectionError('tracker', 'http://t.example/announce', full);
    expect(message).to.include('ulimit -n').and.not.include('EMFILE');
  });

  it('is reported as such by announces over HTTP and UDP, and by a dial of the doctor', async () => {
    const script = `
      const fs = require('node:fs');
      const { TrackerClients } = require('./lib/tracker/clients.ts');
      const { probePeer } = require('./lib/doctor/probe-peer.ts');
      require('./lib/tracker/http-client.ts'), require('./lib/tracker/udp-client.ts');
      const client = new TrackerClients({ version: '0', timeoutMs: 5000 });
      const some = new Uint8Array(20);
      const request = { infoHash: some, peerId: some, port: 1, uploadedBytes: 0, downloadedBytes: 0, leftBytes: 1, key: 1 };
      const peer = { host: '127.0.0.1', port: 1, infoHash: some, peerId: some, pieceCount: 1, timeoutMs: 5000 };
      try { for (;;) fs.openSync('/dev/null', 'r'); } catch {}
      (async () => {
        const found = [];
        for (const scheme of ['http', 'udp']) {
          await client.announce(scheme + '://127.0.0.1:9/announce', request).catch(({ code, details }) => {
            found.push(code + ' ' + details?.cause);
          });
        }
        const { outcome, cause } = await probePeer({ ...peer, signal: new AbortController().signal });
        found.push(outcome + ' ' + cause);
        client.close();
        console.log(JSON.stringify(found));
      })();
    `;
    const shell = 'ulimit -n 64; exec "$0" -r ./spec/register.cjs -e "$1"';
    const { stdout } = await promisify(execFile)('sh', ['-c', shell, process.execPath, script]);
    expect(JSON.parse(stdout)).to.deep.equal([
      'tracker-unreachable EMFILE',
      'tracker-unreachable EMFILE',
      'unreachable EMFILE',
    ]);
  });

  it('gives cached handles back, the oldest first, before it gives up', () => {
    const cache = new HandleCache(8);
    const path = tree.path('data/f0');
    for (const key of ['a', 'b', 'c']) cache.use(key, () => openSync(path, 'r'));
    const full = Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
    const open = (): number => {
      if (cache.size > 1) throw full;
      return openSync(path, 'r');
    };
    cache.use('d', open);
    expect(['a', 'b', 'c', 'd'].map((key) => cache.peek(key) !== undefined)).to.deep.equal([
      false,
      false,
      true,
      true,
    ]);
    cache.closeAll('');
    expect(() =>
      cache.use('e', () => {
        throw full;
      }),
    ).to.throw(full);
  });
});
