// `npm run bench:report`: a Markdown page and SVG charts of the results below docs/bench/results.

import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command } from 'commander';
import { format } from 'prettier';
import { sectionOf } from './report/sections';
import { ROOT } from './support/engine';
import { runMain } from './support/flags';
import { RESULTS_FOLDER } from './support/results';
import type { ResultLine } from './support/results';

const FOLDER = join(ROOT, 'docs', 'bench');

const HEAD = `# Results

Made by \`npm run bench:report\` from the JSON lines in [results](results); [how to read this](../PERFORMANCE.md).`;

interface ReportFlags {
  readonly to: string;
}

async function main(): Promise<void> {
  const command = new Command('bench:report')
    .description('A page and charts of saved results (default: the newest of each bench and Node).')
    .argument('[files...]', 'results files')
    .option('--to <DIR>', 'where the page and its charts go', FOLDER)
    .parse();
  const { to } = command.opts<ReportFlags>();
  const paths = command.args.length > 0 ? command.args : newestOfEach();
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(to)) if (name.endsWith('.svg')) rmSync(join(to, name));
  const parts = [HEAD];
  for (const path of paths) {
    const { markdown, charts } = sectionOf(basename(path, '.jsonl'), linesOf(path));
    parts.push(markdown);
    for (const [name, svg] of charts) writeFileSync(join(to, name), svg);
  }
  const page = await format(parts.join('\n\n'), { parser: 'markdown' });
  writeFileSync(join(to, 'README.md'), page);
  console.log(`${paths.length} results files → ${join(to, 'README.md')}`);
}

function linesOf(path: string): ResultLine[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ResultLine);
}

/** Names begin with the date, so the last of its kind is the newest. */
function newestOfEach(): string[] {
  const newest = new Map<string, string>();
  for (const name of readdirSync(RESULTS_FOLDER).sort()) {
    if (!name.endsWith('.jsonl')) continue;
    const path = join(RESULTS_FOLDER, name);
    const [machine] = linesOf(path);
    const node = machine?.type === 'machine' ? machine.node : '';
    newest.set(`${name.replace(/^.*-(\w+)\.jsonl$/, '$1')} ${node}`, path);
  }
  return [...newest.values()];
}

runMain(main);
