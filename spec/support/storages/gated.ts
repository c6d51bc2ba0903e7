// A storage back end that counts each call and then blocks its thread until a gate opens, so that a
// spec can kill a worker in the middle of a write, or see what runs at the same time.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StorageRef } from '../../../lib/messages/storage';
import type { StorageReader, StorageWriter } from '../../../lib/storage/storage';

export interface GatedOptions {
  readonly gate: SharedArrayBuffer;
  /** `close` never returns. */
  readonly hangsInClose?: boolean;
}

/** Indexes into the Int32Array behind `options.gate`. */
export const ENTERED = 0;
export const OPEN = 1;
export const CLOSED_WRITERS = 2;

export function openWriter(ref: StorageRef): StorageWriter {
  const options = ref.options as GatedOptions;
  const gate = new Int32Array(options.gate);
  const pass = (): void => {
    Atomics.add(gate, ENTERED, 1);
    while (Atomics.load(gate, OPEN) === 0) Atomics.wait(gate, OPEN, 0);
  };
  return {
    write: pass,
    read: () => 0,
    sync: pass,
    createEmpty() {},
    async close() {
      if (options.hangsInClose === true) await new Promise<never>(() => undefined);
      await nextTurn();
      Atomics.add(gate, CLOSED_WRITERS, 1);
    },
  };
}

export function openReader(): StorageReader {
  return { read: () => Promise.resolve(0), close: () => Promise.resolve() };
}
