// The output of `npm run sim`: how many swarms passed, how long they took, which rare paths they took, and a
// histogram of the times to completion.

import { writeFileSync } from 'node:fs';
import { renderChart } from '../../../bench/report/chart';
import { addCounts, missed } from './reached';
import type { Result } from './player';

const BINS = 12;
const BAR_WIDTH = 50;

export interface Tally {
  readonly title: string;
  readonly results: readonly Result[];
}

/** The lines about one set of swarms. */
export function linesOf({ title, results }: Tally): string[] {
  const cpu = sorted(results.map(({ cpuMs }) => cpuMs));
  const secs = sorted(secondsOf(results));
  const failed = results.filter(({ error }) => error !== undefined);
  const mean = cpu.reduce((sum, ms) => sum + ms, 0) / cpu.length;
  return [
    `${title}: ${results.length - failed.length} kept their promises, ${failed.length} did not`,
    `  processor time  ${ms(mean)} on average, ${ms(quantile(cpu, 0.5))} median, ${ms(quantile(cpu, 1))} longest`,
    `  to completion   ${quantile(secs, 0.5).toFixed(1)} s median, ${quantile(secs, 0.99).toFixed(1)} s 99 %, ${quantile(secs, 1).toFixed(1)} s longest, in virtual time`,
    ...histogram(secs).map((line) => `  ${line}`),
    ...failed.map(({ error }) => `\n${error}`),
  ];
}

export function countsOf(tallies: readonly Tally[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { results } of tallies)
    for (const result of results)
      if (result.error === undefined) addCounts(counts, result.played.counts);
  return counts;
}

/** The rare paths, the rarest first, and those that no swarm took. */
export function pathLines(counts: Readonly<Record<string, number>>): string[] {
  const paths = Object.entries(counts).sort(([, a], [, b]) => a - b);
  const rarest = paths
    .slice(0, 30)
    .map(([path, count]) => `  ${String(count).padStart(8)}  ${path}`);
  return [
    `rare paths, of ${paths.length}:`,
    ...rarest,
    ...missed(counts).map((path) => `  NOT ONCE  ${path}`),
  ];
}

function histogram(secs: readonly number[]): string[] {
  if (secs.length < BINS) return [];
  const last = quantile(secs, 0.99);
  const width = Math.max(1, Math.ceil(last / BINS));
  const counts = new Array<number>(BINS + 1).fill(0);
  for (const sec of secs) {
    const bin = Math.min(BINS, Math.floor(sec / width));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const most = Math.max(...counts);
  return counts.map((count, bin) => {
    const from = `${bin * width} s${bin === BINS ? '+' : ''}`.padStart(8);
    return `${from} ${'█'.repeat(Math.ceil((count / most) * BAR_WIDTH))} ${count}`;
  });
}

/** A chart of the time to completion, by the number of nodes in a swarm. */
export function writeChart(file: string, tallies: readonly Tally[]): void {
  const groups = tallies.map(({ title, results }) => {
    const secs = sorted(secondsOf(results));
    const [min, median, max] = [0, 0.5, 1].map((share) => quantile(secs, share));
    return {
      label: title,
      bars: [{ name: 'completion', min: min ?? 0, median: median ?? 0, max: max ?? 0 }],
    };
  });
  const title = 'Time until every node is complete';
  writeFileSync(file, renderChart({ title, unit: 's of virtual time, less is better', groups }));
}

function secondsOf(results: readonly Result[]): number[] {
  return results.flatMap((result) => (result.error === undefined ? [result.played.sec] : []));
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

function quantile(values: readonly number[], share: number): number {
  return values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? 0;
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
