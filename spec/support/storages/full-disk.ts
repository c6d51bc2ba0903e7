// A storage back end whose disk is full for one file, `options.fullPath`. It discards all other
// writes.
import type { StorageRef } from '../../../lib/messages/storage';
import type { StorageReader, StorageWriter } from '../../../lib/storage/storage';

export function openWriter(ref: StorageRef): StorageWriter {
  const { fullPath } = ref.options as { readonly fullPath: string };
  const refuse = (): never => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };
  return {
    write: (path) => (path === fullPath ? Promise.reject(asError(refuse)) : undefined),
    read: () => 0,
    sync: refuse,
    createEmpty: refuse,
    close() {},
  };
}

export function openReader(): StorageReader {
  return { read: () => Promise.resolve(0), close: () => Promise.resolve() };
}

function asError(raise: () => never): unknown {
  try {
    return raise();
  } catch (error) {
    return error;
  }
}
