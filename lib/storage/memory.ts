// A back end that keeps files in shared memory, for specs and benches. The buffers are part of the
// ref, because threads share nothing else: `options: { buffers: { [path]: SharedArrayBuffer } }`.
import { MillraceError } from '../errors/millrace-error';
import type { StorageRef } from '../messages/storage';
import type { StorageReader, StorageWriter } from './storage';

/** `StorageRef.options` of the `memory` back end: one buffer per file, as long as the file. */
export interface MemoryStorageOptions {
  readonly buffers: Readonly<Record<string, SharedArrayBuffer>>;
}

export function openWriter(ref: StorageRef): StorageWriter {
  const buffers = buffersOf(ref);
  return {
    write(path, offsetBytes, chunks) {
      const file = buffers.get(path);
      if (file === undefined) {
        throw new MillraceError('ENOENT', `memory storage has no buffer for ${path}`);
      }
      let at = offsetBytes;
      for (const chunk of chunks) {
        if (at + chunk.length > file.length) {
          throw new MillraceError('ENOSPC', `memory storage: ${path} ends at ${file.length} bytes`);
        }
        file.set(chunk, at);
        at += chunk.length;
      }
    },
    read: (path, offsetBytes, target) => readFrom(buffers.get(path), offsetBytes, target),
    sync() {},
    createEmpty() {},
    close() {},
  };
}

export function openReader(ref: StorageRef): StorageReader {
  const buffers = buffersOf(ref);
  return {
    read: (path, offsetBytes, targets) => {
      let bytes = 0;
      for (const target of targets)
        bytes += readFrom(buffers.get(path), offsetBytes + bytes, target);
      return Promise.resolve(bytes);
    },
    close: () => Promise.resolve(),
  };
}

function readFrom(file: Uint8Array | undefined, offsetBytes: number, target: Uint8Array): number {
  if (file === undefined) return 0;
  const bytes = Math.max(0, Math.min(target.length, file.length - offsetBytes));
  target.set(file.subarray(offsetBytes, offsetBytes + bytes));
  return bytes;
}

function buffersOf(ref: StorageRef): Map<string, Uint8Array> {
  const options = ref.options as Partial<MemoryStorageOptions> | undefined;
  if (typeof options?.buffers !== 'object') {
    throw new MillraceError('bad-storage', 'memory storage needs options.buffers');
  }
  return new Map(
    Object.entries(options.buffers).map(([path, buffer]) => [path, new Uint8Array(buffer)]),
  );
}
