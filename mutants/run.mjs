// `npm run mutants -- ROOM [FILE ...]` or `npm run mutants -- --changed [REF]`: changes one thing
// at a time in a room and checks whether its specs fail. Results are kept in
// mutants/found/ROOM.json; the next run tries only what has changed since.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { changedLines } from './changed.mjs';
import { table } from './table.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.dirname(HERE);

/**
 * The specs of each room that run in one thread; other threads do not load mutants. `slow` ones
 * take seconds each, and run only with `--slow`.
 */
const ROOMS = {
  choke: { specs: ['spec/choke/*.spec.ts'] },
  coordinator: {
    specs: ['spec/coordinator/**/!(invariants|tracker-clients).spec.ts'],
    slow: ['spec/coordinator/**/invariants.spec.ts', 'spec/sim/*.spec.ts'],
  },
  memory: { specs: ['spec/memory/!(*.stress).spec.ts'] },
  peer: { specs: ['spec/peer/**/*.spec.ts'] },
  picker: { specs: ['spec/picker/*.spec.ts'] },
  wire: { specs: ['spec/wire/*.spec.ts'] },
};

const USAGE = `npm run mutants -- [--slow] [--specs NAME,…] ROOM [FILE …]
npm run mutants -- --changed [--minutes N] [REF]
  ROOM       one of ${Object.keys(ROOMS).join(', ')}
  FILE       of the room, with lines or without: picker.ts, picker.ts:10-20
  --specs    run these specs of the room only: fewer specs, faster answers
  --slow     run the specs that take seconds, too
  --changed  the lines that changed since REF, or else since docs/MUTANTS.md did
  --minutes  start nothing new after this time, and say what was not tried`;

const { positionals, values } = options();
const installed =
  existsSync(path.join(HERE, 'node_modules')) || start('npm', ['ci', '--prefix', HERE]) === 0;
if (!installed) process.exit(1);
mkdirSync(path.join(HERE, 'found'), { recursive: true });
process.exitCode = values.changed ? tryChanged() : tryRoom(...positionals);

function options() {
  try {
    const parsed = parseArgs({
      allowPositionals: true,
      options: {
        changed: { type: 'boolean' },
        minutes: { type: 'string' },
        slow: { type: 'boolean' },
        specs: { type: 'string' },
      },
    });
    const { changed, minutes = '1' } = parsed.values;
    if ((changed || ROOMS[parsed.positionals[0]]) && Number(minutes) > 0) return parsed;
  } catch {
    // An unknown option.
  }
  console.error(USAGE);
  process.exit(1);
}

function tryRoom(room, ...files) {
  const code = tryFiles(
    room,
    files.length === 0
      ? [`lib/${room}/**/*.ts`]
      : files.map((file) => (file.startsWith('lib/') ? file : `lib/${room}/${file}`)),
  );
  if (code === 0) console.log(table(path.join(HERE, 'found', `${room}.json`)));
  return code;
}

/** Tests file by file, so that results are printed when the time is up. */
function tryChanged() {
  const untilMs = Date.now() + Number(values.minutes ?? Infinity) * 60_000;
  const files = changedLines(ROOT, Object.keys(ROOMS), positionals[0]);
  let worst = 0;
  const late = [];
  for (const { room, file, lines } of files) {
    const leftMs = untilMs - Date.now();
    if (leftMs < 30_000) {
      late.push(file);
      continue;
    }
    console.log(`\n${file}: lines ${lines.join(', ')}`);
    const ranges = lines.map((range) => `${file}:${range}`);
    worst = Math.max(worst, tryFiles(room, ranges, leftMs));
  }
  if (files.length === 0) console.log('nothing that changed is tried here');
  if (late.length > 0) console.log(`not tried for lack of time: ${late.join(', ')}`);
  return worst;
}

function tryFiles(room, mutate, timeoutMs) {
  const { specs, slow = [] } = ROOMS[room];
  const chosen = values.specs?.split(',').map((name) => `spec/${room}/**/${name}.spec.ts`);
  const config = path.join(HERE, 'found', `${room}.config.json`);
  writeFileSync(
    config,
    JSON.stringify({
      mutate,
      testRunner: 'mocha',
      plugins: [path.join(HERE, 'node_modules/@stryker-mutator/mocha-runner/dist/src/index.js')],
      mochaOptions: {
        'no-config': true,
        'no-package': true,
        spec: chosen ?? (values.slow ? [...specs, ...slow] : specs),
        require: ['./spec/register.cjs', path.join(HERE, 'setup.cjs')],
      },
      coverageAnalysis: 'perTest',
      ignorePatterns: ['bench', 'coverage', 'dist', 'examples', 'mutants'],
      // Types are not checked: running a mutant with a type error costs less than the compiler.
      disableTypeChecks: false,
      concurrency: 1,
      timeoutMS: 2_000,
      incremental: true,
      incrementalFile: `mutants/found/${room}.json`,
      reporters: ['clear-text', 'progress-append-only'],
      clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
      tempDirName: 'mutants/found/sandbox',
    }),
  );
  return start(path.join(HERE, 'node_modules/.bin/stryker'), ['run', config], timeoutMs);
}

function start(command, args, timeout) {
  return spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', timeout }).status ?? 1;
}
