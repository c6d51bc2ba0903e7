// A storage back end over plain files whose reads for upload keep their thread busy, as costly code
// in a peer thread would.

import * as files from '../../../lib/storage/files';
import type { StorageRef } from '../../../lib/messages/storage';
import type { StorageReader, StorageWriter } from '../../../lib/storage/storage';

/** For `AddOptions.storage`: each read spins for `spinMs`. */
export function spinningStorage(spinMs: number): { module: string; options: unknown } {
  return { module: __filename, options: { spinMs } };
}

export function openReader(ref: StorageRef): StorageReader {
  const { spinMs } = ref.options as { readonly spinMs: number };
  const inner = files.openReader(ref);
  return {
    read(path, offsetBytes, target) {
      const endMs = performance.now() + spinMs;
      while (performance.now() < endMs);
      return inner.read(path, offsetBytes, target);
    },
    close: () => inner.close(),
  };
}

export function openWriter(ref: StorageRef): StorageWriter {
  return files.openWriter(ref);
}
