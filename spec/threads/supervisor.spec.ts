// Supervision, with real threads and a clock of our own: no test waits for time to pass.

import { expect } from 'chai';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { Thread } from '../../lib/threads/thread';
import type { MillraceError } from '../../lib/errors/millrace-error';
import { nextBackoffMs } from '../../lib/threads/backoff';
import { supervise } from '../../lib/threads/supervisor';
import type {
  SupervisedThread,
  SuperviseOptions,
  SupervisorClock,
} from '../../lib/threads/supervisor';
import type { TestWorkerStart } from './test-worker';
import { noThread } from '../support/no-thread';

class FakeClock implements SupervisorClock {
  now = 0;
  readonly timers: { delayMs: number; callback: () => void }[] = [];

  nowMs(): number {
    return this.now;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { delayMs, callback };
    this.timers.push(timer);
    return () => {
      const index = this.timers.indexOf(timer);
      if (index >= 0) this.timers.splice(index, 1);
    };
  }

  /** Runs the one timer that is set. */
  fire(): void {
    const [timer] = this.timers.splice(0, 1);
    if (timer === undefined) expect.fail('no timer is set');
    timer.callback();
  }
}

type Note =
  | { type: 'started' | 'ready'; worker: Thread }
  | { type: 'died'; error: MillraceError; restartInMs: number | undefined }
  | { type: 'failed'; error: MillraceError };

/** Supervises a test worker; `next` waits for the next callback and names it. */
function watch(start: TestWorkerStart, more: Partial<SuperviseOptions<TestWorkerStart>> = {}) {
  const clock = new FakeClock();
  const notes: Note[] = [];
  let wake: () => void = () => undefined;
  const note = (entry: Note): void => {
    notes.push(entry);
    wake();
  };
  const thread = supervise(
    {
      file: path.join(__dirname, `test-worker${path.extname(__filename)}`),
      name: 'test-thread',
      start,
      clock,
      ...more,
    },
    {
      onStarted: (worker) => note({ type: 'started', worker }),
      onReady: (worker) => note({ type: 'ready', worker }),
      onDied: (error, restartInMs) => note({ type: 'died', error, restartInMs }),
      onFailed: (error) => note({ type: 'failed', error }),
    },
  );
  const next = async <Type extends Note['type']>(type: Type): Promise<Note & { type: Type }> => {
    while (notes.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    const entry = notes.shift();
    expect(entry?.type).to.equal(type);
    return entry as Note & { type: Type };
  };
  return { clock, thread, notes, next };
}

/** What Node refuses to start a thread with while `refuse` is set. */
function refusable(start: TestWorkerStart): TestWorkerStart & { refuse: boolean } {
  return Object.defineProperty({ ...start, refuse: false, more: 0 }, 'more', {
    enumerable: true,
    get(this: { refuse: boolean }): number {
      if (this.refuse) throw noThread();
      return 0;
    },
  });
}

describe('supervisor', () => {
  const threads: SupervisedThread[] = [];
  const watched = (...args: Parameters<typeof watch>): ReturnType<typeof watch> => {
    const supervised = watch(...args);
    threads.push(supervised.thread);
    return supervised;
  };

  afterEach(async () => {
    await Promise.all(threads.splice(0).map((thread) => thread.terminate()));
  });

  it('starts a thread, learns that it is ready, and ends it without reporting a death', async () => {
    const { thread, notes, clock, next } = watched({ mode: 'ready' });
    expect(thread.state.type).to.equal('starting');
    expect(clock.timers.map(({ delayMs }) => delayMs)).to.deep.equal([60_000]);
    await next('started');
    await next('ready');
    expect(thread.state.type).to.equal('ready');
    expect(clock.timers).to.have.length(0);
    await Promise.all([thread.terminate(), thread.terminate()]);
    expect(thread.state.type).to.equal('stopped');
    expect(notes).to.deep.equal([]);
    await thread.terminate();
  });

  it('restarts a thread that died, after the back-off, and reports why it died', async () => {
    const { thread, clock, next } = watched({ mode: 'ready' });
    const { worker } = await next('started');
    await next('ready');
    worker.postMessage('crash');
    const died = await next('died');
    expect(died.error.code).to.equal('thread-died');
    expect(died.error.message).to.equal('the thread test-thread died: crashed by order');
    expect(died.restartInMs).to.equal(nextBackoffMs(1));
    expect(thread.state.type).to.equal('waiting');
    clock.fire();
    const again = await next('started');
    expect(again.worker).not.to.equal(worker);
    await next('ready');

    again.worker.postMessage('stop');
    const second = await next('died');
    expect(second.error.message).to.match(/exit code 0/);
    expect(second.restartInMs).to.equal(nextBackoffMs(2));
  });

  it('tries again after the back-off when Node refuses to start a thread', async () => {
    const start = refusable({ mode: 'ready' });
    const { thread, clock, notes, next } = watched(start);
    const { worker } = await next('started');
    await next('ready');
    start.refuse = true;
    await worker.terminate();
    await next('died');
    for (const failures of [2, 3]) {
      clock.fire();
      const { error, restartInMs } = await next('died');
      expect(error.code).to.equal('thread-start-failed');
      expect(error.message).to.match(/no more threads/);
      expect(restartInMs).to.equal(nextBackoffMs(failures));
    }
    expect(thread.state.type).to.equal('waiting');
    start.refuse = false;
    clock.fire();
    await next('started');
    await next('ready');
    expect(notes).to.deep.equal([]);
  });

  it('gives up a thread that Node refuses to start at all', async () => {
    const start = refusable({ mode: 'ready' });
    start.refuse = true;
    const { thread, clock, next } = watched(start);
    const { error } = await next('failed');
    expect(error.code).to.equal('thread-start-failed');
    expect(thread.state).to.deep.equal({ type: 'failed', error });
    expect(clock.timers).to.have.length(0);
    await thread.terminate();
  });

  it('restarts a thread again that died while it was restarted', async () => {
    const { thread, clock, next } = watched({ mode: 'ready' });
    const { worker } = await next('started');
    await next('ready');
    await worker.terminate();
    await next('died');
    clock.fire();
    await (await next('started')).worker.terminate();
    const died = await next('died');
    expect(died.error.code).to.equal('thread-start-failed');
    expect(died.error.message).to.match(/^the thread test-thread failed before it was ready: /);
    expect(died.restartInMs).to.equal(nextBackoffMs(2));
    expect(thread.state.type).to.equal('waiting');
    clock.fire();
    await next('started');
    await next('ready');
  });

  it('counts from one again after a long life', async () => {
    const { clock, next } = watched({ mode: 'ready' }, { stableAfterMs: 1000 });
    for (const [livedMs, expected] of [
      [0, 1],
      [0, 2],
      [1000, 1],
    ] as const) {
      const { worker } = await next('started');
      await next('ready');
      clock.now += livedMs;
      await worker.terminate();
      expect((await next('died')).restartInMs).to.equal(nextBackoffMs(expected));
      clock.fire();
    }
  });

  it('never restarts a thread that failed before it was ready', async () => {
    const { thread, clock, next } = watched({ mode: 'throw-at-start' });
    await next('started');
    const { error } = await next('failed');
    expect(error.code).to.equal('thread-start-failed');
    expect(error.message).to.match(/test-thread failed before it was ready: cannot start/);
    expect(thread.state).to.deep.equal({ type: 'failed', error });
    expect(clock.timers).to.have.length(0);
    await thread.terminate();
  });

  it('fails when the entry point does not exist', async () => {
    const { next } = watched({ mode: 'ready' }, { file: path.join(__dirname, 'no-such-file.js') });
    await next('started');
    expect((await next('failed')).error.message).to.match(/no-such-file/);
  });

  it('gives up a thread that is not ready in time', async () => {
    const { clock, next } = watched({ mode: 'silent' }, { readyTimeoutMs: 5000 });
    await next('started');
    expect(clock.timers.map(({ delayMs }) => delayMs)).to.deep.equal([5000]);
    clock.fire();
    expect((await next('failed')).error.message).to.match(/not ready after 5000 ms/);
  });

  it('takes the word of the owner that a thread is ready', async () => {
    const { thread, clock, next } = watched({ mode: 'silent' });
    await next('started');
    thread.markReady();
    thread.markReady();
    await next('ready');
    expect(thread.state.type).to.equal('ready');
    expect(clock.timers).to.have.length(0);
  });

  it('gives up when the policy decides so', async () => {
    const { thread, next } = watched({ mode: 'ready-then-exit' }, { restart: () => undefined });
    await next('started');
    await next('ready');
    expect((await next('died')).restartInMs).to.equal(undefined);
    await next('failed');
    expect(thread.state.type).to.equal('failed');
  });

  it('does not take an expected exit for a death', async () => {
    const { thread, notes, next } = watched({ mode: 'ready' });
    const { worker } = await next('started');
    await next('ready');
    const gone = thread.expectExit();
    worker.postMessage('stop');
    await gone;
    expect(thread.state.type).to.equal('stopped');
    expect(notes).to.deep.equal([]);
  });

  it('can be ended while it waits for the restart, and while it starts', async () => {
    const waiting = watched({ mode: 'ready' });
    const { worker } = await waiting.next('started');
    await waiting.next('ready');
    await worker.terminate();
    await waiting.next('died');
    await waiting.thread.terminate();
    expect(waiting.thread.state.type).to.equal('stopped');
    expect(waiting.clock.timers).to.have.length(0);

    const starting = watched({ mode: 'silent' });
    await starting.thread.terminate();
    expect(starting.thread.state.type).to.equal('stopped');
    expect(starting.clock.timers).to.have.length(0);
  });

  it('passes resource limits on', async () => {
    const { next } = watched({ mode: 'ready' }, { resourceLimits: { maxOldGenerationSizeMb: 64 } });
    const { worker } = await next('started');
    await next('ready');
    expect((worker as Worker).resourceLimits?.maxOldGenerationSizeMb).to.equal(64);
  });
});

describe('back-off', () => {
  it('doubles from 100 ms and stays at 10 s', () => {
    expect([1, 2, 3, 7, 8, 9, 5000].map(nextBackoffMs)).to.deep.equal([
      100, 200, 400, 6400, 10_000, 10_000, 10_000,
    ]);
  });
});
