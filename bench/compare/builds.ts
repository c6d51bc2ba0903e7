// Builds of the engine against each other. A round runs the first build A, the others, A again, and
// then all of them backwards (A B A' A' B A), so that a drift of the machine affects all alike. The
// pair A'/A shows how much a build differs from itself: the noise that a difference must exceed.

import type { Results, Sample } from '../support/results';
import { labelOf, printSummary, runInOrder } from '../support/rounds';
import type { RoundOptions, Subject } from '../support/rounds';
import type { Direction, MatrixCase } from '../swarm/matrix';
import { intervalOf } from './interval';
import type { Interval } from './interval';

/** What is judged, which way is worse, and how much worse is a regression. */
interface Measure {
  readonly value: 'mibPerSec' | 'cpuSecPerGib';
  readonly worse: 'below' | 'above';
  readonly limit: number;
}

/**
 * Largest accepted change for the worse. Identical builds differ by more than 2 % in the upload,
 * hence 5 % there.
 */
const LIMITS: Readonly<Record<Direction, number>> = { download: 0.02, upload: 0.05, recheck: 0.02 };

export interface Verdict extends Measure {
  readonly subject: string;
  readonly over: string;
  readonly interval: Interval;
  /** Number of rounds behind the interval. */
  readonly rounds: number;
  readonly outcome: 'regression' | 'no regression' | 'undecided';
}

export function measuresOf(direction: Direction): readonly Measure[] {
  const limit = LIMITS[direction];
  return [
    { value: 'mibPerSec', worse: 'below', limit },
    { value: 'cpuSecPerGib', worse: 'above', limit },
  ];
}

/**
 * Judges every subject against the first one: a regression when the whole interval lies beyond the
 * limit, undecided when the interval contains the limit.
 */
export function judge(samples: readonly Sample[], direction: Direction): Verdict[] {
  const subjects = [...new Set(samples.map(({ subject }) => subject))];
  const [over, ...others] = subjects;
  if (over === undefined) return [];
  return others.flatMap((subject) =>
    measuresOf(direction).flatMap((measure) => {
      const ratios = roundRatios(samples, subject, over, measure.value);
      if (ratios.length === 0) return [];
      const interval = intervalOf(ratios);
      return [
        {
          ...measure,
          ...{ subject, over, interval, rounds: ratios.length },
          outcome: outcomeOf(measure, interval),
        },
      ];
    }),
  );
}

function outcomeOf({ worse, limit }: Measure, { low, high }: Interval): Verdict['outcome'] {
  const best = worse === 'below' ? high : 1 / low;
  const worst = worse === 'below' ? low : 1 / high;
  if (best < 1 - limit) return 'regression';
  return worst >= 1 - limit ? 'no regression' : 'undecided';
}

/** One ratio a round: the two runs of each subject as their geometric mean. */
function roundRatios(
  samples: readonly Sample[],
  subject: string,
  over: string,
  value: Measure['value'],
): number[] {
  const logs = new Map<number, { own: number[]; other: number[] }>();
  for (const sample of samples) {
    const figure = sample.values[value];
    if (figure === undefined || (sample.subject !== subject && sample.subject !== over)) continue;
    const round = logs.get(sample.round) ?? { own: [], other: [] };
    logs.set(sample.round, round);
    (sample.subject === subject ? round.own : round.other).push(Math.log(figure));
  }
  return [...logs.values()]
    .filter(({ own, other }) => own.length === 2 && other.length === 2)
    .map(({ own, other }) => Math.exp((sum(own) - sum(other)) / 2));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export interface BuildRounds extends RoundOptions {
  /** Rounds are added up to this many while a verdict is undecided. */
  readonly maxRounds: number;
}

/** Runs the rounds of one case, prints each build's figures and the verdicts. */
export async function runBuilds(
  subjects: readonly Subject[],
  what: MatrixCase,
  { rounds, maxRounds, warmUp }: BuildRounds,
  results: Results,
): Promise<void> {
  const failed = new Set<Subject>();
  const order = [...subjects, ...[...subjects].reverse()];
  const verdicts = (): Verdict[] =>
    judge(
      results.samples.filter((sample) => sample.case === what),
      what.direction,
    );
  for (let round = warmUp ? 0 : 1; round <= maxRounds; round++) {
    await runInOrder(order, what, round, failed, results);
    if (round >= rounds && verdicts().every(({ outcome }) => outcome !== 'undecided')) break;
  }
  for (const { name } of subjects) printSummary(name, what, results);
  for (const verdict of verdicts()) console.log(`${labelOf(what)} | ${shownVerdict(verdict)}`);
}

export function shownVerdict(verdict: Verdict): string {
  const { value, subject, over, interval, rounds, limit, outcome } = verdict;
  const { estimate, low, high } = interval;
  const ratio = `${estimate.toFixed(3)} (90 %: ${low.toFixed(3)}–${high.toFixed(3)})`;
  return `${value}: ${subject} / ${over} = ${ratio}, ${rounds} rounds: ${outcome} (limit ${limit * 100} %)`;
}
