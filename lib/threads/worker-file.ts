// Finds the entry points of threads: `workers/*.ts` when run from source, `dist/workers/*.js` when
// compiled.

import path from 'node:path';

// A compiled entry point is bundled with this module: then this folder contains all entry points.
const FOLDER =
  path.basename(__dirname) === 'workers' ? __dirname : path.join(__dirname, '..', '..', 'workers');

/** Absolute path of the entry point `workers/<name>`. */
export function workerFile(name: string): string {
  return path.join(FOLDER, name + path.extname(__filename));
}
