// Bar charts as SVG, readable on light and on dark pages: a bar is a median, its whisker the range.

export interface Bar {
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface BarGroup {
  readonly label: string;
  readonly bars: readonly Bar[];
}

export interface Chart {
  readonly title: string;
  /** With the better direction: "MiB/s, more is better". */
  readonly unit: string;
  readonly groups: readonly BarGroup[];
}

const WIDTH = 760;
const MARGIN = 16;
/**
 * Where bars begin follows from the longest name: about 6.5 pixels a letter, up to half the width.
 */
const LETTER_WIDTH = 6.5;
const LEAST_BARS_X = 120;
/** Room behind the longest bar for its figure. */
const FIGURE_WIDTH = 90;
const ROW = 20;
const BAR_HEIGHT = 13;
const GROUP_HEAD = 26;
const HEAD = 56;
const AXIS = 30;
const MAX_TICKS = 5;

// Distinct without red against green; dark enough on white and bright enough on black.
const COLOURS = [
  '#2f7ed8',
  '#e08b1f',
  '#8a63c9',
  '#2a9d8f',
  '#d1477a',
  '#8c7a5b',
  '#6b7f99',
  '#b5a42a',
];

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 15px; font-weight: 600; }
  .group { font-weight: 600; }
  .unit, .tick { fill: #57606a; }
  .grid { stroke: #d0d7de; }
  .whisker { stroke: #24292f; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .unit, .tick { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .whisker { stroke: #e6edf3; }
  }
`;

/** Names get their colours in the order in which they first appear, the same in every group. */
export function renderChart({ title, unit, groups }: Chart): string {
  const names = [...new Set(groups.flatMap(({ bars }) => bars.map(({ name }) => name)))];
  const largest = Math.max(0, ...groups.flatMap(({ bars }) => bars.map(({ max }) => max)));
  const step = tickStep(largest);
  const end = Math.max(step, Math.ceil(largest / step) * step);
  const longest = LETTER_WIDTH * Math.max(0, ...names.map(({ length }) => length));
  const barsX = Math.min(WIDTH / 2, Math.max(LEAST_BARS_X, MARGIN + 8 + longest));
  const x = (value: number): number =>
    barsX + (value / end) * (WIDTH - MARGIN - FIGURE_WIDTH - barsX);
  const rows = groups.reduce((sum, { bars }) => sum + GROUP_HEAD + bars.length * ROW, 0);
  const bottom = HEAD + rows;
  const parts: string[] = [
    text(MARGIN, 24, title, 'title'),
    text(MARGIN, 42, `${unit}; bar: median, whisker: lowest and highest`, 'unit'),
  ];
  for (let tick = 0; tick <= end + step / 2; tick += step) {
    const at = x(tick);
    parts.push(line(at, HEAD, at, bottom + 4, 'grid'));
    parts.push(text(at, bottom + 20, shownFigure(tick), 'tick', 'middle'));
  }
  let y = HEAD;
  for (const { label, bars } of groups) {
    parts.push(text(MARGIN, y + 18, label, 'group'));
    y += GROUP_HEAD;
    for (const bar of bars) {
      parts.push(...row(bar, y, x, COLOURS[names.indexOf(bar.name) % COLOURS.length] ?? ''));
      y += ROW;
    }
  }
  const height = bottom + AXIS;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<style>${STYLE}</style>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function row(bar: Bar, y: number, x: (value: number) => number, colour: string): string[] {
  const middle = y + ROW / 2;
  const top = middle - BAR_HEIGHT / 2;
  const barsX = x(0);
  const width = x(bar.median) - barsX;
  return [
    text(barsX - 8, middle + 4, bar.name, '', 'end'),
    `<rect x="${fixed(barsX)}" y="${top}" width="${fixed(width)}" height="${BAR_HEIGHT}" fill="${colour}"/>`,
    line(x(bar.min), middle, x(bar.max), middle, 'whisker'),
    line(x(bar.min), middle - 3, x(bar.min), middle + 3, 'whisker'),
    line(x(bar.max), middle - 3, x(bar.max), middle + 3, 'whisker'),
    text(x(bar.max) + 8, middle + 4, shownFigure(bar.median), ''),
  ];
}

/** 1, 2 or 5 times a power of ten, so that at most five steps reach the largest value. */
function tickStep(largest: number): number {
  if (!(largest > 0)) return 1;
  const rough = largest / MAX_TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
}

/** Three significant digits, without an exponent. */
export function shownFigure(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const maximumFractionDigits = Math.min(
    6,
    Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))),
  );
  return value.toLocaleString('en', { maximumFractionDigits });
}

function text(x: number, y: number, content: string, kind: string, anchor = 'start'): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" class="${kind}" text-anchor="${anchor}">${escape(content)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}" class="${kind}"/>`;
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
