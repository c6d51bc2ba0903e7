// A thread as its supervisor sees it: one that it started itself, or one that another thread did.

import type { MessagePort } from 'node:worker_threads';

interface ThreadEvents {
  readonly message: unknown;
  readonly messageerror: Error;
  readonly error: Error;
  /** None of the thread's code runs any more. The code is known of threads started here only. */
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
 * A thread that was started elsewhere and holds the other end of `port` until it ends. Node closes
 * the ports of a thread after its last line of code has run, whatever ended it, and says so after
 * everything the thread posted: that is its exit. Only the thread that started it gets its errors.
 */
export class AdoptedThread implements Thread {
  readonly #port: MessagePort;
  readonly #terminate: () => void;

  /** `terminate` asks the thread that started this one to end it. */
  constructor(port: MessagePort, terminate: () => void) {
    this.#port = port;
    this.#terminate = terminate;
  }

  postMessage(value: unknown): void {
    this.#port.postMessage(value);
  }

  on<Name extends keyof ThreadEvents>(
    event: Name,
    listener: (value: ThreadEvents[Name]) => void,
  ): void {
    if (event === 'exit') this.#port.once('close', () => (listener as (code?: number) => void)());
    else if (event !== 'error') this.#port.on(event, listener);
  }

  off<Name extends keyof ThreadEvents>(
    event: Name,
    listener: (value: ThreadEvents[Name]) => void,
  ): void {
    this.#port.off(event, listener);
  }

  terminate(): void {
    this.#terminate();
  }
}
