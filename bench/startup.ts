// Start-up time of the compiled command line: from exec to the first dial of `download --peer`, and
// the whole run of `info`. Run it with `npm run bench:startup` after `npm run build`.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTorrent } from '../lib/index';
import { figuresOf, shown } from './support/figures';

const RUNS = 11;
const MAIN = join(__dirname, '..', 'dist', 'lib', 'cli', 'main.js');

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-startup-'));
  try {
    const source = join(folder, 'payload.bin');
    writeFileSync(source, Buffer.alloc(1_048_576, 7));
    const torrent = join(folder, 'payload.torrent');
    writeFileSync(torrent, (await createTorrent(source, { threads: 1 })).bytes);
    const infoMs: number[] = [];
    const dialMs: number[] = [];
    for (let run = 0; run <= RUNS; run++) {
      const info = timeInfo(torrent);
      const dial = await timeFirstDial(torrent, join(folder, `out-${run}`));
      if (run === 0) continue; // Warms the file cache.
      infoMs.push(info);
      dialMs.push(dial);
    }
    console.log(`node ${process.version}, ${RUNS} runs after a warm-up: median (min–max)`);
    console.log(`info, whole process:         ${shown(figuresOf(infoMs), 'ms')}`);
    console.log(`download, exec → first dial: ${shown(figuresOf(dialMs), 'ms')}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function timeInfo(torrent: string): number {
  const startedMs = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'info', torrent]);
  if (status !== 0) throw new Error(`info failed: ${stderr.toString()}`);
  return performance.now() - startedMs;
}

async function timeFirstDial(torrent: string, output: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const startedMs = performance.now();
  const arguments_ = [
    MAIN,
    'download',
    torrent,
    '--output',
    output,
    '--peer',
    `127.0.0.1:${port}`,
    '--quiet',
  ];
  const child = spawn(process.execPath, arguments_, { stdio: 'ignore' });
  const exited = new Promise((done) => child.once('exit', done));
  try {
    return await new Promise<number>((done, fail) => {
      server.once('connection', (socket) => {
        done(performance.now() - startedMs);
        socket.on('error', () => undefined);
        socket.destroy();
      });
      child.once('exit', (code) =>
        fail(new Error(`download ended with ${code} before it dialled`)),
      );
    });
  } finally {
    child.kill('SIGKILL');
    await exited;
    server.close();
  }
}

void main();
