// A thread started elsewhere and supervised over a port: its end is seen after all its messages,
// whatever ended it, and its successor is the supervisor's own.

import { expect } from 'chai';
import path from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { supervise, type SupervisedThread } from '../../lib/threads/supervisor';
import { AdoptedThread, type Thread } from '../../lib/threads/thread';
import { until } from '../support/until';
import type { AdoptedStart } from './adopted-worker';

const FILE = path.join(__dirname, `adopted-worker${path.extname(__filename)}`);

function start(end: AdoptedStart['end']): { worker: Worker; adopted: AdoptedThread } {
  const { port1: port, port2 } = new MessageChannel();
  const workerData: AdoptedStart = { port, end };
  const worker = new Worker(FILE, { workerData, transferList: [port] });
  worker.on('error', () => undefined); // Of its starter, not of its supervisor.
  return { worker, adopted: new AdoptedThread(port2, () => void worker.terminate()) };
}

describe('threads: an adopted thread', () => {
  for (const end of ['exit', 'throw', 'return'] as const) {
    it(`that ends by ${end} delivers all its messages before its exit`, async () => {
      const { adopted } = start(end);
      const received: unknown[] = [];
      await new Promise<void>((done) => {
        adopted.on('message', (message) => received.push(message));
        adopted.on('exit', () => done());
      });
      expect(received).to.have.length(100);
    });
  }

  it('no longer runs once its exit is reported, although it never yielded', async () => {
    const { adopted } = start('spin');
    const cell = await new Promise<Int32Array>((done) => {
      adopted.on('message', (message) => {
        if (message instanceof Int32Array) done(message);
      });
    });
    const exited = new Promise<void>((done) => adopted.on('exit', () => done()));
    await until(() => Atomics.load(cell, 0) > 0, 'the thread to run');
    adopted.terminate();
    await exited;
    const last = Atomics.load(cell, 0);
    await new Promise((done) => setImmediate(done));
    expect(Atomics.load(cell, 0)).to.equal(last);
  });

  it('is seen to end even when ended before its first line', async () => {
    const { worker, adopted } = start('return');
    const received: string[] = [];
    adopted.on('message', () => received.push('message'));
    adopted.on('exit', () => received.push('exit'));
    await worker.terminate();
    await until(() => received.includes('exit'), 'the end of the thread');
    expect(received, 'it never came to its first line').to.deep.equal(['exit']);
    await new Promise((done) => setImmediate(done));
    expect(received, 'once').to.deep.equal(['exit']);
  });

  it('is restarted by its supervisor, which starts the second itself', async () => {
    const { adopted } = start('ready-then-wait');
    const started: Thread[] = [];
    let restarted: () => void = () => undefined;
    const second = new Promise<void>((done) => (restarted = done));
    let thread: SupervisedThread | undefined;
    const died = new Promise<string>((done) => {
      thread = supervise(
        {
          file: FILE,
          name: 'adopted',
          start: { end: 'ready-then-wait' },
          adopt: adopted,
          restart: () => 0,
        },
        {
          onStarted: (worker) => started.push(worker),
          onReady: () => (started.length === 2 ? restarted() : adopted.terminate()),
          onDied: (error) => done(error.code),
          onFailed: (error) => done(`failed: ${error.message}`),
        },
      );
    });
    expect(await died).to.equal('thread-died');
    await second;
    expect(started[0]).to.equal(adopted);
    expect(started[1]).to.be.instanceOf(Worker);
    await thread?.terminate();
    expect(thread?.state.type).to.equal('stopped');
  });
});
