// The confidence interval of a ratio of paired runs: the Hodges-Lehmann estimate and the interval
// of Wilcoxon's signed-rank test. A single disturbed run moves them little.

export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** Two-sided 90 %: five per cent of the normal distribution lie above this. */
const Z_90 = 1.645;

/**
 * The ratio that the pairs' ratios lie around, and its 90 % interval. Works on logarithms, so that
 * a ratio and its inverse weigh the same. With fewer than five pairs the interval is their range.
 */
export function intervalOf(ratios: readonly number[]): Interval {
  const logs = ratios.map(Math.log);
  const averages: number[] = [];
  for (const [at, one] of logs.entries()) {
    for (const other of logs.slice(at)) averages.push((one + other) / 2);
  }
  averages.sort((a, b) => a - b);
  const count = logs.length;
  // Mean and deviation of the signed-rank sum: n(n+1)/4 and √(n(n+1)(2n+1)/24); half a rank
  // corrects for the sums being whole numbers.
  const mean = (count * (count + 1)) / 4;
  const deviation = Math.sqrt((count * (count + 1) * (2 * count + 1)) / 24);
  const outside = Math.max(0, Math.floor(mean - 0.5 - Z_90 * deviation));
  const last = averages.length - 1;
  const at = (index: number): number => Math.exp(averages[index] ?? NaN);
  return {
    estimate: Math.sqrt(at(Math.floor(last / 2)) * at(Math.ceil(last / 2))),
    low: at(outside),
    high: at(last - outside),
  };
}
