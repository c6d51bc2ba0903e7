// `npm run bench`: micro benches, then the engine and the floor in a swarm on loopback, then the
// delay of an embedder's event loop during a download. `-- --quick` is a smoke test of all of them.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KIB, MIB } from '../lib/bytes/lengths';
import { floor } from './clients/floor';
import { millrace } from './clients/millrace';
import { printRatios } from './compare/ratios';
import { benchEventLoop } from './embedder/event-loop';
import { benchMicro } from './micro/index';
import { findEngine } from './support/engine';
import {
  benchCommand,
  bytesList,
  bytesOf,
  names,
  positive,
  positiveList,
  quickened,
  runMain,
} from './support/flags';
import type { SharedFlags } from './support/flags';
import type { Target } from './support/places';
import { Results } from './support/results';
import { inTurn } from './support/rounds';
import { runMatrix } from './swarm/matrix';

interface RunFlags extends SharedFlags {
  readonly only: readonly ('micro' | 'swarm' | 'event-loop')[];
  readonly peers: readonly number[];
  readonly pieces: readonly number[];
  readonly size: number;
  readonly targets: readonly Target[];
  readonly rounds: number;
  readonly disk?: string;
}

async function main(): Promise<void> {
  const command = benchCommand('bench', 'Micro benches, floor and swarm.')
    .option('--only <LIST>', 'micro, swarm, event-loop', names('micro', 'swarm', 'event-loop'), [
      'micro',
      'swarm',
      'event-loop',
    ] as const)
    .option('--peers <LIST>', 'numbers of seeders or leechers', positiveList, [1, 8, 50])
    .option('--pieces <LIST>', 'piece lengths', bytesList, [
      16 * KIB,
      256 * KIB,
      MIB,
      4 * MIB,
      16 * MIB,
    ])
    .option('--size <BYTES>', 'payload', bytesOf, 1024 * MIB)
    .option('--targets <LIST>', 'tmpfs, disk', names('tmpfs', 'disk'), ['tmpfs', 'disk'] as const)
    .option('--disk <DIR>', 'folder on a disk for the target disk')
    .option('--rounds <N>', 'rounds that count, after one that does not', positive, 5)
    .parse();
  const flags = quickened<RunFlags>(command, {
    peers: [1, 8],
    pieces: [16 * KIB, MIB],
    size: 64 * MIB,
    targets: ['tmpfs'],
    rounds: 1,
  });
  const engine = findEngine(flags.engine);
  const quick = flags.quick === true;
  const results = new Results('bench', flags.save === true);
  if (flags.only.includes('micro')) await benchMicro(engine, quick, results);
  if (flags.only.includes('swarm')) {
    const scratch = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
    const { peers, pieces, size, targets, rounds } = flags;
    await runMatrix(
      {
        clients: [millrace(engine), floor(scratch)],
        directions: ['download', 'upload', 'recheck'],
        peers,
        pieceLengths: pieces,
        targets,
        totalBytes: size,
        diskFolder: flags.disk,
        runCase: inTurn({ rounds, warmUp: !quick }),
      },
      results,
    );
    printRatios(results);
  }
  if (flags.only.includes('event-loop')) await benchEventLoop(engine, quick, results);
  results.end();
}

runMain(main);
