// `npm run bench:compare`: the engine against every other client found on this machine, with the
// same seeders, payloads and measures, run by run in turn.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aria2 } from './clients/aria2';
import { Unavailable } from './clients/client';
import type { Client } from './clients/client';
import { floor } from './clients/floor';
import { libtorrent } from './clients/libtorrent';
import { millrace } from './clients/millrace';
import { transmission } from './clients/transmission';
import { webtorrent } from './clients/webtorrent';
import { printRatios } from './compare/ratios';
import { findEngine } from './support/engine';
import {
  benchCommand,
  bytesList,
  bytesOf,
  collect,
  names,
  positive,
  positiveList,
  quickened,
  runMain,
} from './support/flags';
import type { SharedFlags } from './support/flags';
import type { Target } from './support/places';
import { Results } from './support/results';
import { runMatrix } from './swarm/matrix';
import type { Direction } from './swarm/matrix';

interface CompareFlags extends SharedFlags {
  readonly node?: readonly string[];
  readonly libtorrent?: readonly string[];
  readonly webtorrentNode?: string;
  readonly clients?: readonly string[];
  readonly directions: readonly Direction[];
  readonly peers: readonly number[];
  readonly pieces: readonly number[];
  readonly size: number;
  readonly targets: readonly Target[];
  readonly rounds: number;
  readonly disk?: string;
}

async function main(): Promise<void> {
  const command = benchCommand(
    'bench:compare',
    'Millrace against other clients, run by run in turn.',
  )
    .option('--node <PATH>', 'Node to run Millrace and the floor with; repeatable', collect)
    .option(
      '--libtorrent <COMMAND>',
      'another libtorrent (docs/PERFORMANCE.md); repeatable',
      collect,
    )
    .option('--webtorrent-node <PATH>', 'Node ≥ 22 for webtorrent (default: this one)')
    .option('--clients <NAMES>', 'only clients whose name begins so, comma-separated', (text) =>
      text.split(','),
    )
    .option(
      '--directions <LIST>',
      'download, upload, recheck',
      names('download', 'upload', 'recheck'),
      ['download', 'upload', 'recheck'] as const,
    )
    .option('--peers <LIST>', 'numbers of peers', positiveList, [1, 8, 50])
    .option('--pieces <LIST>', 'piece lengths', bytesList, [2 ** 20])
    .option('--size <BYTES>', 'payload', bytesOf, 2 ** 30)
    .option('--targets <LIST>', 'tmpfs, disk', names('tmpfs', 'disk'), ['tmpfs'] as const)
    .option('--disk <DIR>', 'folder on a disk for --targets disk')
    .option('--rounds <N>', 'rounds that count, after one that does not', positive, 5)
    .parse();
  const flags = quickened<CompareFlags>(command, { peers: [1], size: 2 ** 26, rounds: 1 });
  const results = new Results('compare', flags.save === true);
  const scratch = mkdtempSync(join(tmpdir(), 'millrace-compare-'));
  process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const clients = findClients(flags, scratch, results);
  console.log(`clients: ${clients.map(({ name }) => name).join('; ')}`);
  await runMatrix(
    {
      clients,
      directions: flags.directions,
      peers: flags.peers,
      pieceLengths: flags.pieces,
      targets: flags.targets,
      totalBytes: flags.size,
      diskFolder: flags.disk,
      rounds: flags.rounds,
      warmUp: !flags.quick,
    },
    results,
  );
  printRatios(results);
  results.end();
}

function findClients(flags: CompareFlags, scratch: string, results: Results): Client[] {
  const engine = findEngine(flags.engine);
  const nodes = flags.node ?? [process.execPath];
  const makers: (readonly [string, () => Client])[] = [
    ...nodes.map((node) => ['millrace', () => millrace(engine, node)] as const),
    ...nodes.map((node) => ['floor', () => floor(scratch, node)] as const),
    ['libtorrent', () => libtorrent()],
    ...(flags.libtorrent ?? []).map((words) => ['libtorrent', () => libtorrent(words)] as const),
    ['aria2', () => aria2()],
    ['transmission', () => transmission()],
    ['webtorrent', () => webtorrent(flags.webtorrentNode ?? process.execPath, scratch)],
  ];
  const clients: Client[] = [];
  for (const [name, make] of makers) {
    if (flags.clients !== undefined && !flags.clients.some((wanted) => name.startsWith(wanted)))
      continue;
    try {
      clients.push(make());
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      console.log(`${name} left out: ${error.message}`);
      results.miss(name, {}, error.message);
    }
  }
  return clients;
}

runMain(main);
