// The worker thread of the specs in this folder: what it does is named by its `workerData`.

import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { MillraceError } from '../../lib/errors/millrace-error';
import { exposeControl } from '../../lib/threads/control';
import { announceReady } from '../../lib/threads/supervisor';
import { TypedPort } from '../../lib/threads/typed-port';

export type TestWorkerStart =
  | { readonly mode: 'echo' }
  | { readonly mode: 'control'; readonly port: MessagePort }
  | { readonly mode: 'ready' }
  | { readonly mode: 'throw-at-start' }
  | { readonly mode: 'silent' }
  | { readonly mode: 'ready-then-exit' };

/** What the worker exposes in mode `control`. */
export const testApi = {
  add: (a: number, b: number): number => a + b,
  later: async (value: string): Promise<string> => Promise.resolve(value),
  fail: (): never => {
    throw new MillraceError('disk-full', 'the disk is full: free some space', { freeBytes: 0 });
  },
  failOfSystem: (): never => {
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
  },
  failWithString: (): never => {
    throw 'a bare string';
  },
  uncloneable: (): unknown => ({ method: () => undefined }),
  hang: (): Promise<never> => new Promise(() => undefined),
  die: (): never => process.exit(7),
  crash: (): Promise<never> =>
    new Promise(() => {
      setImmediate(() => {
        throw new Error('boom');
      });
    }),
};

function run(start: TestWorkerStart): void {
  if (parentPort === null) return;
  switch (start.mode) {
    case 'echo': {
      const port = new TypedPort<unknown, unknown>(parentPort, {
        onMessage: (message) => port.send(message),
        onError: (error) => port.send(String(error)),
      });
      return;
    }
    case 'control':
      exposeControl(testApi, start.port);
      return;
    case 'ready':
      announceReady(parentPort);
      parentPort.on('message', (order) => {
        if (order === 'crash') throw new Error('crashed by order');
        if (order === 'stop') process.exit(0);
      });
      return;
    case 'throw-at-start':
      setImmediate(() => {
        throw new Error('cannot start');
      });
      return;
    case 'silent':
      parentPort.on('message', () => undefined);
      return;
    case 'ready-then-exit':
      announceReady(parentPort);
      return;
  }
}

if (!isMainThread && workerData !== null) run(workerData as TestWorkerStart);
