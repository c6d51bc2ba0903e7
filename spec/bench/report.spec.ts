// From samples to ratios, a table and charts.

import { expect } from 'chai';
import { ratiosOf } from '../../bench/compare/ratios';
import { renderChart, shownFigure } from '../../bench/report/chart';
import { sectionOf } from '../../bench/report/sections';
import { figuresOf } from '../../bench/support/figures';
import type { Case, Sample } from '../../bench/support/results';

const CASE: Case = { direction: 'download', peers: 8, pieces: '1 MiB', target: 'tmpfs' };

function sample(subject: string, round: number, mibPerSec: number, cpuSecPerGib: number): Sample {
  const values = { mibPerSec, cpuSecPerGib };
  return { type: 'sample', suite: 'compare', case: CASE, subject, round, values };
}

describe('bench figures', () => {
  it('finds medians of odd and even counts', () => {
    expect(figuresOf([3, 1, 2])).to.deep.equal({ median: 2, min: 1, max: 3 });
    expect(figuresOf([4, 1, 2, 3])).to.deep.equal({ median: 2.5, min: 1, max: 4 });
  });

  it('shows three significant digits', () => {
    expect([0.012345, 1.2345, 123.45, 12345].map(shownFigure)).to.deep.equal([
      '0.0123',
      '1.23',
      '123',
      '12,345',
    ]);
  });
});

describe('bench ratios', () => {
  it('divides within a round, whatever the machine did between rounds', () => {
    const samples = [
      ...[sample('a', 1, 100, 1), sample('b', 1, 50, 2)],
      ...[sample('b', 2, 5, 20), sample('a', 2, 10, 10)],
      sample('a', 3, 1000, 1), // b failed in this round: no pair
    ];
    const [speed, cpu] = ratiosOf(samples);
    expect(speed).to.deep.include({ subject: 'a', over: 'b', value: 'mibPerSec' });
    expect(speed?.figures).to.deep.equal({ median: 2, min: 2, max: 2 });
    expect(cpu?.figures.median).to.equal(0.5);
  });
});

describe('bench report', () => {
  const samples = [
    ...[1, 2, 3].map((round) => sample('millrace', round, 500 + round, 1.5)),
    ...[1, 2, 3].map((round) => sample('a <rival> & co', round, 250, 3)),
  ];

  it('draws a bar and a whisker per subject, safe to embed', () => {
    const bars = [{ name: 'a <rival> & co', median: 2, min: 1, max: 3 }];
    const svg = renderChart({ title: 'T', unit: 'MiB/s', groups: [{ label: 'g', bars }] });
    expect(svg.match(/<rect/g)).to.have.length(1);
    expect(svg.match(/class="whisker"/g)).to.have.length(3);
    expect(svg).to.contain('a &lt;rival&gt; &amp; co').and.not.contain('NaN');
    expect(svg).to.contain('prefers-color-scheme: dark');
    expect(renderChart({ title: 'empty', unit: '', groups: [] })).to.not.match(/NaN|Infinity/);
  });

  it('makes a table with medians, ranges and pairwise ratios, and lists what is missing', () => {
    const miss = {
      type: 'miss',
      suite: 'compare',
      case: {},
      subject: 'x',
      reason: 'not here\nat all',
    };
    const { markdown, charts } = sectionOf('2026-01-01-compare', [...samples, miss as never]);
    expect(markdown).to.contain('| peers 8, pieces 1 MiB | millrace | 502 (501–503) | 1.5 |');
    expect(markdown).to.match(/a <rival> & co \| 250 \| 3 \| × 2\.01 \(2–2\.01\) \| × 0\.5 \|/);
    expect(markdown).to.contain('- x: not here\n');
    expect([...charts.keys()]).to.deep.equal([
      '2026-01-01-compare-download-tmpfs-mibpersec.svg',
      '2026-01-01-compare-download-tmpfs-cpusecpergib.svg',
    ]);
    for (const name of charts.keys()) expect(markdown).to.contain(`](${name})`);
  });
});
