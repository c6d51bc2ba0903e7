// `npm run sim`: random swarms with faults, in several processes. Its last lines have the format of mocha,
// so that CI can count: a hundred swarms count as one spec, and so do the rare paths.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { USAGE, readOptions } from './options';
import type { RunOptions } from './options';
import { playOrder } from './player';
import type { Order, Result } from './player';
import { missed } from './reached';
import { scenarioOf } from './scenario';
import { countsOf, linesOf, pathLines, writeChart } from './summary';
import type { Tally } from './summary';

/** Swarms that count as one spec. */
const GROUP = 100;
/** Fewest swarms that must take every rare path; fewer may miss one by chance. */
const ENOUGH_FOR_PATHS = 1000;

interface Part {
  readonly title: string;
  readonly orders: readonly Order[];
}

const CI_PARTS = [
  { seeds: 1000, minNodes: 3, maxNodes: 12 },
  { seeds: 5, minNodes: 60, maxNodes: 60 },
  { seeds: 1, minNodes: 200, maxNodes: 200 },
];

function partsOf({ ci, ...options }: RunOptions): Part[] {
  return (ci ? CI_PARTS : [options]).map(({ seeds, minNodes, maxNodes }) => ({
    title: `${seeds} swarms of ${minNodes === maxNodes ? minNodes : `${minNodes} to ${maxNodes}`} nodes`,
    orders: Array.from({ length: seeds }, (_, at) => ({
      seed: options.from + at,
      minNodes,
      maxNodes,
    })),
  }));
}

/** A child that keeps playing until nothing is left. */
function work(child: ChildProcess, next: () => Order | undefined, done: (result: Result) => void) {
  return new Promise<void>((resolve, reject) => {
    const goOn = (): void => {
      const order = next();
      if (order) child.send(order);
      else child.disconnect();
    };
    child.on('message', (result: Result) => {
      done(result);
      goOn();
    });
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`a process of the simulation ended with ${code}`)),
    );
    goOn();
  });
}

/** Plays all orders; the results are in the order of the seeds, whichever process was faster. */
async function playAll(orders: readonly Order[], processes: number): Promise<Result[]> {
  const results = new Map<number, Result>();
  let at = 0;
  const workers = Array.from({ length: Math.min(processes, orders.length) }, () =>
    work(
      fork(join(__dirname, 'player.ts'), { execArgv: process.execArgv }),
      () => orders[at++],
      (result) => results.set(result.order.seed, result),
    ),
  );
  await Promise.all(workers);
  return orders.flatMap(({ seed }) => results.get(seed) ?? []);
}

/** Groups of swarms that passed, and that failed. */
function countGroups({ results }: Tally): { passing: number; failing: number } {
  let passing = 0;
  let failing = 0;
  for (let at = 0; at < results.length; at += GROUP) {
    const isGood = results.slice(at, at + GROUP).every(({ error }) => error === undefined);
    if (isGood) passing++;
    else failing++;
  }
  return { passing, failing };
}

async function playOne(seed: number, options: RunOptions): Promise<void> {
  const result = await playOrder({ ...options, seed });
  if (result.error !== undefined) throw new Error(result.error);
  console.log(inspect(scenarioOf(seed, options), { depth: null, maxArrayLength: null }));
  const { sec, trace, counts } = result.played;
  console.log(`complete after ${sec.toFixed(3)} s, trace ${trace}`);
  for (const [path, count] of Object.entries(counts).sort()) console.log(`  ${count}  ${path}`);
}

async function main(options: RunOptions): Promise<void> {
  const { seed, processes, svg, hash } = options;
  if (seed !== undefined) return playOne(seed, options);
  const tallies: Tally[] = [];
  for (const { title, orders } of partsOf(options)) {
    const tally = { title, results: await playAll(orders, processes) };
    tallies.push(tally);
    console.log(linesOf(tally).join('\n'));
  }
  const counts = countsOf(tallies);
  console.log(pathLines(counts).join('\n'));
  if (svg !== undefined) writeChart(svg, tallies);
  if (hash) console.log(`hash of all traces: ${hashOf(tallies)}`);
  let passing = 0;
  let failing = 0;
  for (const groups of tallies.map(countGroups)) {
    passing += groups.passing;
    failing += groups.failing;
  }
  const swarms = tallies.reduce((sum, { results }) => sum + results.length, 0);
  if (swarms >= ENOUGH_FOR_PATHS) {
    if (missed(counts).length > 0) failing++;
    else passing++;
  }
  console.log(`\n  ${passing} passing\n  ${failing} failing`);
  if (failing > 0) process.exitCode = 1;
}

function hashOf(tallies: readonly Tally[]): string {
  const hash = createHash('sha1');
  for (const { results } of tallies)
    for (const result of results) hash.update(result.error ?? result.played.trace);
  return hash.digest('hex');
}

try {
  void main(readOptions(process.argv.slice(2))).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 1;
}
