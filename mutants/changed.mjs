// Which lines of code of which rooms differ from a commit.

import { execFileSync } from 'node:child_process';

/** A commit that changes this page has tested all earlier changes, or explained why not. */
const RESULTS = 'docs/MUTANTS.md';

/** Lines without code: nothing can be changed in them. */
const NO_CODE = /^\s*($|\/\/|\/?\*|import )/;

/** Each changed file of these rooms with its changed lines of code, as `first-last`. */
export function changedLines(root, rooms, since) {
  const git = (...args) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 });
  const base = since ?? git('log', '-1', '--format=%H', '--', RESULTS).trim();
  const folders = rooms.map((room) => `lib/${room}`);
  const diff = git('diff', '--unified=0', '--diff-filter=d', '--no-color', base, '--', ...folders);
  const files = [];
  let at = 0;
  for (const line of diff.split('\n')) {
    const [, room, name] = /^\+\+\+ b\/lib\/([^/]+)\/(.+\.ts)$/.exec(line) ?? [];
    const [, first] = /^@@ -\S+ \+(\d+)(?:,\d+)? @@/.exec(line) ?? [];
    if (room !== undefined) files.push({ room, file: `lib/${room}/${name}`, numbers: [] });
    else if (first !== undefined) at = Number(first);
    else if (line.startsWith('+')) {
      if (!NO_CODE.test(line.slice(1))) files.at(-1)?.numbers.push(at);
      at++;
    }
  }
  return files
    .filter(({ numbers }) => numbers.length > 0)
    .map(({ room, file, numbers }) => ({ room, file, lines: ranges(numbers) }));
}

function ranges(numbers) {
  const found = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  return found.map((range) => range.join('-'));
}
