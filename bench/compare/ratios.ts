// Pairwise ratios: the value of the first subject of a case divided by that of another in the same
// round. Both ran in the same minute, so the ratio is steadier than either figure.

import { figuresOf } from '../support/figures';
import type { Figures } from '../support/figures';
import type { Results, Sample } from '../support/results';
import { labelOf } from '../support/rounds';

export interface Ratio {
  readonly subject: string;
  readonly over: string;
  readonly value: string;
  readonly figures: Figures;
}

const COMPARED = ['mibPerSec', 'cpuSecPerGib'];

/** `samples`: those of one case. */
export function ratiosOf(samples: readonly Sample[]): Ratio[] {
  const subject = samples[0]?.subject;
  if (subject === undefined) return [];
  const others = new Set(
    samples.map((sample) => sample.subject).filter((name) => name !== subject),
  );
  const ratios: Ratio[] = [];
  for (const over of others) {
    for (const value of COMPARED) {
      const pairs = samples.flatMap((own) => {
        if (own.subject !== subject) return [];
        const other = samples.find((one) => one.subject === over && one.round === own.round);
        const [ours, theirs] = [own.values[value], other?.values[value]];
        return ours === undefined || theirs === undefined ? [] : [ours / theirs];
      });
      if (pairs.length > 0) ratios.push({ subject, over, value, figures: figuresOf(pairs) });
    }
  }
  return ratios;
}

/** The samples of each case, in the order they came. */
export function byCase(samples: readonly Sample[]): Map<string, Sample[]> {
  const cases = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = labelOf(sample.case);
    const known = cases.get(key);
    if (known) known.push(sample);
    else cases.set(key, [sample]);
  }
  return cases;
}

export function printRatios({ samples }: Results): void {
  for (const [label, ofCase] of byCase(samples)) {
    for (const { subject, over, value, figures } of ratiosOf(ofCase)) {
      const { median, min, max } = figures;
      const shownFigures = `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
      console.log(`${label} | ${value}: ${subject} / ${over} = ${shownFigures}`);
    }
  }
}
