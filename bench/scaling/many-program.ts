// Child process: an embedder that downloads many torrents at once, from start to close.
//
// Takes its configuration as JSON in argv; exit code 0 when all are complete.

import { join } from 'node:path';
import type * as Library from '../../lib/index';

export interface ManyConfig {
  readonly engineFolder: string;
  readonly torrentPaths: readonly string[];
  readonly output: string;
  readonly peers: readonly string[];
}

async function main(): Promise<void> {
  const config = JSON.parse(process.argv[2] ?? '') as ManyConfig;
  // The compiled engine's folder is an option.
  const { Coordinator } = require(join(config.engineFolder, 'lib', 'index.js')) as typeof Library;
  const engine = await Coordinator.start({
    maxConnections: 8000,
    dialsPerSec: 1000,
    maxHalfOpen: 1000,
  });
  const { output, peers } = config;
  const torrents = await Promise.all(
    config.torrentPaths.map((path) => engine.add(path, { output, peers, seed: false })),
  );
  await Promise.all(torrents.map(({ completed }) => completed));
  await engine.close();
}

void main();
