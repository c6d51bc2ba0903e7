// The typed port: order, batches, bounds, and one bad message that harms no other.

import { expect } from 'chai';
import { EventEmitter, once } from 'node:events';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { MillraceError } from '../../lib/errors/millrace-error';
import { TypedPort } from '../../lib/threads/typed-port';
import type { PortLike } from '../../lib/threads/typed-port';
import type { TestWorkerStart } from './test-worker';

/** A port that writes down what was posted. */
class FakePort extends EventEmitter implements PortLike {
  readonly posted: unknown[] = [];

  postMessage(value: unknown): void {
    this.posted.push(structuredClone(value));
  }
}

function listen<In>(port: PortLike, limit?: number) {
  const messages: In[] = [];
  const errors: unknown[] = [];
  let batches = 0;
  const typed = new TypedPort<unknown, In>(port, {
    onMessage: (message) => messages.push(message),
    onError: (error) => errors.push(error),
    onBatchEnd: () => batches++,
    ...(limit === undefined ? {} : { limit }),
  });
  return { typed, messages, errors, batches: () => batches };
}

describe('typed port', () => {
  it('posts one array per turn, in the order sent', async () => {
    const port = new FakePort();
    const { typed } = listen(port);
    typed.send(1);
    await Promise.resolve(); // another microtask of the same turn
    typed.send(2);
    expect(typed.pending).to.equal(2);
    expect(port.posted).to.deep.equal([]);
    await nextTurn();
    typed.send(3);
    await nextTurn();
    expect(port.posted).to.deep.equal([[1, 2], [3]]);
    expect(typed.pending).to.equal(0);
  });

  it('posts packed messages, and hands over unpacked ones', () => {
    const port = new FakePort();
    const messages: number[] = [];
    const errors: unknown[] = [];
    const typed = new TypedPort<number, number>(port, {
      onMessage: (message) => messages.push(message),
      onError: (error) => errors.push(error),
      pack: (message) => `${message}`,
      unpack: (posted) => {
        if (typeof posted !== 'string') throw new Error('not packed');
        return Number(posted);
      },
    });
    typed.send(1);
    typed.send(2);
    typed.flush();
    expect(port.posted).to.deep.equal([['1', '2']]);
    port.emit('message', ['3', 4, '5']);
    expect(messages).to.deep.equal([3, 5]);
    expect(errors).to.have.length(1);
    typed.close();
  });

  it('flushes on demand, and not again afterwards', async () => {
    const port = new FakePort();
    const { typed } = listen(port);
    typed.flush();
    typed.send('a');
    typed.flush();
    expect(port.posted).to.deep.equal([['a']]);
    await nextTurn();
    expect(port.posted).to.have.length(1);
  });

  it('delivers each message of a batch, then signals its end once', () => {
    const port = new FakePort();
    const { messages, batches } = listen<number>(port);
    port.emit('message', [1, 2, 3]);
    port.emit('message', [4]);
    expect(messages).to.deep.equal([1, 2, 3, 4]);
    expect(batches()).to.equal(2);
  });

  it('ignores what is not a batch', () => {
    const port = new FakePort();
    const { messages, errors, batches } = listen(port);
    for (const foreign of ['thread-ready', { id: 1 }, null, 5]) port.emit('message', foreign);
    expect([messages, errors, batches()]).to.deep.equal([[], [], 0]);
  });

  it('goes on with the batch when a handler throws, and reports the error', () => {
    const port = new FakePort();
    const seen: number[] = [];
    const errors: unknown[] = [];
    new TypedPort<never, number>(port, {
      onMessage: (message) => {
        if (message === 2) throw new Error('two');
        seen.push(message);
      },
      onError: (error) => errors.push((error as Error).message),
      onBatchEnd: () => {
        throw new Error('end');
      },
    });
    port.emit('message', [1, 2, 3]);
    expect(seen).to.deep.equal([1, 3]);
    expect(errors).to.deep.equal(['two', 'end']);
  });

  it('posts the neighbours of a message that cannot be cloned', () => {
    const port = new FakePort();
    const { typed, errors } = listen(port);
    for (const message of ['before', () => undefined, 'after']) typed.send(message);
    typed.flush();
    expect(port.posted).to.deep.equal([['before'], ['after']]);
    expect(errors).to.have.length(1);
    expect((errors[0] as Error).name).to.equal('DataCloneError');
  });

  it('reports a turn that sends more than the limit, and loses nothing', () => {
    const port = new FakePort();
    const { typed, errors } = listen(port, 3);
    for (let i = 0; i < 5; i++) typed.send(i);
    typed.flush();
    expect(port.posted).to.deep.equal([
      [0, 1, 2],
      [3, 4],
    ]);
    expect((errors as MillraceError[]).map(({ code }) => code)).to.deep.equal(['mailbox-overflow']);
  });

  it('reports what cannot be decoded', () => {
    const port = new FakePort();
    const { errors } = listen(port);
    port.emit('messageerror', new Error('undecodable'));
    expect(errors).to.have.length(1);
  });

  it('posts what is left when it is closed, then neither sends nor listens', async () => {
    const port = new FakePort();
    const { typed, messages } = listen(port);
    typed.send('last words');
    typed.close();
    typed.close();
    typed.send('too late');
    await nextTurn();
    port.emit('message', ['unheard']);
    expect(port.posted).to.deep.equal([['last words']]);
    expect(messages).to.deep.equal([]);
    expect(port.listenerCount('message')).to.equal(0);
  });

  it('delivers nothing more of a batch whose handler closes the port', () => {
    const port = new FakePort();
    const seen: number[] = [];
    const typed = new TypedPort<never, number>(port, {
      onMessage: (message) => {
        seen.push(message);
        typed.close();
      },
      onError: (error) => expect.fail(String(error)),
      onBatchEnd: () => expect.fail('closed'),
    });
    port.emit('message', [1, 2]);
    expect(seen).to.deep.equal([1]);
  });

  it('works over a real channel', async () => {
    const { port1, port2 } = new MessageChannel();
    const left = listen<string>(port1);
    const right = listen<string>(port2);
    const arrived = once(port2, 'message');
    left.typed.send('x');
    left.typed.send('y');
    await arrived;
    expect(right.messages).to.deep.equal(['x', 'y']);
    expect(right.batches()).to.equal(1);
    port1.close();
  });

  it('echoes ten thousand messages through a real worker, in order', async () => {
    const worker = new Worker(path.join(__dirname, `test-worker${path.extname(__filename)}`), {
      workerData: { mode: 'echo' } satisfies TestWorkerStart,
    });
    const COUNT = 10_000;
    const back: unknown[] = [];
    await new Promise<void>((resolve, reject) => {
      const typed = new TypedPort<unknown, unknown>(worker, {
        onMessage: (message) => {
          if (back.push(message) === COUNT) resolve();
        },
        onError: reject,
      });
      worker.once('error', reject);
      for (let i = 0; i < COUNT; i++) typed.send({ type: 'n', i, bits: Uint8Array.of(i & 0xff) });
    });
    back.forEach((message, i) => {
      const { i: index, bits } = message as { i: number; bits: Uint8Array };
      if (index !== i || bits[0] !== (i & 0xff)) expect.fail(`message ${i} came as ${index}`);
    });
    await worker.terminate();
  });
});
