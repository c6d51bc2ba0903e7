// A thread as its supervisor sees it: started by itself, or by another thread.

import type { MessagePort } from 'node:worker_threads';

interface ThreadEvents {
  readonly message: unknown;
  readonly messageerror: Error;
  readonly error: Error;
  /** The thread's code no longer runs. The exit code is known only for threads started here. */
  readonly exit: number | undefined;
}

/** The part of `Worker` that supervision needs. */
export interface Thread {
  postMessage(value: unknown): void;
  on<Name extends keyof ThreadEvents>(
    event: Name,
    listener: (value: ThreadEvents[Name]) => void,
  ): unknown;
  off<Name extends keyof ThreadEvents>(
    event: Name,
    listener: (value: ThreadEvents[Name]) => void,
  ): unknown;
  terminate(): unknown;
}

/**
 * A thread that was started by another thread and holds the other end of `port` until it ends. Node
 * closes the ports of a thread after its last line of code has run, for whatever reason, and
 * reports that after everything the thread posted: this counts as its exit. Only the thread that
 * started it receives its errors.
 */
export class AdoptedThread implements Thread {
  private readonly port: MessagePort;
  private readonly askToTerminate: () => void;

  /** `terminate` asks the thread that started this one to terminate it. */
  constructor(port: MessagePort, terminate: () => void) {
    this.port = port;
    this.askToTerminate = terminate;
  }

  postMessage(value: unknown): void {
    this.port.postMessage(value);
  }

  on<Name extends keyof ThreadEvents>(
    event: Name,
    listener: (value: ThreadEvents[Name]) => void,
  ): void {
    if (event === 'exit') this.port.once('close', () => (listener as (code?: number) => void)());
    else if (event !== 'error') this.port.on(event, listener);
  }

  off<Name extends keyof ThreadEvents>(
    event: Name,
    listener: (value: ThreadEvents[Name]) => void,
  ): void {
    this.port.off(event, listener);
  }

  terminate(): void {
    this.askToTerminate();
  }
}
