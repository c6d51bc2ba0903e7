// Child process: an embedder that downloads and measures its own event loop meanwhile. The parent
// decides what is measured, so everything is an argument.
//
// Takes its configuration as JSON in argv, prints one JSON line.

import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as Library from '../../lib/index';

export interface EmbedderConfig {
  readonly engineFolder: string;
  readonly torrentPath: string;
  readonly output: string;
  readonly peers: readonly string[];
  readonly idleMs: number;
}

export interface EmbedderReport {
  readonly idleP99Ms: number;
  readonly idleMaxMs: number;
  readonly busyP99Ms: number;
  readonly busyMaxMs: number;
  readonly downloadSec: number;
}

/** Resolution of the delay histogram; with the default of 10 ms, an idle process shows 10 ms. */
const RESOLUTION_MS = 1;
const NS_PER_MS = 1e6;

async function main(): Promise<void> {
  const config = JSON.parse(process.argv[2] ?? '') as EmbedderConfig;
  // The compiled engine's folder is an option.
  const { Coordinator } = require(join(config.engineFolder, 'lib', 'index.js')) as typeof Library;
  const engine = await Coordinator.start();
  await sleep(500); // Start-up is another bench.
  const idle = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  idle.enable();
  await sleep(config.idleMs);
  idle.disable();
  const busy = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  busy.enable();
  const startedMs = performance.now();
  const { output, peers } = config;
  const torrent = await engine.add(config.torrentPath, { output, peers, seed: false });
  await torrent.completed;
  const downloadSec = (performance.now() - startedMs) / 1000;
  busy.disable();
  await engine.close();
  const report: EmbedderReport = {
    idleP99Ms: idle.percentile(99) / NS_PER_MS,
    idleMaxMs: idle.max / NS_PER_MS,
    busyP99Ms: busy.percentile(99) / NS_PER_MS,
    busyMaxMs: busy.max / NS_PER_MS,
    downloadSec,
  };
  console.log(JSON.stringify(report));
}

void main();
