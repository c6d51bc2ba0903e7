// Runs subjects against each other round by round, so that a noisy minute affects all of them. The
// order rotates, and the first round is dropped: cold pages made the same run take 1.2 or 3.0 s.

import { figuresOf, shown } from './figures';
import type { Case, Results } from './results';

/** Values that are saved but not printed. */
const NOT_PRINTED = new Set(['wallSec', 'userSecPerGib', 'systemSecPerGib', 'peakAnonymousMib']);

export interface Subject {
  readonly name: string;
  /** One run, measured; checks what it did. */
  run(): Promise<Readonly<Record<string, number>>>;
}

export interface RoundOptions {
  /** Rounds that count. */
  readonly rounds: number;
  /** Adds one round in front that does not count. */
  readonly warmUp: boolean;
}

/** A subject that fails is noted and left out of later rounds; the others go on. */
export async function runRounds(
  subjects: readonly Subject[],
  what: Case,
  { rounds, warmUp }: RoundOptions,
  results: Results,
): Promise<void> {
  const failed = new Set<Subject>();
  for (let round = warmUp ? 0 : 1; round <= rounds; round++) {
    const order = round % 2 === 0 ? [...subjects].reverse() : subjects;
    await runInOrder(order, what, round, failed, results);
  }
  for (const { name } of subjects) printSummary(name, what, results);
}

/** One round: each subject as often as `order` names it. Round 0 does not count. */
export async function runInOrder(
  order: readonly Subject[],
  what: Case,
  round: number,
  failed: Set<Subject>,
  results: Results,
): Promise<void> {
  for (const subject of order) {
    if (failed.has(subject)) continue;
    try {
      const values = await subject.run();
      if (round > 0) results.add(subject.name, what, round, values);
    } catch (error) {
      failed.add(subject);
      const reason = error instanceof Error ? error.message : String(error);
      results.miss(subject.name, what, reason);
      console.error(`${labelOf(what)}: ${subject.name} failed: ${reason}`);
    }
  }
}

/** `runRounds` with its options given beforehand. */
export function inTurn(
  options: RoundOptions,
): (subjects: readonly Subject[], what: Case, results: Results) => Promise<void> {
  return (subjects, what, results) => runRounds(subjects, what, options, results);
}

export function labelOf(what: Case): string {
  return Object.entries(what)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** One line per subject: the median and range of each value. */
export function printSummary(subject: string, what: Case, results: Results): void {
  const samples = results.samples.filter(
    (sample) => sample.subject === subject && sample.case === what,
  );
  const names = Object.keys(samples[0]?.values ?? {}).filter((name) => !NOT_PRINTED.has(name));
  if (names.length === 0) return;
  const shownValues = names.map((name) => {
    const figures = figuresOf(samples.map(({ values }) => values[name] ?? NaN));
    return `${name} ${shown(figures, '', figures.median < 10 ? 2 : 0).trim()}`;
  });
  console.log(`${labelOf(what)} | ${subject} | ${shownValues.join(' | ')}`);
}
