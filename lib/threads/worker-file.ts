// Where thread entry points lie. The only place that knows: the same lines must find `workers/*.ts`
// when run from source and `dist/workers/*.js` when compiled.

import path from 'node:path';

/** Absolute path of the entry point `workers/<name>`. */
export function workerFile(name: string): string {
  return path.join(__dirname, '..', '..', 'workers', name + path.extname(__filename));
}
