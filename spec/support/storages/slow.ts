// A storage back end over plain files with the write speed of a slow disk: each write blocks its
// thread.

import * as files from '../../../lib/storage/files';
import type { StorageRef } from '../../../lib/messages/storage';
import type { StorageReader, StorageWriter } from '../../../lib/storage/storage';

/** For `AddOptions.storage`: each thread writes `writeBytesPerSec`. */
export function slowStorage(writeBytesPerSec: number): { module: string; options: unknown } {
  return { module: __filename, options: { writeBytesPerSec } };
}

export function openWriter(ref: StorageRef): StorageWriter {
  const { writeBytesPerSec } = ref.options as { readonly writeBytesPerSec: number };
  const inner = files.openWriter(ref);
  const never = new Int32Array(new SharedArrayBuffer(4));
  return {
    write(path, offsetBytes, chunks) {
      const lengthBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      Atomics.wait(never, 0, 0, (lengthBytes * 1000) / writeBytesPerSec);
      return inner.write(path, offsetBytes, chunks);
    },
    read: (path, offsetBytes, target) => inner.read(path, offsetBytes, target),
    sync: (paths) => inner.sync(paths),
    createEmpty: (paths) => inner.createEmpty(paths),
    close: () => inner.close(),
  };
}

export function openReader(ref: StorageRef): StorageReader {
  return files.openReader(ref);
}
