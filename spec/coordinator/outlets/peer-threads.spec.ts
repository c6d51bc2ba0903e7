// Peer threads as the coordinator sees them, with threads that a spec plays: start, facts, orders,
// the open port, death, stop. Replacements, which are real workers, are in spec/engine.

import { expect } from 'chai';
import { EventEmitter } from 'node:events';
import { mock } from 'node:test';
import { PeerThreads } from '../../../lib/coordinator/outlets/peer-threads';
import type { PeerThreadsOptions } from '../../../lib/coordinator/outlets/peer-threads';
import type { PeerFact, PeerOrder, PeerThreadStart } from '../../../lib/messages/peer-thread';
import type { Thread } from '../../../lib/threads/thread';
import { codeOf, failureOf } from '../../support/code-of';
import { settled, SIM_SETTINGS } from '../../support/sim-engine';

/** A thread that says what the spec wants. */
class PlayedThread extends EventEmitter implements Thread {
  readonly posted: unknown[] = [];
  terminated = 0;

  postMessage(value: unknown): void {
    this.posted.push(value);
  }

  terminate(): void {
    this.terminated++;
    this.emit('exit', 1);
  }

  says(...facts: readonly PeerFact[]): void {
    this.emit('message', facts);
  }

  /** The orders so far: everything that was posted after the start data. */
  get orders(): readonly PeerOrder[] {
    return this.posted.slice(1).flat() as readonly PeerOrder[];
  }
}

const startOf = (thread: number): PeerThreadStart => ({
  thread,
  slab: new SharedArrayBuffer(1),
  blockTable: new SharedArrayBuffer(1),
  peerId: Buffer.from('-MR0000-someone-else'),
  limits: SIM_SETTINGS.limits,
  network: {},
  version: '0.0.0',
});

const CLOSE: PeerOrder = { type: 'close', connection: 32, reason: 'idle-timeout' };
const LOAD: PeerFact = { type: 'load', busy: 0.5, rows: [] };
const TRAFFIC: PeerFact = { type: 'traffic', rows: [32, 1, 2, 3] };

describe('coordinator/peer-threads', () => {
  const running: PeerThreads[] = [];

  function start(count: number, listen: PeerThreadsOptions['listen'] = null) {
    const played = Array.from({ length: count }, () => new PlayedThread());
    const threads = new PeerThreads({ count, start: startOf, booted: played, listen });
    running.push(threads);
    const heard: unknown[] = [];
    threads.listen({
      onFacts: (thread, facts) => heard.push(['facts', thread, [...facts]]),
      onError: (error) => heard.push(['error', String(error)]),
      onListening: (port) => heard.push(['listening', port]),
      onDied: (thread, { code }) => heard.push(['died', thread, code]),
      onRestarted: (thread) => heard.push(['restarted', thread]),
      onFailed: ({ code, details }) => heard.push(['failed', code, details]),
    });
    const [first = new PlayedThread(), second = new PlayedThread()] = played;
    return { threads, first, second, heard };
  }

  afterEach(async () => {
    mock.timers.reset();
    for (const threads of running.splice(0)) {
      for (let thread = 0; thread < 2; thread++) threads.kill(thread);
      await threads.stop(); // Before a replacement is started.
    }
  });

  it('sends each thread its start data, and is ready when all are', async () => {
    const { threads, first, second, heard } = start(2);
    expect([first.posted, second.posted]).to.deep.equal([[startOf(0)], [startOf(1)]]);
    let ready = false;
    void threads.ready().then(() => (ready = true));
    first.says({ type: 'ready' });
    await settled();
    expect(ready).to.equal(false);
    second.says({ type: 'ready' });
    await settled();
    expect(ready).to.equal(true);
    expect(heard.flat(), 'no fact for the coordinator').to.not.include('ready');
  });

  it('sends an order to its thread alone', async () => {
    const { threads, first, second } = start(2);
    threads.order(1, CLOSE);
    threads.order(7, CLOSE);
    await settled();
    expect([first.orders, second.orders]).to.deep.equal([[], [CLOSE]]);
  });

  it('reports the facts of a batch together, with their thread', () => {
    const { second, heard } = start(2);
    second.says(LOAD, TRAFFIC);
    second.says(LOAD);
    expect(heard).to.deep.equal([
      ['facts', 1, [LOAD, TRAFFIC]],
      ['facts', 1, [LOAD]],
    ]);
  });

  it('reports what cannot be decoded', () => {
    const { first, heard } = start(1);
    first.emit('messageerror', new Error('not mine'));
    expect(heard).to.have.length(1);
    expect(String(heard[0])).to.include('not mine');
  });

  describe('with a port to open', () => {
    it('is ready when the port is open, which every thread learns', async () => {
      const { threads, first, heard } = start(1, { port: 0, host: '127.0.0.1' });
      await settled();
      const listen = { type: 'listen', port: 0, share: 'alone', host: '127.0.0.1' } as const;
      expect(first.orders).to.deep.equal([listen]);
      let ready = false;
      void threads.ready().then(() => (ready = true));
      first.says({ type: 'ready' });
      await settled();
      expect(ready).to.equal(false);
      first.says({ type: 'listening', port: 4711 });
      await settled();
      expect(ready).to.equal(true);
      expect(heard).to.deep.include(['listening', 4711]);
      expect(first.orders.slice(1)).to.deep.equal([{ type: 'listen-port', port: 4711 }]);
      first.says({ type: 'listening', port: 4711 });
      await settled();
      expect(first.orders, 'it is no news').to.have.length(2);
    });

    const failure: PeerFact = { type: 'listen-failed', code: 'EADDRINUSE', message: 'in use' };

    it('is never ready where it cannot be opened, and says which', async () => {
      for (const [host, where] of [
        ['127.0.0.1', '127.0.0.1'],
        [undefined, 'any address'],
      ] as const) {
        const { threads, first } = start(1, { port: 80, host });
        const ready = failureOf(threads.ready());
        first.says(failure);
        const { code, message, details } = await ready;
        expect([code, details]).to.deep.equal(['listen-failed', { cause: 'EADDRINUSE', port: 80 }]);
        expect(message).to.equal(`cannot listen on ${where}, port 80: in use`);
      }
    });

    it('reports a failure after the start, which ends nothing', async () => {
      const { threads, first, heard } = start(1, { port: 80, host: undefined });
      first.says({ type: 'ready' }, { type: 'listening', port: 80 });
      await threads.ready();
      first.says(failure);
      expect(heard).to.deep.include(['failed', 'listen-failed', { cause: 'EADDRINUSE', port: 80 }]);
    });
  });

  describe('a thread that dies', () => {
    it('is reported once it was ready, and gets no more orders', async () => {
      const { threads, first, second, heard } = start(2);
      for (const thread of [first, second]) thread.says({ type: 'ready' });
      await threads.ready();
      expect(threads.kill(1)).to.equal(true);
      expect(heard.at(-1)).to.deep.equal(['died', 1, 'thread-died']);
      expect(threads.kill(1), 'it is gone').to.equal(false);
      threads.order(1, CLOSE);
      await settled();
      expect(second.orders).to.deep.equal([]);
    });

    it('ends the start if it was not ready', async () => {
      const { threads, first, second, heard } = start(2);
      first.says({ type: 'ready' });
      const ready = codeOf(threads.ready());
      expect(threads.kill(1), 'also while it starts').to.equal(true);
      expect(second.terminated).to.equal(1);
      expect(await ready).to.equal('thread-start-failed');
      expect(heard, 'a start that failed is no death').to.not.deep.include([
        'died',
        1,
        'thread-start-failed',
      ]);
    });
  });

  describe('a stop', () => {
    it('asks each thread to stop, and ends it when it has', async () => {
      const { threads, first, second, heard } = start(2);
      for (const thread of [first, second]) thread.says({ type: 'ready' });
      await threads.ready();
      let stopped = false;
      const stop = threads.stop().then(() => (stopped = true));
      for (const { orders } of [first, second]) expect(orders).to.deep.equal([{ type: 'stop' }]);
      first.says({ type: 'stopped' });
      await settled();
      expect([first.terminated, second.terminated, stopped]).to.deep.equal([1, 0, false]);
      second.emit('exit', 0);
      await stop;
      expect(second.terminated, 'it has ended by itself').to.equal(0);
      expect(heard.flat()).to.not.include('died');
    });

    it('ends a thread that does not answer within 3 s', async () => {
      const { threads, first } = start(1);
      first.says({ type: 'ready' });
      await threads.ready();
      mock.timers.enable({ apis: ['setTimeout'] });
      const stop = threads.stop();
      mock.timers.tick(2_999);
      await settled();
      expect(first.terminated).to.equal(0);
      mock.timers.tick(1);
      await stop;
      expect(first.terminated).to.equal(1);
    });
  });
});
