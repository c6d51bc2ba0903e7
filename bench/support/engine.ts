// The compiled engine that is measured: `dist` of this checkout, or another build of it, so that
// two states of the code can be compared in one run.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(__dirname, '..', '..');

export interface Engine {
  /** Folder that holds `lib` and `workers`, compiled. */
  readonly folder: string;
  /** The command line's entry point. */
  readonly main: string;
}

/** Throws when nothing is compiled there; warns when the sources are newer than `dist`. */
export function findEngine(folder?: string): Engine {
  const where = folder === undefined ? join(ROOT, 'dist') : resolve(folder);
  const main = join(where, 'lib', 'cli', 'main.js');
  if (!existsSync(main)) throw new Error(`${main} is missing: run \`npm run build\` first`);
  if (folder === undefined && newestSourceMs() > statSync(main).mtimeMs) {
    console.error('The sources are newer than dist: this measures what was built last.');
  }
  return { folder: where, main };
}

function newestSourceMs(): number {
  let newestMs = 0;
  for (const room of ['lib', 'workers']) {
    for (const name of readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      newestMs = Math.max(newestMs, statSync(join(ROOT, room, name)).mtimeMs);
    }
  }
  return newestMs;
}

/** A compiled room of the engine, by its path below `lib`. */
export function load<Room>(engine: Engine, path: string): Room {
  // Its folder is an option.
  return require(join(engine.folder, 'lib', path)) as Room;
}
