// A message to another thread and back, over the typed port: alone, and in batches of one turn.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { load } from '../support/engine';
import type { Engine } from '../support/engine';
import { runTasks } from './task';
import type { MicroOptions, MicroTask } from './task';
import type { Results } from '../support/results';
import type * as Module from '../../lib/threads/typed-port';

export interface HopStart {
  readonly folder: string;
}

const BATCHES = [1, 4, 16, 64, 256];
/** In shape and size like a fact of a peer thread. */
const FACT = {
  type: 'lease-done',
  connection: 65_537,
  piece: 1234,
  generation: 99,
  firstBlock: 0,
  blockCount: 64,
};

export async function benchHops(
  engine: Engine,
  options: MicroOptions,
  results: Results,
): Promise<void> {
  const { TypedPort } = load<typeof Module>(engine, 'threads/typed-port');
  const workerData: HopStart = { folder: engine.folder };
  const worker = new Worker(join(__dirname, 'hop-worker.ts'), { workerData });
  let awaited = 0;
  let allBack: () => void = () => undefined;
  let failed: (error: unknown) => void = () => undefined;
  const port = new TypedPort<object, object>(worker, {
    onMessage() {
      if (--awaited === 0) allBack();
    },
    onError: (error) => failed(error),
  });
  worker.on('error', (error) => failed(error));
  const tasks = BATCHES.map((batch): MicroTask => ({
    subject: 'threads: a message there and back',
    case: { batch },
    units: batch,
    run: () =>
      new Promise<void>((done, fail) => {
        allBack = done;
        failed = fail;
        awaited = batch;
        for (let sent = 0; sent < batch; sent++) port.send(FACT);
      }),
  }));
  try {
    await runTasks(tasks, options, results);
  } finally {
    port.close();
    await worker.terminate();
  }
}
