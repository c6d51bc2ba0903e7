// The far side of the thread hop: sends every message back on a typed port of its own.

import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import type { HopStart } from './hop';
import type * as Module from '../../lib/threads/typed-port';

const { folder } = workerData as HopStart;
// The compiled engine's folder is an option.
const { TypedPort } = require(join(folder, 'lib', 'threads', 'typed-port')) as typeof Module;

if (parentPort === null) throw new Error('hop-worker runs as a worker thread');
const port = new TypedPort<object, object>(parentPort, {
  onMessage: (message) => port.send(message),
  onError: (error) => {
    throw error;
  },
});
