// Starts a worker thread, watches it, and says what its end means: one that never became ready would
// fail again and is given up, one that died later is restarted after a while.

import { Worker } from 'node:worker_threads';
import type { ResourceLimits } from 'node:worker_threads';
import { MillraceError } from '../errors/millrace-error';
import { nextBackoffMs } from './backoff';
import type { Thread } from './thread';

/** Posted by a worker that is ready; no array, so typed ports ignore it. */
const READY_MARK = 'thread-ready';

/** Inside a worker: tells the supervisor that it is ready. */
export function announceReady(port: { postMessage(value: unknown): void } | null): void {
  port?.postMessage(READY_MARK);
}

/** Time as the supervisor sees it; specs bring their own. */
export interface SupervisorClock {
  nowMs(): number;
  /** Calls back once; returns what cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

export const REAL_CLOCK: SupervisorClock = {
  nowMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

export interface SuperviseOptions<Start> {
  /** Absolute path of the entry point: see `workerFile`. */
  readonly file: string;
  /** The thread's name in logs, errors and debuggers. */
  readonly name: string;
  /** `workerData` of every start. Nothing in it may be transferred: a restart needs it again. */
  readonly start: Start;
  /** A thread not ready by then is ended and counts as failed before ready. Default 10,000. */
  readonly readyTimeoutMs?: number;
  /** Milliseconds until the restart after that many deaths in a row, or undefined to give up. */
  readonly restart?: (failures: number) => number | undefined;
  /** A thread that lived this long after ready begins a new count of deaths. Default 60,000. */
  readonly stableAfterMs?: number;
  readonly resourceLimits?: ResourceLimits;
  /** A thread that runs already: supervised first; only its successors are started here. */
  readonly adopt?: Thread | undefined;
  readonly clock?: SupervisorClock;
}

export interface SuperviseCallbacks {
  /** A worker was created: attach ports now, before it can have said anything. */
  readonly onStarted: (worker: Thread) => void;
  readonly onReady?: (worker: Thread) => void;
  /**
   * The thread has exited, though nobody asked it to; none of its code runs any more, so what it
   * left in shared memory may be cleaned up. `restartInMs` undefined: it was given up.
   */
  readonly onDied?: (error: MillraceError, restartInMs: number | undefined) => void;
  /** No thread any more: it failed before it was ready, or the policy gave up. */
  readonly onFailed: (error: MillraceError) => void;
}

export type ThreadState =
  | { readonly type: 'starting'; readonly worker: Thread; readonly cancelTimeout: () => void }
  | { readonly type: 'ready'; readonly worker: Thread; readonly sinceMs: number }
  /** Dead, to be restarted. */
  | { readonly type: 'waiting'; readonly cancelRestart: () => void }
  /** Asked to end, not yet gone. */
  | { readonly type: 'stopping'; readonly worker: Thread }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly error: MillraceError };

/** A supervised thread. */
export interface SupervisedThread {
  readonly state: ThreadState;
  /** The thread said, by a message of its own, that it is ready; same as `announceReady` there. */
  markReady(): void;
  /** From now on an exit is no death, for it was asked for. Resolves when the thread is gone. */
  expectExit(): Promise<void>;
  /** Ends the thread now, without restart. May be called twice. Resolves when it is gone. */
  terminate(): Promise<void>;
}

/** Starts a thread and keeps it running until `terminate` or `expectExit`. */
export function supervise<Start>(
  options: SuperviseOptions<Start>,
  callbacks: SuperviseCallbacks,
): SupervisedThread {
  return new Supervisor(options, callbacks);
}

class Supervisor<Start> implements SupervisedThread {
  readonly #options: SuperviseOptions<Start>;
  readonly #callbacks: SuperviseCallbacks;
  readonly #clock: SupervisorClock;
  readonly #gone: Promise<void>;
  #resolveGone: () => void = () => undefined;
  #state: ThreadState;
  #failures = 0;

  constructor(options: SuperviseOptions<Start>, callbacks: SuperviseCallbacks) {
    this.#options = options;
    this.#callbacks = callbacks;
    this.#clock = options.clock ?? REAL_CLOCK;
    this.#gone = new Promise((resolve) => (this.#resolveGone = resolve));
    this.#state = this.#watch(options.adopt ?? this.#start());
  }

  get state(): ThreadState {
    return this.#state;
  }

  markReady(): void {
    if (this.#state.type !== 'starting') return;
    const { worker, cancelTimeout } = this.#state;
    cancelTimeout();
    this.#state = { type: 'ready', worker, sinceMs: this.#clock.nowMs() };
    this.#callbacks.onReady?.(worker);
  }

  expectExit(): Promise<void> {
    const state = this.#state;
    switch (state.type) {
      case 'starting':
        state.cancelTimeout();
        this.#state = { type: 'stopping', worker: state.worker };
        break;
      case 'ready':
        this.#state = { type: 'stopping', worker: state.worker };
        break;
      case 'waiting':
        state.cancelRestart();
        this.#end({ type: 'stopped' });
        break;
      case 'stopping':
      case 'stopped':
      case 'failed':
    }
    return this.#gone;
  }

  async terminate(): Promise<void> {
    const gone = this.expectExit();
    if (this.#state.type === 'stopping') await this.#state.worker.terminate();
    await gone;
  }

  #start(): Thread {
    const { file, name, start, resourceLimits } = this.#options;
    return new Worker(file, {
      name,
      workerData: start,
      // No `execArgv`: a worker inherits it; spelled out, V8's own flags would be rejected.
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    });
  }

  #watch(worker: Thread): ThreadState {
    // `error` comes before `exit` and says why; only `exit` says that the thread runs no more.
    let cause: string | undefined;
    worker.on('error', (error) => (cause ??= describe(error)));
    worker.on('messageerror', (error) => {
      // A lost message is lost state: better a fresh thread than one that knows half.
      cause ??= `a message could not be decoded: ${error.message}`;
      void worker.terminate();
    });
    worker.on('message', (message) => {
      if (message === READY_MARK) this.markReady();
    });
    worker.on('exit', (code) => {
      this.#onExit(cause ?? (code === undefined ? 'it ended by itself' : `exit code ${code}`));
    });
    const timeoutMs = this.#options.readyTimeoutMs ?? 10_000;
    const cancelTimeout = this.#clock.after(timeoutMs, () => {
      cause ??= `not ready after ${timeoutMs} ms`;
      void worker.terminate();
    });
    this.#callbacks.onStarted(worker);
    return { type: 'starting', worker, cancelTimeout };
  }

  #onExit(cause: string): void {
    const state = this.#state;
    const { name, restart = nextBackoffMs, stableAfterMs = 60_000 } = this.#options;
    switch (state.type) {
      case 'starting': {
        state.cancelTimeout();
        const error = new MillraceError(
          'thread-start-failed',
          `the thread ${name} failed before it was ready: ${cause}`,
        );
        this.#end({ type: 'failed', error });
        this.#callbacks.onFailed(error);
        return;
      }
      case 'ready': {
        const lived = this.#clock.nowMs() - state.sinceMs;
        this.#failures = lived >= stableAfterMs ? 1 : this.#failures + 1;
        const error = new MillraceError('thread-died', `the thread ${name} died: ${cause}`);
        const delayMs = restart(this.#failures);
        if (delayMs === undefined) {
          this.#end({ type: 'failed', error });
          this.#callbacks.onDied?.(error, undefined);
          this.#callbacks.onFailed(error);
          return;
        }
        const cancelRestart = this.#clock.after(delayMs, () => {
          this.#state = this.#watch(this.#start());
        });
        this.#state = { type: 'waiting', cancelRestart };
        this.#callbacks.onDied?.(error, delayMs);
        return;
      }
      case 'stopping':
        this.#end({ type: 'stopped' });
        return;
      case 'waiting':
      case 'stopped':
      case 'failed':
        return; // no thread runs in these
    }
  }

  #end(state: ThreadState): void {
    this.#state = state;
    this.#resolveGone();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
