// `npm run bench:attack`: an honest leecher fetches a payload from the engine, alone and beside
// attackers, in turn. Measures its rate, and the CPU time that attackers cost the engine's threads.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB } from '../lib/bytes/lengths';
import { freePort } from '../spec/support/free-port';
import type { AttackersConfig, AttackersDone } from './attack/attackers';
import { ATTACKS } from './attack/attacks';
import type { AttackName } from './attack/attacks';
import { writeLongTorrent } from './attack/long-torrent';
import type { TargetConfig } from './attack/target';
import { Child, sourceCommand, untilReported } from './support/children';
import { findEngine } from './support/engine';
import { figuresOf, shown } from './support/figures';
import { benchCommand, bytesOf, names, positive, quickened, runMain } from './support/flags';
import type { SharedFlags } from './support/flags';
import { placeFor } from './support/places';
import { cpuOfThreads } from './support/processes';
import { makeTorrent, storePayload, writeTorrent } from './support/torrent';
import type { BenchTorrent } from './support/torrent';
import type { LeechersConfig, LeechersDone } from './swarm/leechers';

interface AttackFlags extends SharedFlags {
  readonly attacks: readonly AttackName[];
  readonly attackers: number;
  readonly slots?: number;
  readonly size: number;
  readonly rounds: number;
}

const PIECE_LENGTH_BYTES = MIB;
const DEADLINE_MS = 300_000;
/** How long attackers run before the honest peer connects, and before CPU time is read. */
const SETTLE_MS = 10_000;
/**
 * Honest fetches per run, one after the other; their median counts, as single ones differ by a
 * third.
 */
const FETCHES = 5;
/** Interval over which the CPU time of the attack alone is read. */
const ALONE_MS = 2_000;

interface Run {
  readonly mibPerSec: number;
  /** Milliseconds of CPU per second: peer thread (the busiest), the next one, all. */
  readonly busiest?: number;
  readonly second?: number;
  readonly all?: number;
  readonly mibSentPerSec?: number;
}

interface Bench {
  readonly flags: AttackFlags;
  readonly torrent: BenchTorrent;
  readonly target: Omit<TargetConfig, 'port'>;
  readonly long: { readonly infoHash: string; readonly pieceCount: number } | undefined;
}

async function main(): Promise<void> {
  const all = Object.keys(ATTACKS) as AttackName[];
  const command = benchCommand('bench:attack', 'An honest peer beside hostile ones.')
    .option('--attacks <LIST>', all.join(', '), names(...all), all)
    .option('--attackers <N>', 'hostile peers', positive, 100)
    .option('--slots <N>', 'upload slots of the engine (default: its own)', positive)
    .option('--size <BYTES>', 'payload', bytesOf, 512 * MIB)
    .option('--rounds <N>', 'rounds that count, after one that does not', positive, 5)
    .parse();
  const flags = quickened<AttackFlags>(command, {
    attackers: 20,
    size: 64 * MIB,
    rounds: 1,
    attacks: ['never-read', 'cancel'],
  });
  const engine = findEngine(flags.engine);
  const place = placeFor('tmpfs', 1.2 * flags.size);
  const scratch = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const shape = { salt: 1, totalBytes: flags.size, pieceLengthBytes: PIECE_LENGTH_BYTES };
  const torrent = await makeTorrent(shape);
  storePayload(torrent, place.folder);
  const long = flags.attacks.includes('reconnect') ? await writeLongTorrent(scratch) : undefined;
  const bench: Bench = {
    flags,
    torrent,
    long,
    target: {
      engine: engine.folder,
      torrentPath: writeTorrent(torrent, join(scratch, 'payload.torrent')),
      data: place.folder,
      scratch,
      ...(flags.slots === undefined ? {} : { uploadSlots: flags.slots }),
      ...(long === undefined ? {} : { longTorrentPath: long.path }),
    },
  };
  console.log(`node ${process.version}, ${flags.attackers} attackers, median (min–max)`);
  for (const attack of flags.attacks) await measureAttack(bench, attack);
}

async function measureAttack(bench: Bench, attack: AttackName): Promise<void> {
  const { rounds, quick } = bench.flags;
  const quiet: Run[] = [];
  const disturbed: Run[] = [];
  for (let round = quick === true ? 1 : 0; round <= rounds; round++) {
    const order = round % 2 === 0 ? [attack, undefined] : [undefined, attack];
    for (const one of order) {
      const run = await measureRun(bench, one);
      if (round > 0) (one === undefined ? quiet : disturbed).push(run);
    }
  }
  const ratios = quiet.map(({ mibPerSec }, at) => (disturbed[at]?.mibPerSec ?? NaN) / mibPerSec);
  const of = (runs: readonly Run[], key: keyof Run): string =>
    shown(figuresOf(runs.map((run) => run[key] ?? NaN)), '').trim();
  console.log(
    [
      attack,
      `honest ${of(quiet, 'mibPerSec')} MiB/s, beside it ${of(disturbed, 'mibPerSec')}`,
      `ratio ${shown(figuresOf(ratios), '', 2).trim()}`,
      `CPU ms/s of it alone: busiest thread ${of(disturbed, 'busiest')}, next ${of(disturbed, 'second')}, all ${of(disturbed, 'all')}`,
      `${of(disturbed, 'mibSentPerSec')} MiB/s sent`,
    ].join(' | '),
  );
}

/** One engine, some honest fetches; the cost of the attack alone is read before the first fetch. */
async function measureRun(bench: Bench, attack: AttackName | undefined): Promise<Run> {
  const { torrent, target } = bench;
  const port = await freePort();
  const engine = new Child({
    command: sourceCommand(join(__dirname, 'attack', 'target.ts'), { ...target, port }),
  });
  const children = [engine];
  try {
    await engine.untilPrinted(/^ready$/m, DEADLINE_MS);
    let cost: Partial<Run> = {};
    let attackers: Child | undefined;
    if (attack !== undefined) {
      attackers = new Child({
        command: sourceCommand(
          join(__dirname, 'attack', 'attackers.ts'),
          attackersOf(bench, attack, port),
        ),
      });
      children.push(attackers);
      const startedMs = performance.now();
      await sleep(SETTLE_MS);
      const before = cpuOfThreads(engine.pid);
      await sleep(ALONE_MS);
      const spent = cpuOfThreads(engine.pid)
        .map(({ thread, cpuSec }) => {
          const earlier = before.find((one) => one.thread === thread)?.cpuSec ?? 0;
          return ((cpuSec - earlier) * 1e6) / ALONE_MS;
        })
        .sort((a, b) => b - a);
      cost = {
        busiest: spent[0] ?? 0,
        second: spent[1] ?? 0,
        all: spent.reduce((a, b) => a + b, 0),
      };
      const honest = await fetchOften(torrent, port, children);
      attackers.process.stdin?.end();
      const { mibSent } = await untilReported<AttackersDone>(attackers, DEADLINE_MS);
      const elapsedSec = (performance.now() - startedMs) / 1000;
      return { ...cost, mibPerSec: honest, mibSentPerSec: mibSent / elapsedSec };
    }
    return { mibPerSec: await fetchOften(torrent, port, children) };
  } finally {
    for (const child of children) await child.kill();
  }
}

function attackersOf(
  { flags, torrent, long }: Bench,
  attack: AttackName,
  port: number,
): AttackersConfig {
  const { payload, infoHash } = torrent;
  const common = { attack, count: flags.attackers, port, pieceLengthBytes: PIECE_LENGTH_BYTES };
  if (attack === 'reconnect' && long !== undefined) return { ...common, ...long };
  return { ...common, infoHash, pieceCount: payload.pieceCount };
}

async function fetchOften(torrent: BenchTorrent, port: number, children: Child[]): Promise<number> {
  const speeds: number[] = [];
  while (speeds.length < FETCHES && speeds.at(-1) !== 0) {
    speeds.push(await fetchHonestly(torrent, port, children));
  }
  return speeds.at(-1) === 0 ? 0 : figuresOf(speeds).median;
}

/** MiB per second from the first interest to the last byte, including the wait for a slot. */
async function fetchHonestly(
  { payload, infoHash }: BenchTorrent,
  port: number,
  children: Child[],
): Promise<number> {
  const { shape } = payload;
  const config: LeechersConfig = { host: '127.0.0.1', port, count: 1, infoHash, shape };
  const child = new Child({
    command: sourceCommand(join(__dirname, 'swarm', 'leechers.ts'), config),
  });
  children.push(child);
  await child.untilPrinted(/ready/, DEADLINE_MS);
  child.process.stdin?.write('go');
  try {
    const { waitSec, wallSec } = await untilReported<LeechersDone>(child, DEADLINE_MS);
    return shape.totalBytes / MIB / (waitSec + wallSec);
  } catch {
    return 0; // It was not served at all.
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

runMain(main);
