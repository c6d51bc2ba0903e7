// `npm run mutants -- ROOM [FILE ...]`: changes one thing at a time in a room and looks whether its specs
// notice. Results are kept in mutants/found/ROOM.json: the next run tries only what has changed since.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { table } from './table.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.dirname(HERE);

/**
 * The specs of each room that run in one thread: no other sees a mutant. Those that take seconds come
 * last, since the first failure ends a run; `slow` ones run with `--slow` only.
 */
const ROOMS = {
  choke: { specs: ['spec/choke/*.spec.ts'] },
  coordinator: {
    specs: ['spec/coordinator/!(invariants|tracker-clients).spec.ts'],
    slow: ['spec/coordinator/invariants.spec.ts', 'spec/sim/*.spec.ts'],
  },
  memory: { specs: ['spec/memory/!(*.stress).spec.ts'] },
  peer: { specs: ['spec/peer/**/*.spec.ts'] },
  picker: { specs: ['spec/picker/*.spec.ts'] },
  wire: { specs: ['spec/wire/*.spec.ts'] },
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { slow: { type: 'boolean' }, specs: { type: 'string' } },
});
const [room, ...files] = positionals;
if (ROOMS[room] === undefined) {
  console.error(
    `npm run mutants -- [--slow] [--specs NAME,…] ROOM [FILE …], where ROOM is one of ${Object.keys(ROOMS).join(', ')}`,
  );
  process.exit(1);
}
const { specs, slow = [] } = ROOMS[room];
const chosen = values.specs?.split(',').map((name) => `spec/${room}/${name}.spec.ts`);
const installed =
  existsSync(path.join(HERE, 'node_modules')) || run('npm', ['ci', '--prefix', HERE]) === 0;
if (!installed) process.exit(1);
mkdirSync(path.join(HERE, 'found'), { recursive: true });
const config = path.join(HERE, 'found', `${room}.config.json`);
const found = `mutants/found/${room}.json`;
writeFileSync(
  config,
  JSON.stringify({
    // `picker.ts` and `picker.ts:10-20` mean the room's file, or these lines of it.
    mutate:
      files.length > 0
        ? files.map((file) => (file.startsWith('lib/') ? file : `lib/${room}/${file}`))
        : [`lib/${room}/**/*.ts`],
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
    // Types are not checked: a mutant that they forbid costs a run, and the compiler costs more.
    disableTypeChecks: false,
    concurrency: 1,
    timeoutMS: 2_000,
    incremental: true,
    incrementalFile: found,
    reporters: ['clear-text', 'progress-append-only'],
    clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
    tempDirName: 'mutants/found/sandbox',
  }),
);
const code = run(path.join(HERE, 'node_modules/.bin/stryker'), ['run', config]);
if (code === 0) console.log(table(path.join(ROOT, found)));
process.exit(code);

function run(command, args) {
  return spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
}
