// Prints the results of a room as the table of docs/MUTANTS.md.

import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Markdown: a row for each file that was tried, and one for all of them. */
export function table(found) {
  const report = JSON.parse(readFileSync(found, 'utf8'));
  const room = path.basename(found, '.json');
  const rows = Object.entries(report.files)
    .map(([file, { mutants }]) => ({
      name: `\`${path.posix.relative(`lib/${room}`, file)}\``,
      noticed: count(mutants, 'Killed', 'Timeout'),
      byTime: count(mutants, 'Timeout'),
      survived: count(mutants, 'Survived', 'NoCoverage'),
    }))
    .filter(({ noticed, survived }) => noticed + survived > 0)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const all = { name: 'all', noticed: 0, byTime: 0, survived: 0 };
  for (const row of rows) for (const key of ['noticed', 'byTime', 'survived']) all[key] += row[key];
  return [
    '| File | Mutants | Noticed | of these by time | Survived | Score |',
    '| - | - | - | - | - | - |',
    ...[...rows, all].map(({ name, noticed, byTime, survived }) => {
      const tried = noticed + survived;
      const score = tried === 0 ? 100 : Math.round((100 * noticed) / tried);
      return `| ${name} | ${tried} | ${noticed} | ${byTime} | ${survived} | ${score} % |`;
    }),
  ].join('\n');
}

function count(mutants, ...statuses) {
  return mutants.filter(({ status }) => statuses.includes(status)).length;
}
