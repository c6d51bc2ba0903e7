// PURE. Something that a torrent reaches once: a promise that an error rejects, and that a resume renews.

import { deferred } from '../async/deferred';

export class Milestone<Value = void> {
  #waiting = deferred<Value>();
  #failed = false;

  /** Another one after `fail` and `renew`. A rejection needs no handler. */
  get promise(): Promise<Value> {
    return this.#waiting.promise;
  }

  reach(value: Value): void {
    this.renew(); // An error from before a resume may arrive after it.
    this.#waiting.resolve(value);
  }

  fail(error: Error): void {
    this.#waiting.reject(error);
    this.#failed = true;
  }

  /** What failed may yet be reached. */
  renew(): void {
    if (!this.#failed) return;
    this.#waiting = deferred();
    this.#failed = false;
  }
}
