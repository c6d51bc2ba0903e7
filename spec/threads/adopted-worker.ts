// The worker thread of `thread.spec.ts`: posts a hundred messages on its port, then ends as its start data says.

import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { announceReady } from '../../lib/threads/supervisor';

export interface AdoptedStart {
  readonly port: MessagePort;
  readonly end: 'exit' | 'throw' | 'return' | 'spin' | 'ready-then-wait';
}

function run({ port: own, end }: Partial<AdoptedStart>): void {
  const port = own ?? parentPort;
  if (port === null) return;
  if (end === 'ready-then-wait') {
    announceReady(port);
    port.on('message', () => undefined);
    return;
  }
  const cell = new Int32Array(new SharedArrayBuffer(4));
  if (end === 'spin') port.postMessage(cell);
  for (let n = 0; n < 100; n++) port.postMessage(n);
  if (end === 'exit') process.exit(3);
  if (end === 'throw') {
    setImmediate(() => {
      throw new Error('thrown on purpose');
    });
  }
  while (end === 'spin') Atomics.add(cell, 0, 1);
}

if (!isMainThread && workerData !== null) run(workerData as Partial<AdoptedStart>);
