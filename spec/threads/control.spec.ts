// Calls across threads: codes survive, a death rejects everything.

import { expect } from 'chai';
import path from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { MillraceError } from '../../lib/errors/millrace-error';
import { exposeControl, wrapControl } from '../../lib/threads/control';
import type { ControlProxy } from '../../lib/threads/control';
import type { testApi, TestWorkerStart } from './test-worker';

async function rejectionOf(promise: Promise<unknown>): Promise<MillraceError> {
  try {
    await promise;
  } catch (error) {
    return error as MillraceError;
  }
  expect.fail('it did not reject');
}

function startWorker(): { worker: Worker; control: ControlProxy<typeof testApi> } {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(path.join(__dirname, `test-worker${path.extname(__filename)}`), {
    workerData: { mode: 'control', port: port2 } satisfies TestWorkerStart,
    transferList: [port2],
  });
  const died = new Promise<MillraceError>((resolve) => {
    worker.on('error', () => undefined);
    worker.once('exit', (code) => {
      port1.close();
      resolve(new MillraceError('coordinator-died', `the coordinator died (exit code ${code})`));
    });
  });
  return { worker, control: wrapControl<typeof testApi>(port1, died) };
}

describe('control over a real worker', () => {
  let worker: Worker;
  let control: ControlProxy<typeof testApi>;

  before(() => {
    ({ worker, control } = startWorker());
  });

  after(async () => {
    await worker.terminate();
  });

  it('answers with values, of synchronous and asynchronous methods', async () => {
    expect(await control.add(2, 3)).to.equal(5);
    expect(await Promise.all([control.later('a'), control.later('b')])).to.deep.equal(['a', 'b']);
  });

  it('keeps code, message and details of an error', async () => {
    const error = await rejectionOf(control.fail());
    expect(error).to.be.instanceOf(MillraceError);
    expect(error.toRecord()).to.deep.equal({
      code: 'disk-full',
      message: 'the disk is full: free some space',
      details: { freeBytes: 0 },
    });
    expect((await rejectionOf(control.failOfSystem())).code).to.equal('ENOENT');
    const bare = await rejectionOf(control.failWithString());
    expect([bare.code, bare.message]).to.deep.equal(['unexpected', 'a bare string']);
  });

  it('rejects with a clear error when the answer or an argument cannot be cloned', async () => {
    const answer = await rejectionOf(control.uncloneable());
    expect(answer).to.be.instanceOf(MillraceError);
    expect(answer.message).to.match(/uncloneable could not cross/);
    const argument = await rejectionOf(control.later((() => undefined) as unknown as string));
    expect(argument.message).to.match(/later could not cross/);
    expect(await control.add(1, 1)).to.equal(2);
  });

  it('rejects a call of what is no method', async () => {
    const proxy = control as unknown as Record<string, () => Promise<unknown>>;
    for (const name of ['nothing', 'constructor', '__proto__']) {
      const error = await rejectionOf(proxy[name]?.() ?? Promise.resolve());
      expect(error.message).to.match(/no method/);
    }
  });

  it('can be returned from an async function', async () => {
    const same = await Promise.resolve(control);
    expect(await same.add(1, 2)).to.equal(3);
  });
});

describe('control over a worker that dies', () => {
  for (const end of ['die', 'crash'] as const) {
    it(`rejects all pending calls with one error when the thread ends by ${end}`, async () => {
      const { control } = startWorker();
      await control.add(0, 0);
      const errors = await Promise.all([
        rejectionOf(control.hang()),
        rejectionOf(control.hang()),
        rejectionOf(control[end]()),
      ]);
      for (const error of errors) expect(error).to.equal(errors[0]);
      expect(errors[0]?.code).to.equal('coordinator-died');
      // Later calls reject at once, without a message to a thread that is not there.
      expect(await rejectionOf(control.add(1, 1))).to.equal(errors[0]);
    });
  }

  it('rejects pending calls when the thread is terminated', async () => {
    const { worker, control } = startWorker();
    const pending = rejectionOf(control.hang());
    await worker.terminate();
    expect((await pending).code).to.equal('coordinator-died');
  });
});

describe('control over a channel', () => {
  it('calls methods of a class with their own `this`', async () => {
    class Counter {
      #count = 0;
      increment(): number {
        return ++this.#count;
      }
    }
    const { port1, port2 } = new MessageChannel();
    exposeControl(new Counter(), port2);
    const counter = wrapControl<Counter>(port1, new Promise(() => undefined));
    await counter.increment();
    expect(await counter.increment()).to.equal(2);
    port1.close();
  });

  // What this asserts is asserted by the compiler: an unused `@ts-expect-error` is an error.
  it('is typed by one interface on both sides', () => {
    interface Treaty {
      add(a: number, b: number): Promise<number>;
      name(): Promise<string>;
    }
    const { port1, port2 } = new MessageChannel();
    const name = () => Promise.resolve('treaty');
    const treaty = wrapControl<Treaty>(port1, new Promise(() => undefined));
    const wrongCalls = [
      // @ts-expect-error there is no such method
      () => treaty.sub(1, 2),
      // @ts-expect-error an argument of another type
      () => treaty.add('1', 2),
      // @ts-expect-error an argument too few
      () => treaty.add(1),
      // @ts-expect-error an answer of another type
      (): Promise<number> => treaty.name(),
      // @ts-expect-error a method that is not exposed
      () => exposeControl<Treaty>({ name }, port2),
      // @ts-expect-error a method that takes something else
      () => exposeControl<Treaty>({ name, add: (a: string) => Promise.resolve(a.length) }, port2),
      // @ts-expect-error a method that does not exist
      () => exposeControl<Treaty>({ name, add: async (a, b) => a + b, sub: name }, port2),
    ];
    expect(wrongCalls).to.have.length(7);
    port1.close();
  });
});
