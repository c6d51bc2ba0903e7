// Node's warnings about too many listeners, only those of the emitters that a spec is about: other
// specs run in the same process.

/** As Node sends it: `emitter` of an `EventEmitter`, `target` of an `EventTarget`. */
interface LeakWarning extends Error {
  readonly emitter?: unknown;
  readonly target?: unknown;
}

export class ListenerLeaks {
  /** The messages of the warnings so far. They come a turn of the event loop after their cause. */
  readonly found: string[] = [];
  readonly #isOurs: (emitter: unknown) => boolean;
  readonly #note = (warning: LeakWarning): void => {
    const { name, message, emitter, target } = warning;
    if (name !== 'MaxListenersExceededWarning' || !this.#isOurs(emitter ?? target)) return;
    this.found.push(message);
  };

  constructor(isOurs: (emitter: unknown) => boolean) {
    this.#isOurs = isOurs;
    process.on('warning', this.#note);
  }

  end(): void {
    process.off('warning', this.#note);
  }
}
