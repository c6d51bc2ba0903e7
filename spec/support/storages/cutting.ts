// A storage back end over plain files that cuts a file right after a write, as another program
// might.

import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import * as files from '../../../lib/storage/files';
import type { StorageRef } from '../../../lib/messages/storage';
import type { StorageWriter } from '../../../lib/storage/storage';

/** For `StorageRef`: cuts the written file to `toBytes` after the given write of a writer. */
export function cuttingStorage(afterWrite: number, toBytes: number) {
  return { module: __filename, options: { afterWrite, toBytes } };
}

export function openWriter(ref: StorageRef): StorageWriter {
  const { afterWrite, toBytes } = ref.options as ReturnType<typeof cuttingStorage>['options'];
  const writer = files.openWriter(ref);
  const write = writer.write.bind(writer);
  let writes = 0;
  writer.write = (...args) => {
    const done = write(...args);
    writes++;
    if (writes === afterWrite) truncateSync(join(ref.root, args[0]), toBytes);
    return done;
  };
  return writer;
}

export const openReader = files.openReader;
