// `npm run bench:compare`: the engine against every other client found on this machine, with the
// same seeders, payloads and measures, run by run in turn. With several `--engine NAME=DIR`: builds
// of the engine against the first one, until it is decided whether they are slower.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import { aria2 } from './clients/aria2';
import { Unavailable } from './clients/client';
import type { Client } from './clients/client';
import { floor } from './clients/floor';
import { libtorrent } from './clients/libtorrent';
import { millrace } from './clients/millrace';
import { transmission } from './clients/transmission';
import { webtorrent } from './clients/webtorrent';
import { runBuilds } from './compare/builds';
import { printRatios } from './compare/ratios';
import { findEngine } from './support/engine';
import {
  benchCommand,
  bytesList,
  bytesOf,
  collect,
  namedBuilds,
  names,
  positive,
  positiveList,
  quickened,
  runMain,
} from './support/flags';
import type { NamedBuild, SharedFlags } from './support/flags';
import type { Target } from './support/places';
import { Results } from './support/results';
import { inTurn } from './support/rounds';
import { runMatrix } from './swarm/matrix';
import type { Direction, RunCase } from './swarm/matrix';

interface CompareFlags extends Omit<SharedFlags, 'engine'> {
  readonly engine?: readonly NamedBuild[];
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
  readonly maxRounds: number;
  readonly disk?: string;
}

async function main(): Promise<void> {
  const command = benchCommand(
    'bench:compare',
    'Millrace against other clients, or builds of it against each other, run by run in turn.',
    new Option(
      '--engine <NAME=DIR>',
      'compiled engine to measure (default: dist of this checkout); repeated: builds against the first',
    ).argParser(namedBuilds),
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
    .option(
      '--max-rounds <N>',
      'with several builds: rounds after which it stays undecided',
      positive,
      40,
    )
    .parse();
  const flags = quickened<CompareFlags>(command, { peers: [1], size: 2 ** 26, rounds: 1 });
  const results = new Results('compare', flags.save === true);
  const scratch = mkdtempSync(join(tmpdir(), 'millrace-compare-'));
  process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const clients = comparesBuilds(flags) ? findBuilds(flags) : findClients(flags, scratch, results);
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
      runCase: caseRunner(flags),
    },
    results,
  );
  if (!comparesBuilds(flags)) printRatios(results);
  results.end();
}

function comparesBuilds({ engine }: CompareFlags): boolean {
  return engine !== undefined && engine.length > 1;
}

function caseRunner(flags: CompareFlags): RunCase {
  const { rounds, maxRounds } = flags;
  const warmUp = flags.quick !== true;
  if (!comparesBuilds(flags)) return inTurn({ rounds, warmUp });
  return (subjects, what, results) =>
    runBuilds(subjects, what, { rounds, maxRounds, warmUp }, results);
}

/** Lists the first build twice: its difference from itself is the noise. */
function findBuilds({ engine: builds = [], node = [process.execPath] }: CompareFlags): Client[] {
  if (node.length > 1) throw new Error('--node: builds are compared on one Node at a time');
  const clients = builds.map(({ name, folder }) => ({
    ...millrace(findEngine(folder), node[0]),
    name,
  }));
  const [first, ...others] = clients;
  if (first === undefined) return [];
  return [first, ...others, { ...first, name: `${first.name}, again` }];
}

function findClients(flags: CompareFlags, scratch: string, results: Results): Client[] {
  const engine = findEngine(flags.engine?.[0]?.folder);
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
