// Listens to an AbortSignal. However many calls share a signal, it has a single listener, and none
// after they end: an app may use one signal for hundreds of torrents without a warning.

interface Listeners {
  readonly callbacks: Set<() => void>;
  /** The listener of the signal itself. */
  readonly onEvent: () => void;
}

const listenersOf = new WeakMap<AbortSignal, Listeners>();

/**
 * Calls `callback` once when the signal fires, or at once if it has fired. The returned function
 * removes it, and may be called again. Without a signal, does nothing.
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return () => undefined;
  if (signal.aborted) {
    callback();
    return () => undefined;
  }
  const listeners = listenersOf.get(signal) ?? listen(signal);
  const own = (): void => callback(); // Two calls may pass the same function.
  listeners.callbacks.add(own);
  return () => {
    listeners.callbacks.delete(own);
    if (listeners.callbacks.size > 0 || listenersOf.get(signal) !== listeners) return;
    signal.removeEventListener('abort', listeners.onEvent);
    listenersOf.delete(signal);
  };
}

function listen(signal: AbortSignal): Listeners {
  const callbacks = new Set<() => void>();
  const onEvent = (): void => {
    listenersOf.delete(signal);
    for (const callback of callbacks) callback();
  };
  const listeners = { callbacks, onEvent };
  listenersOf.set(signal, listeners);
  signal.addEventListener('abort', onEvent, { once: true });
  return listeners;
}

/**
 * Settles like the promise, or rejects with the signal's reason as soon as it fires. The promise
 * itself continues.
 */
export function unlessStopped<T>(promise: Promise<T>, stop: AbortSignal | undefined): Promise<T> {
  if (stop === undefined) return promise;
  return new Promise((resolve, reject) => {
    const off = onAbort(stop, () => reject(stop.reason as Error));
    promise.then(resolve, reject).finally(off);
  });
}

/** Resolves when the signal fires, or at once if it has fired. */
export function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => onAbort(signal, resolve));
}
