// Renders one results file: one table for each kind of sample, and charts of the values listed
// here. Pure: lines in, Markdown and SVG out.

import { byCase, ratiosOf } from '../compare/ratios';
import { figuresOf } from '../support/figures';
import type { Figures } from '../support/figures';
import type { Miss, ResultLine, Sample } from '../support/results';
import { labelOf } from '../support/rounds';
import { renderChart, shownFigure } from './chart';
import type { BarGroup } from './chart';
import { headingOf, unitOf } from './values';

export interface Section {
  readonly markdown: string;
  /** File name → SVG. */
  readonly charts: ReadonlyMap<string, string>;
}

/** Values with a chart, where samples have them. */
const CHARTED = ['mibPerSec', 'cpuSecPerGib', 'peakRssMib', 'aboveIdleP99Ms'];
/** Nanoseconds of a room of the engine, where their growth is the point. */
const CHARTED_BY_KIND: Readonly<Record<string, readonly string[]>> = { picker: ['nsPerUnit'] };
/** Values that would only widen a table; they stay in the JSON lines. */
const NOT_IN_TABLES = new Set(['wallSec', 'userSecPerGib', 'systemSecPerGib']);

/** `stem`: the results file's name, which also begins the names of the charts. */
export function sectionOf(stem: string, lines: readonly ResultLine[]): Section {
  const machine = lines.find((line) => line.type === 'machine');
  const samples = lines.filter((line) => line.type === 'sample');
  const misses = lines.filter((line) => line.type === 'miss');
  const charts = new Map<string, string>();
  const parts: string[] = [`## ${stem}`];
  if (machine !== undefined) {
    const { date, cpu, cores, memoryMib, kernel, node, millrace, commit, load } = machine;
    parts.push(
      `${date.slice(0, 10)}, ${cpu}, ${cores} cores, ${Math.round(memoryMib / 1024)} GiB, Linux ${kernel}, ` +
        `Node ${node.slice(1)}, Millrace ${millrace} at ${commit}, load before the start ${load.toFixed(1)}. ` +
        `Median (lowest–highest).`,
    );
  }
  for (const [kind, ofKind] of groupBy(samples, kindOf)) {
    parts.push(`### ${kind}`, tableOf(ofKind));
    for (const value of CHARTED_BY_KIND[kind] ?? CHARTED) {
      const groups = barGroups(ofKind, value);
      if (groups.length === 0) continue;
      const name = `${stem}-${kind}-${value}.svg`.replaceAll(/[^\w.-]+/g, '-').toLowerCase();
      charts.set(name, renderChart({ title: kind, unit: unitOf(value), groups }));
      parts.push(`![${kind}: ${headingOf(value)}](${name})`);
    }
  }
  if (misses.length > 0) parts.push('### Not measured', missList(misses));
  return { markdown: `${parts.join('\n\n')}\n`, charts };
}

/**
 * The table of a sample: a direction and place of a swarm, a room of the micro benches, a bench.
 */
function kindOf({ case: what, subject }: Sample): string {
  if (what.direction !== undefined) return `${what.direction}, ${what.target}`;
  if (what.bench !== undefined) return String(what.bench);
  return subject.replace(/:.*/, '');
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

function caseLabel({ case: what }: Sample): string {
  const { direction: _direction, target: _target, bench: _bench, ...rest } = what;
  return labelOf(rest);
}

function tableOf(samples: readonly Sample[]): string {
  const values = Object.keys(samples[0]?.values ?? {}).filter((name) => !NOT_IN_TABLES.has(name));
  const compared = [...byCase(samples).values()].some((ofCase) => ratiosOf(ofCase).length > 0);
  const headings = ['case', 'subject', ...values.map(headingOf)];
  if (compared) headings.push('speed of the first, pair by pair', 'its CPU, pair by pair');
  const rows = [headings, headings.map((_, column) => (column < 2 ? '---' : '--:'))];
  for (const ofCase of byCase(samples).values()) {
    const ratios = ratiosOf(ofCase);
    for (const [subject, own] of groupBy(ofCase, (sample) => sample.subject)) {
      const first = own[0];
      if (first === undefined) continue;
      const cells = values.map((value) => shown(figuresFor(own, value)));
      if (compared) {
        for (const value of ['mibPerSec', 'cpuSecPerGib']) {
          const ratio = ratios.find((one) => one.over === subject && one.value === value);
          cells.push(ratio === undefined ? '' : `× ${shown(ratio.figures)}`);
        }
      }
      rows.push([caseLabel(first), subject, ...cells]);
    }
  }
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function figuresFor(samples: readonly Sample[], value: string): Figures {
  return figuresOf(samples.flatMap(({ values }) => values[value] ?? []));
}

function shown({ median, min, max }: Figures): string {
  if (Number.isNaN(median)) return '';
  if (min === max) return shownFigure(median);
  return `${shownFigure(median)} (${shownFigure(min)}–${shownFigure(max)})`;
}

function barGroups(samples: readonly Sample[], value: string): BarGroup[] {
  const groups: BarGroup[] = [];
  for (const ofCase of byCase(samples).values()) {
    const [first] = ofCase;
    const bars = [...groupBy(ofCase, (sample) => sample.subject)].flatMap(([name, own]) => {
      const figures = figuresFor(own, value);
      return Number.isNaN(figures.median) ? [] : [{ name, ...figures }];
    });
    if (first !== undefined && bars.length > 0) groups.push({ label: caseLabel(first), bars });
  }
  return groups;
}

function missList(misses: readonly Miss[]): string {
  return misses
    .map(({ subject, case: what, reason }) => {
      const label = labelOf(what);
      return `- ${subject}${label === '' ? '' : ` (${label})`}: ${reason.split('\n')[0]}`;
    })
    .join('\n');
}
