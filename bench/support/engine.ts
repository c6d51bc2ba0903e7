// The compiled engine that is measured: `dist` of this checkout, or another build of it, so that
// two states of the code can be compared in one run.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(__dirname, '..', '..');

export interface Engine {
  /** Folder that holds `lib` and `workers`, compiled. */
  readonly folder: string;
  /** The command line's entry point. */
  readonly main: string;
}

/** Throws when nothing is compiled there. */
export function findEngine(folder = join(ROOT, 'dist')): Engine {
  const main = join(resolve(folder), 'lib', 'cli', 'main.js');
  if (!existsSync(main)) throw new Error(`${main} is missing: run \`npm run build\` first`);
  return { folder: resolve(folder), main };
}

/** A compiled room of the engine, by its path below `lib`. */
export function load<Room>(engine: Engine, path: string): Room {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- its folder is an option
  return require(join(engine.folder, 'lib', path)) as Room;
}
