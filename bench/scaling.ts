// `npm run bench:scaling`: peer threads × verify threads, many torrents at once, many idle ones.

import { availableParallelism } from 'node:os';
import { millrace } from './clients/millrace';
import { benchIdle } from './scaling/idle';
import { benchMany } from './scaling/many';
import { findEngine } from './support/engine';
import {
  benchCommand,
  bytesOf,
  names,
  positive,
  positiveList,
  quickened,
  runMain,
} from './support/flags';
import type { SharedFlags } from './support/flags';
import { Results } from './support/results';
import { inTurn } from './support/rounds';
import { runMatrix } from './swarm/matrix';

interface ScalingFlags extends SharedFlags {
  readonly only: readonly ('threads' | 'many' | 'idle')[];
  readonly peerThreads: readonly number[];
  readonly verifyThreads: readonly number[];
  readonly peers: readonly number[];
  readonly size: number;
  readonly rounds: number;
  readonly torrents: readonly number[];
  readonly idleTorrents: number;
}

/** Minimum of the engine: the second thread works during the message round trips of the first. */
const MIN_VERIFY_THREADS = 2;

/** 1, 2, 4 … and the number of cores. */
function threadCounts(cores: number): number[] {
  const counts: number[] = [];
  for (let count = 1; count < cores; count *= 2) counts.push(count);
  return [...counts, cores];
}

async function main(): Promise<void> {
  const counts = threadCounts(availableParallelism());
  const atLeastTwo = [...new Set(counts.map((count) => Math.max(MIN_VERIFY_THREADS, count)))];
  const command = benchCommand('bench:scaling', 'Threads, many torrents, idle torrents.')
    .option('--only <LIST>', 'threads, many, idle', names('threads', 'many', 'idle'), [
      'threads',
      'many',
      'idle',
    ] as const)
    .option('--peer-threads <LIST>', 'numbers of peer threads', positiveList, counts)
    .option('--verify-threads <LIST>', 'numbers of verify threads', positiveList, atLeastTwo)
    .option('--peers <LIST>', 'numbers of seeders', positiveList, [8, 50])
    .option('--size <BYTES>', 'payload', bytesOf, 2 ** 30)
    .option('--idle-torrents <N>', 'idle torrents', positive, 1000)
    .option('--rounds <N>', 'rounds that count, after one that does not', positive, 5)
    .option('--torrents <LIST>', 'numbers of torrents at once', positiveList, [1, 10, 100])
    .parse();
  const flags = quickened<ScalingFlags>(command, {
    peers: [8],
    size: 2 ** 26,
    torrents: [1, 10],
    idleTorrents: 100,
    rounds: 1,
  });
  const quick = flags.quick === true;
  const engine = findEngine(flags.engine);
  const results = new Results('scaling', flags.save === true);
  const rounds = { rounds: flags.rounds, warmUp: !quick };
  if (flags.only.includes('threads')) {
    const clients = flags.peerThreads.flatMap((peer) =>
      flags.verifyThreads.map((verify) => {
        const options = ['--peer-threads', String(peer), '--verify-threads', String(verify)];
        return millrace(engine, process.execPath, options);
      }),
    );
    await runMatrix(
      {
        runCase: inTurn(rounds),
        clients,
        directions: ['download'],
        peers: flags.peers,
        pieceLengths: [2 ** 20],
        targets: ['tmpfs'],
        totalBytes: flags.size,
        diskFolder: undefined,
      },
      results,
    );
  }
  if (flags.only.includes('many')) {
    await benchMany(engine, flags.torrents, flags.size, rounds, results);
  }
  if (flags.only.includes('idle')) {
    await benchIdle(engine, flags.idleTorrents, quick ? 2000 : 10_000, rounds, results);
  }
  results.end();
}

runMain(main);
