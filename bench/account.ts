// Does the account name what limits a download? One resource is throttled at a time, in real
// transfers of a few seconds, and the label is compared with what was throttled. Compiled code:
// `npm run build`, then `npm run bench:account`. Exits with 1 when a label is wrong.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KIB, MIB } from '../lib/bytes/lengths';
import type * as millrace from '../lib/index';
import type { TransferAccount } from '../lib/index';
import { ScriptedSeed } from '../spec/support/faults/seed';
import type { SeedScript } from '../spec/support/faults/seed';
import { Payload } from '../spec/support/payload';
import { slowStorage } from '../spec/support/storages/slow';
import { spinningStorage } from '../spec/support/storages/spinning';
import { LOOPBACK, startSeeders } from './swarm/peers';
import { benchCommand } from './support/flags';
import { findEngine, load } from './support/engine';
import type { Engine } from './support/engine';
import { makeTorrent, writeTorrent } from './support/torrent';

interface Case {
  readonly throttled: string;
  /** The expected label of the account, and the cause behind memory. */
  readonly expected: string;
  readonly payload: { readonly lengthBytes: number; readonly pieceLengthBytes?: number };
  readonly seeds: readonly SeedScript[];
  readonly memoryBytes?: number;
  readonly storage?: { readonly module: string; readonly options: unknown };
}

const CASES: readonly Case[] = [
  {
    throttled: 'a seed of 4 MiB/s',
    expected: 'network',
    payload: { lengthBytes: 16 * MIB },
    seeds: [{ bytesPerSec: 4 * MIB }],
  },
  {
    throttled: 'a seed that unchokes for a tenth of the time',
    expected: 'unchoke',
    payload: { lengthBytes: 16 * MIB },
    seeds: [{ bytesPerSec: 8 * MIB, unchokes: { forMs: 130, everyMs: 1300 } }],
  },
  {
    throttled: 'a seed with reqq 4, 150 ms away',
    expected: 'requestDepth',
    payload: { lengthBytes: 2 * MIB },
    seeds: [{ requestQueue: 4, latencyMs: 150 }],
  },
  {
    throttled: 'writes: 2 MiB/s for each of two threads',
    expected: 'memory, write',
    payload: { lengthBytes: 16 * MIB },
    seeds: [{}, {}],
    memoryBytes: 4 * MIB,
    storage: slowStorage(2 * MIB),
  },
  {
    throttled: 'memory: 4 MiB for 48 seeds of 64 KiB/s',
    expected: 'memory, fill',
    payload: { lengthBytes: 32 * MIB },
    seeds: new Array<SeedScript>(48).fill({ bytesPerSec: 64 * KIB }),
    memoryBytes: 4 * MIB,
  },
  {
    throttled: 'a seed with half of the pieces',
    expected: 'peers',
    payload: { lengthBytes: 16 * MIB },
    seeds: [{ pieces: [...Array(32).keys()] }],
  },
];

/** Transfers that take longer are stopped after this time. */
const CUT_MS = 6000;

function limitText({ limit }: TransferAccount): string {
  if (limit === undefined) return 'nothing';
  return limit.behind === undefined ? limit.what : `${limit.what}, ${limit.behind}`;
}

async function run(engine: Engine, folder: string, one: Case): Promise<TransferAccount> {
  const { Coordinator } = load<typeof millrace>(engine, 'index');
  const payload = new Payload(one.payload);
  const seeds = await Promise.all(one.seeds.map((script) => ScriptedSeed.listen(payload, script)));
  const coordinator = await Coordinator.start({
    port: null,
    peerThreads: 1,
    verifyThreads: 2,
    memoryBytes: one.memoryBytes,
  });
  try {
    const torrent = await coordinator.add(payload.torrent, {
      output: mkdtempSync(join(folder, 'out-')),
      peers: seeds.map(({ address }) => address),
      seed: false,
      storage: one.storage,
    });
    const cut = AbortSignal.timeout(CUT_MS);
    await Promise.race([
      torrent.completed,
      new Promise<void>((done) => cut.addEventListener('abort', () => done())),
    ]);
    return torrent.stats().account;
  } finally {
    await coordinator.close();
    await Promise.all(seeds.map((seed) => seed.close()));
  }
}

/** Most of the data is there, another engine wants it, and each read for it spins for 200 ms. */
async function runBusyThread(engine: Engine, folder: string): Promise<TransferAccount> {
  const { Coordinator } = load<typeof millrace>(engine, 'index');
  const payload = new Payload({ lengthBytes: 32 * MIB });
  const seed = await ScriptedSeed.listen(payload, { bytesPerSec: 256 * KIB });
  const output = mkdtempSync(join(folder, 'out-'));
  writeFileSync(join(output, payload.metainfo.name), Buffer.from(payload.bytes).fill(0, 30 * MIB));
  const options = { host: '127.0.0.1', peerThreads: 1 };
  const [busy, other] = [await Coordinator.start(options), await Coordinator.start(options)];
  try {
    const storage = spinningStorage(200);
    const torrent = await busy.add(payload.torrent, { output, peers: [seed.address], storage });
    while (torrent.stats().phase === 'checking') await delay(20); // it refuses peers until then
    await other.add(payload.torrent, {
      output: mkdtempSync(join(folder, 'out-')),
      peers: [`127.0.0.1:${busy.port}`],
    });
    await delay(CUT_MS);
    return torrent.stats().account;
  } finally {
    await Promise.all([busy.close(), other.close()]);
    await seed.close();
  }
}

/** The only event of `download --json` that is used. */
interface Complete {
  readonly type: string;
  readonly account?: TransferAccount;
}

/** The whole engine on one core, eight seeders as fast as they can on another. */
async function runOnOneCore(engine: Engine, folder: string): Promise<TransferAccount> {
  const shape = { totalBytes: 1024 * MIB, pieceLengthBytes: MIB, salt: 1 };
  const torrent = await makeTorrent(shape);
  const seeders = await startSeeders([torrent], 8, { ...LOOPBACK, enter: ['taskset', '-c', '1'] });
  try {
    const args = ['-c', '0', process.execPath, engine.main, 'download'];
    args.push(writeTorrent(torrent, join(folder, 'a.torrent')), '--output', join(folder, 'out'));
    args.push('--json', '--quiet', ...seeders.peers.flatMap((peer) => ['--peer', peer]));
    const stdout = execFileSync('taskset', args, { encoding: 'utf8' });
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Complete);
    const account = events.find(({ type }) => type === 'complete')?.account;
    if (account === undefined) throw new Error('the download sent no `complete`');
    return { ...account, limit: account.limit && { ...account.limit, behind: undefined } };
  } finally {
    await seeders.stop();
  }
}

async function main(): Promise<void> {
  const command = benchCommand(
    'bench:account',
    'does the account name what was throttled?',
  ).parse();
  const engine = findEngine(command.opts<{ engine?: string }>().engine);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-account-'));
  const memory = mkdtempSync('/dev/shm/millrace-account-');
  let wrong = 0;
  const show = (throttled: string, expected: string, account: TransferAccount): void => {
    const label = limitText(account);
    if (label !== expected) wrong++;
    const share = `${Math.floor((account.limit?.share ?? 0) * 100)} %`.padStart(5);
    const verdict = label === expected ? '' : `  expected ${expected}`;
    const parts = Object.entries(account.seconds)
      .filter(([, sec]) => sec > 0)
      .map(([name, sec]) => `${name} ${sec.toFixed(2)}`);
    console.log(
      `${throttled.padEnd(46)} ${label.padEnd(14)} ${share}  ${parts.join(', ')}${verdict}`,
    );
  };
  try {
    console.log(`${'throttled'.padEnd(46)} ${'label'.padEnd(14)} share  seconds`);
    for (const one of CASES) show(one.throttled, one.expected, await run(engine, folder, one));
    show('a peer thread: its uploads spin', 'cpu', await runBusyThread(engine, folder));
    if (spawnSync('taskset', ['--version']).status !== 0 || availableParallelism() < 2)
      console.log('the engine on one core: left out, needs `taskset` and a second core');
    // Where other processes hold that core, the account rightly names hashing and writing instead.
    else if ((loadavg()[0] ?? 0) >= availableParallelism())
      console.log('the engine on one core: left out, the machine is busy with something else');
    else show('the engine: one core for all of it', 'cpu', await runOnOneCore(engine, memory));
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(memory, { recursive: true, force: true });
  }
  process.exitCode = wrong === 0 ? 0 : 1;
}

void main();
