// Child process: an embedder with many idle torrents. It reports how long adding them took, and
// what they cost at rest.
//
// Takes its configuration as JSON in argv; prints one JSON line when all is measured, ends with
// stdin.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as Library from '../../lib/index';

export interface IdleConfig {
  readonly engineFolder: string;
  readonly torrentPaths: readonly string[];
  readonly output: string;
  /** True where the data exists: waits until each torrent is verified and seeding. */
  readonly seeding: boolean;
  readonly settleMs: number;
  readonly idleMs: number;
}

export interface IdleReport {
  readonly addSec: number;
  /** Share of one core, in percent, while nothing happens. */
  readonly idleCpuPercent: number;
}

async function main(): Promise<void> {
  const config = JSON.parse(process.argv[2] ?? '') as IdleConfig;
  // The compiled engine's folder is an option.
  const { Coordinator } = require(join(config.engineFolder, 'lib', 'index.js')) as typeof Library;
  const engine = await Coordinator.start();
  const startedMs = performance.now();
  const torrents = await Promise.all(
    config.torrentPaths.map((path) => engine.add(path, { output: config.output })),
  );
  if (config.seeding) await Promise.all(torrents.map(({ completed }) => completed));
  const addSec = (performance.now() - startedMs) / 1000;
  await sleep(config.settleMs);
  const before = process.cpuUsage();
  await sleep(config.idleMs);
  const { user, system } = process.cpuUsage(before);
  const idleCpuPercent = (user + system) / 10 / config.idleMs;
  const report: IdleReport = { addSec, idleCpuPercent };
  console.log(JSON.stringify(report));
  process.stdin.resume().once('end', () => process.exit(0));
}

void main();
