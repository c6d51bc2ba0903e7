// A storage back end over plain files on which the first write fails, as on a full disk.

import * as files from '../../../lib/storage/files';
import type { StorageRef } from '../../../lib/messages/storage';
import type { StorageWriter } from '../../../lib/storage/storage';

/** For `StorageRef`. */
export const failingStorage = { module: __filename };

export function openWriter(ref: StorageRef): StorageWriter {
  const writer = files.openWriter(ref);
  const write = writer.write.bind(writer);
  let failed = false;
  writer.write = (...args) => {
    if (failed) return write(...args);
    failed = true;
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };
  return writer;
}

export const openReader = files.openReader;
