// `npm run mutants -- ROOM [FILE ...]`: changes one thing at a time in a room and looks whether its specs
// notice. Results are kept in mutants/found/ROOM.json: the next run tries only what has changed since.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.dirname(HERE);

/** The specs of each room that run in one thread: no other sees a mutant. */
const ROOMS = {
  choke: ['spec/choke/*.spec.ts'],
  coordinator: ['spec/coordinator/*.spec.ts', 'spec/sim/*.spec.ts'],
  memory: ['spec/memory/!(*.stress).spec.ts'],
  peer: ['spec/peer/**/*.spec.ts'],
  picker: ['spec/picker/*.spec.ts'],
  wire: ['spec/wire/*.spec.ts'],
};

const [room, ...files] = process.argv.slice(2);
const specs = ROOMS[room];
if (specs === undefined) {
  console.error(
    `npm run mutants -- ROOM [FILE …], where ROOM is one of ${Object.keys(ROOMS).join(', ')}`,
  );
  process.exit(1);
}
const installed =
  existsSync(path.join(HERE, 'node_modules')) || run('npm', ['ci', '--prefix', HERE]) === 0;
if (!installed) process.exit(1);
mkdirSync(path.join(HERE, 'found'), { recursive: true });
const config = path.join(HERE, 'found', `${room}.config.json`);
writeFileSync(
  config,
  JSON.stringify({
    mutate: files.length > 0 ? files : [`lib/${room}/**/*.ts`],
    testRunner: 'mocha',
    plugins: [path.join(HERE, 'node_modules/@stryker-mutator/mocha-runner/dist/src/index.js')],
    mochaOptions: {
      'no-config': true,
      'no-package': true,
      spec: specs,
      require: ['./spec/register.cjs'],
    },
    coverageAnalysis: 'perTest',
    ignorePatterns: ['bench', 'coverage', 'dist', 'docs', 'examples', 'mutants'],
    // Types are not checked: a mutant that they forbid costs a run, and the compiler costs more.
    disableTypeChecks: false,
    concurrency: 1,
    timeoutMS: 2_000,
    incremental: true,
    incrementalFile: `mutants/found/${room}.json`,
    reporters: ['clear-text', 'progress-append-only'],
    clearTextReporter: { allowColor: false, logTests: false },
    tempDirName: 'mutants/found/sandbox',
  }),
);
process.exit(run(path.join(HERE, 'node_modules/.bin/stryker'), ['run', config]));

function run(command, args) {
  return spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
}
