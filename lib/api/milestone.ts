// PURE. A promise for something that a torrent reaches once. An error rejects it, and a resume renews it.

import { deferred } from '../async/deferred';

export class Milestone<Value = void> {
  #waiting = deferred<Value>();
  #failed = false;

  /** A new promise after `fail` and `renew`. A rejection needs no handler. */
  get promise(): Promise<Value> {
    return this.#waiting.promise;
  }

  reach(value: Value): void {
    this.renew(); // The error may be older than a resume, and arrive after it.
    this.#waiting.resolve(value);
  }

  fail(error: Error): void {
    this.#waiting.reject(error);
    this.#failed = true;
  }

  /** After a failure, makes a new promise. */
  renew(): void {
    if (!this.#failed) return;
    this.#waiting = deferred();
    this.#failed = false;
  }
}
