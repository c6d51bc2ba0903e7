// Results as JSON lines: first the machine, then one line per measured run. The report reads them.

import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './engine';
import { thisMachine } from './machine';
import type { Machine } from './machine';

export const RESULTS_FOLDER = join(ROOT, 'docs', 'bench', 'results');

/** What was varied: direction, peers, piece length … */
export type Case = Readonly<Record<string, string | number>>;

/** One run of one subject (a client, a function) in one case. Names of values end in their unit. */
export interface Sample {
  readonly type: 'sample';
  readonly suite: string;
  readonly case: Case;
  readonly subject: string;
  /** Subjects of one case and round ran right after each other: they may be compared as a pair. */
  readonly round: number;
  readonly values: Readonly<Record<string, number>>;
}

/** A failed run, or a subject that is not available. */
export interface Miss {
  readonly type: 'miss';
  readonly suite: string;
  readonly case: Case;
  readonly subject: string;
  readonly reason: string;
}

export type ResultLine = ({ readonly type: 'machine' } & Machine) | Sample | Miss;

/** Collects the lines of one bench; with `save` they are also appended to a file as they come. */
export class Results {
  readonly samples: Sample[] = [];
  readonly misses: Miss[] = [];
  readonly path: string | undefined;
  readonly suite: string;

  constructor(suite: string, save: boolean) {
    this.suite = suite;
    const machine = thisMachine();
    if (!save) return;
    mkdirSync(RESULTS_FOLDER, { recursive: true });
    const stamp = machine.date.replace(/\..*/, '').replaceAll(/[:T]/g, '-');
    this.path = join(RESULTS_FOLDER, `${stamp}-${suite}.jsonl`);
    writeFileSync(this.path, `${JSON.stringify({ type: 'machine', ...machine })}\n`);
  }

  add(
    subject: string,
    what: Case,
    round: number,
    values: Readonly<Record<string, number>>,
  ): Sample {
    const rounded = Object.entries(values).map(([name, value]) => [name, toDigits(value)]);
    const sample: Sample = {
      type: 'sample',
      suite: this.suite,
      case: what,
      subject,
      round,
      values: Object.fromEntries(rounded) as Record<string, number>,
    };
    this.samples.push(sample);
    this.#write(sample);
    return sample;
  }

  miss(subject: string, what: Case, reason: string): void {
    const line: Miss = { type: 'miss', suite: this.suite, case: what, subject, reason };
    this.misses.push(line);
    this.#write(line);
  }

  /** Prints where the results are, and sets a failing exit code if a run of ours failed. */
  end(): void {
    if (this.path !== undefined) console.log(`kept in ${this.path}`);
    if (this.misses.some(({ subject }) => /^(millrace|floor|embedder|wire|verify)/.test(subject))) {
      process.exitCode = 1;
    }
  }

  #write(line: ResultLine): void {
    if (this.path !== undefined) appendFileSync(this.path, `${JSON.stringify(line)}\n`);
  }
}

/** Five significant digits: more would be noise. */
function toDigits(value: number): number {
  return Number(value.toPrecision(5));
}
