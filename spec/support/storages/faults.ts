// A storage back end over plain files that fails and stalls on command: its disk fills up after a
// given number of bytes, and its reads and writes block their thread at a gate.

import * as files from '../../../lib/storage/files';
import type { StorageRef } from '../../../lib/messages/storage';
import type { StorageReader, StorageWriter } from '../../../lib/storage/storage';

const DISK_BYTES = 0;
const WRITTEN_BYTES = 1;
const GATE_SHUT = 2;
const AT_GATE = 3;
const FIELDS = 4;

/** Controls the storage of a torrent; pass `ref` as `AddOptions.storage`. */
export class FaultyDisk {
  readonly ref: { readonly module: string; readonly options: unknown };
  readonly #fields: Int32Array;

  constructor() {
    const control = new SharedArrayBuffer(FIELDS * 4);
    this.#fields = new Int32Array(control);
    this.ref = { module: __filename, options: { control } };
    this.setDiskBytes(2 ** 31 - 1);
  }

  /** From now on, writes beyond `bytes` in total fail with ENOSPC. */
  setDiskBytes(bytes: number): void {
    Atomics.store(this.#fields, DISK_BYTES, bytes);
  }

  get writtenBytes(): number {
    return Atomics.load(this.#fields, WRITTEN_BYTES);
  }

  /** Reads and writes block their thread from now on. */
  shutGate(): void {
    Atomics.store(this.#fields, GATE_SHUT, 1);
  }

  openGate(): void {
    Atomics.store(this.#fields, GATE_SHUT, 0);
    Atomics.notify(this.#fields, GATE_SHUT);
  }

  /** Number of calls so far that had to wait at the gate. */
  get atGate(): number {
    return Atomics.load(this.#fields, AT_GATE);
  }
}

export function openWriter(ref: StorageRef): StorageWriter {
  const { control } = ref.options as { readonly control: SharedArrayBuffer };
  const fields = new Int32Array(control);
  const inner = files.openWriter(ref);
  const gate = (): void => {
    if (Atomics.load(fields, GATE_SHUT) === 0) return;
    Atomics.add(fields, AT_GATE, 1);
    while (Atomics.load(fields, GATE_SHUT) === 1) Atomics.wait(fields, GATE_SHUT, 1);
  };
  return {
    write(path, offsetBytes, chunks) {
      gate();
      let lengthBytes = 0;
      for (const chunk of chunks) lengthBytes += chunk.length;
      const before = Atomics.add(fields, WRITTEN_BYTES, lengthBytes);
      if (before + lengthBytes > Atomics.load(fields, DISK_BYTES)) {
        Atomics.sub(fields, WRITTEN_BYTES, lengthBytes);
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), {
          code: 'ENOSPC',
        });
      }
      return inner.write(path, offsetBytes, chunks);
    },
    read(path, offsetBytes, target) {
      gate();
      return inner.read(path, offsetBytes, target);
    },
    sync: (paths) => inner.sync(paths),
    createEmpty: (paths) => inner.createEmpty(paths),
    close: () => inner.close(),
  };
}

export function openReader(ref: StorageRef): StorageReader {
  return files.openReader(ref);
}
