// Where thread entry points lie. The only place that knows: the same lines must find `workers/*.ts`
// when run from source and `dist/workers/*.js` when compiled.

import path from 'node:path';

// A compiled entry point is one file with this module in it: then this is the folder of them all.
const FOLDER =
  path.basename(__dirname) === 'workers' ? __dirname : path.join(__dirname, '..', '..', 'workers');

/** Absolute path of the entry point `workers/<name>`. */
export function workerFile(name: string): string {
  return path.join(FOLDER, name + path.extname(__filename));
}
