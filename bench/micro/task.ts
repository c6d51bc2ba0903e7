// A micro bench: one function of the engine, called over and over by tinybench. Figures are per
// unit (a block, a pick, a message), because that is what a budget is made of.

import { Bench } from 'tinybench';
import type { Case, Results } from '../support/results';

export interface MicroTask {
  readonly subject: string;
  readonly case: Case;
  /** Units that one call handles. */
  readonly units: number;
  run(): unknown;
}

export interface MicroOptions {
  /** How long each task runs, after a quarter of that to warm up. */
  readonly timeMs: number;
}

/** Runs tasks one by one and records nanoseconds per unit. */
export async function runTasks(
  tasks: Iterable<MicroTask>,
  { timeMs }: MicroOptions,
  results: Results,
): Promise<void> {
  for (const task of tasks) {
    const bench = new Bench({
      time: timeMs,
      warmupTime: timeMs / 4,
      iterations: 5,
      warmupIterations: 2,
    });
    bench.add(task.subject, () => task.run());
    await bench.run();
    const result = bench.tasks[0]?.result;
    if (result?.state !== 'completed') {
      const why = result?.state === 'errored' ? String(result.error) : String(result?.state);
      results.miss(task.subject, task.case, why);
      console.error(`${task.subject} failed: ${why}`);
      continue;
    }
    const nsPer = (ms: number): number => (ms * 1e6) / task.units;
    const { p50, p99, mean } = result.latency;
    const values = { nsPerUnit: nsPer(p50), meanNsPerUnit: nsPer(mean), p99NsPerUnit: nsPer(p99) };
    results.add(task.subject, task.case, 1, values);
    const per = Object.entries(task.case)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
    console.log(
      `${task.subject} (${per}): ${shownNs(values.nsPerUnit)}, p99 ${shownNs(values.p99NsPerUnit)}`,
    );
  }
}

function shownNs(ns: number): string {
  return ns < 10_000 ? `${ns.toFixed(ns < 10 ? 2 : 0)} ns` : `${(ns / 1000).toFixed(1)} µs`;
}

/** Seeded random numbers in [0, 1), so that two runs do the same work. */
export function seededRandom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
