// Starts a worker thread and supervises it. A thread that never became ready would fail again, so
// it is given up; one that dies later is restarted after a delay.

import { Worker } from 'node:worker_threads';
import type { ResourceLimits } from 'node:worker_threads';
import { MillraceError } from '../errors/millrace-error';
import { failureReason } from '../errors/system-error';
import { nextBackoffMs } from './backoff';
import type { Thread } from './thread';

/** Posted by a worker that is ready. Typed ports ignore it, because it is not an array. */
const READY_MARK = 'thread-ready';

/** Called inside a worker: reports to the supervisor that it is ready. */
export function announceReady(port: { postMessage(value: unknown): void } | null): void {
  port?.postMessage(READY_MARK);
}

/** Time for the supervisor; specs pass their own clock. */
export interface SupervisorClock {
  nowMs(): number;
  /** Calls `callback` once; returns a function that cancels it. */
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
  /**
   * `workerData` of every start. It must contain nothing to be transferred, because a restart needs
   * it again.
   */
  readonly start: Start;
  /**
   * A thread that is not ready by then is terminated: the first one fails, a later one died. Default
   * 60,000: a tenth of a second is enough, but not for a machine that is busy or has just been asleep.
   */
  readonly readyTimeoutMs?: number;
  /** Milliseconds until the restart after `failures` deaths in a row, or undefined to give up. */
  readonly restart?: (failures: number) => number | undefined;
  /**
   * A thread that lived this long after it was ready resets the count of deaths. Default 60,000.
   */
  readonly stableAfterMs?: number;
  readonly resourceLimits?: ResourceLimits;
  /** A running thread to supervise first; its replacements are started here. */
  readonly adopt?: Thread | undefined;
  readonly clock?: SupervisorClock;
}

export interface SuperviseCallbacks {
  /** A worker was created: attach ports now, before it can send anything. */
  readonly onStarted: (worker: Thread) => void;
  readonly onReady?: (worker: Thread) => void;
  /**
   * The thread has exited unexpectedly. Its code no longer runs, so its state in shared memory may be
   * cleaned up. `restartInMs` is undefined if it is given up. Called again if its successor cannot be
   * started, or ends before it is ready.
   */
  readonly onDied?: (error: MillraceError, restartInMs: number | undefined) => void;
  /** There is no thread any more: it failed before it was ever ready, or was given up. */
  readonly onFailed: (error: MillraceError) => void;
}

export type ThreadState =
  | { readonly type: 'starting'; readonly worker: Thread; readonly cancelTimeout: () => void }
  | { readonly type: 'ready'; readonly worker: Thread; readonly sinceMs: number }
  /** Dead, and about to be restarted. */
  | { readonly type: 'waiting'; readonly cancelRestart: () => void }
  /** Asked to end, and not gone yet. */
  | { readonly type: 'stopping'; readonly worker: Thread }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly error: MillraceError };

/** A supervised thread. */
export interface SupervisedThread {
  readonly state: ThreadState;
  /**
   * The thread reported, in a message of its own, that it is ready; equivalent to `announceReady`
   * there.
   */
  markReady(): void;
  /** An exit after this call is expected. Resolves when the thread is gone. */
  expectExit(): Promise<void>;
  /** Terminates the thread without a restart. May be called again. Resolves when it is gone. */
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
  private readonly options: SuperviseOptions<Start>;
  private readonly callbacks: SuperviseCallbacks;
  private readonly clock: SupervisorClock;
  private readonly gone: Promise<void>;
  private resolveGone: () => void = () => undefined;
  private currentState: ThreadState;
  private failures = 0;
  private wasReady = false;

  constructor(options: SuperviseOptions<Start>, callbacks: SuperviseCallbacks) {
    this.options = options;
    this.callbacks = callbacks;
    this.clock = options.clock ?? REAL_CLOCK;
    this.gone = new Promise((resolve) => (this.resolveGone = resolve));
    this.currentState = options.adopt ? this.watch(options.adopt) : this.begin();
  }

  get state(): ThreadState {
    return this.currentState;
  }

  markReady(): void {
    if (this.currentState.type !== 'starting') return;
    const { worker, cancelTimeout } = this.currentState;
    cancelTimeout();
    this.wasReady = true;
    this.currentState = { type: 'ready', worker, sinceMs: this.clock.nowMs() };
    this.callbacks.onReady?.(worker);
  }

  expectExit(): Promise<void> {
    const state = this.currentState;
    switch (state.type) {
      case 'starting':
        state.cancelTimeout();
        this.currentState = { type: 'stopping', worker: state.worker };
        break;
      case 'ready':
        this.currentState = { type: 'stopping', worker: state.worker };
        break;
      case 'waiting':
        state.cancelRestart();
        this.end({ type: 'stopped' });
        break;
      case 'stopping':
      case 'stopped':
      case 'failed':
    }
    return this.gone;
  }

  async terminate(): Promise<void> {
    const gone = this.expectExit();
    if (this.currentState.type === 'stopping') await this.currentState.worker.terminate();
    await gone;
  }

  /** The first start. A thread that Node refuses to start is one that fails before it is ready. */
  private begin(): ThreadState {
    try {
      return this.watch(this.start());
    } catch (error) {
      const failed = this.startFailed(failureReason(error));
      queueMicrotask(() => this.callbacks.onFailed(failed));
      this.resolveGone();
      return { type: 'failed', error: failed };
    }
  }

  private startFailed(cause: string): MillraceError {
    return new MillraceError(
      'thread-start-failed',
      `the thread ${this.options.name} failed before it was ready: ${cause}`,
    );
  }

  /** Where Node refuses to start a thread, for want of one or of memory, that was one more failure. */
  private restart(): void {
    let worker: Thread;
    try {
      worker = this.start();
    } catch (error) {
      this.failures++;
      return this.restartLater(this.startFailed(failureReason(error)));
    }
    this.currentState = this.watch(worker);
  }

  /** Not at all if the policy gives up: then `error` is why. */
  private restartLater(error: MillraceError): void {
    const { restart = nextBackoffMs } = this.options;
    const delayMs = restart(this.failures);
    if (delayMs === undefined) {
      this.end({ type: 'failed', error });
    } else {
      const cancelRestart = this.clock.after(delayMs, () => this.restart());
      this.currentState = { type: 'waiting', cancelRestart };
    }
    this.callbacks.onDied?.(error, delayMs);
    if (delayMs === undefined) this.callbacks.onFailed(error);
  }

  private start(): Thread {
    const { file, name, start, resourceLimits } = this.options;
    return new Worker(file, {
      name,
      workerData: start,
      // No `execArgv`: a worker inherits it, and V8's own flags would be rejected if passed
      // explicitly.
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    });
  }

  private watch(worker: Thread): ThreadState {
    // `error` comes before `exit` and has the reason; only after `exit` does no code of the thread
    // run.
    let cause: string | undefined;
    worker.on('error', (error) => (cause ??= describe(error)));
    worker.on('messageerror', (error) => {
      // A lost message leaves incomplete state: a new thread is safer.
      cause ??= `a message could not be decoded: ${error.message}`;
      void worker.terminate();
    });
    worker.on('message', (message) => {
      if (message === READY_MARK) this.markReady();
    });
    worker.on('exit', (code) => {
      this.onExit(cause ?? (code === undefined ? 'it ended by itself' : `exit code ${code}`));
    });
    const timeoutMs = this.options.readyTimeoutMs ?? 60_000;
    const cancelTimeout = this.clock.after(timeoutMs, () => {
      cause ??= `not ready after ${timeoutMs} ms`;
      void worker.terminate();
    });
    this.callbacks.onStarted(worker);
    return { type: 'starting', worker, cancelTimeout };
  }

  private onExit(cause: string): void {
    const state = this.currentState;
    const { name, stableAfterMs = 60_000 } = this.options;
    switch (state.type) {
      case 'starting': {
        state.cancelTimeout();
        const error = this.startFailed(cause);
        if (this.wasReady) {
          // It has worked before: what ended it now may be over the next time.
          this.failures++;
          return this.restartLater(error);
        }
        this.end({ type: 'failed', error });
        this.callbacks.onFailed(error);
        return;
      }
      case 'ready': {
        const lived = this.clock.nowMs() - state.sinceMs;
        this.failures = lived >= stableAfterMs ? 1 : this.failures + 1;
        this.restartLater(new MillraceError('thread-died', `the thread ${name} died: ${cause}`));
        return;
      }
      case 'stopping':
        this.end({ type: 'stopped' });
        return;
      case 'waiting':
      case 'stopped':
      case 'failed':
        return; // No thread runs in these states.
    }
  }

  private end(state: ThreadState): void {
    this.currentState = state;
    this.resolveGone();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
