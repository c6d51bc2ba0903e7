// Which lines of which rooms differ from a commit.

import { execFileSync } from 'node:child_process';

/** A commit that changes this page has tried what came before it, or said why not. */
const RESULTS = 'docs/MUTANTS.md';

/** Each changed file of these rooms with its changed lines, as `first-last`. */
export function changedLines(root, rooms, since) {
  const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' });
  const base = since ?? git('log', '-1', '--format=%H', '--', RESULTS).trim();
  const folders = rooms.map((room) => `lib/${room}`);
  const diff = git('diff', '--unified=0', '--diff-filter=d', '--no-color', base, '--', ...folders);
  const files = [];
  for (const line of diff.split('\n')) {
    const [, room, name] = /^\+\+\+ b\/lib\/([^/]+)\/(.+\.ts)$/.exec(line) ?? [];
    if (room !== undefined) files.push({ room, file: `lib/${room}/${name}`, lines: [] });
    const [, first, count = '1'] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? [];
    if (first !== undefined && count !== '0')
      files.at(-1)?.lines.push(`${first}-${Number(first) + Number(count) - 1}`);
  }
  return files.filter(({ lines }) => lines.length > 0);
}
