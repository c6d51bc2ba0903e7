// A custom storage back end: versioned objects in a bucket, with a lock and a record beside them.
// The bucket is a folder, so that all threads and processes of a spec share it.

import * as fs from 'node:fs';
import { join } from 'node:path';
import type { StorageRef } from '../../lib/messages/storage';
import type { StorageReader, StorageState, StorageWriter } from '../../lib/storage/storage';

type StateCall = Exclude<keyof StorageState, 'folder'>;

export interface ObjectStorageOptions {
  /** An existing folder. */
  readonly bucket: string;
  /** Calls for content so far, of all threads. */
  readonly reads: SharedArrayBuffer;
}

/** For `AddOptions.storage`. */
export function objectStorage(bucket: string) {
  const options = { bucket, reads: new SharedArrayBuffer(4) };
  return { module: __filename, options } satisfies {
    module: string;
    options: ObjectStorageOptions;
  };
}

/** Makes this call throw in every engine from now on, or stops that. */
export function setFailing(bucket: string, call: StateCall, isFailing: boolean): void {
  const mark = join(bucket, `fails ${call}`);
  if (isFailing) fs.writeFileSync(mark, '');
  else fs.rmSync(mark);
}

export function readsOf({ options }: ReturnType<typeof objectStorage>): number {
  return Atomics.load(new Int32Array(options.reads), 0);
}

class Bucket {
  readonly #options: ObjectStorageOptions;

  constructor(ref: StorageRef) {
    this.#options = ref.options as ObjectStorageOptions;
  }

  at(name: string): string {
    return join(this.#options.bucket, encodeURIComponent(name));
  }

  read(path: string, offsetBytes: number, targets: readonly Uint8Array[]): number {
    Atomics.add(new Int32Array(this.#options.reads), 0, 1);
    if (!fs.existsSync(this.at(path))) return 0;
    const object = fs.readFileSync(this.at(path));
    let at = offsetBytes;
    for (const target of targets) {
      const part = object.subarray(at, at + target.length);
      target.set(part);
      at += part.length;
    }
    return at - offsetBytes;
  }

  mayFail(call: StateCall): void {
    const mark = join(this.#options.bucket, `fails ${call}`);
    if (fs.existsSync(mark)) throw new Error('the bucket is on fire');
  }
}

export function openWriter(ref: StorageRef): StorageWriter {
  const bucket = new Bucket(ref);
  return {
    write(path, offsetBytes, chunks) {
      const fd = fs.openSync(bucket.at(path), fs.constants.O_CREAT | fs.constants.O_RDWR);
      let at = offsetBytes;
      for (const chunk of chunks) at += fs.writeSync(fd, chunk, 0, chunk.length, at);
      fs.closeSync(fd);
    },
    read: (path, offsetBytes, target) => bucket.read(path, offsetBytes, [target]),
    sync() {},
    createEmpty(paths) {
      for (const path of paths) fs.writeFileSync(bucket.at(path), '', { flag: 'a' });
    },
    close() {},
  };
}

export function openReader(ref: StorageRef): StorageReader {
  const bucket = new Bucket(ref);
  return {
    read: async (path, offsetBytes, targets) => bucket.read(path, offsetBytes, targets),
    close: async () => undefined,
  };
}

export async function openState(ref: StorageRef, infoHash: string): Promise<StorageState> {
  const bucket = new Bucket(ref);
  const record = bucket.at(`record ${infoHash}`);
  const lock = bucket.at(`lock ${infoHash}`);
  return {
    async lock() {
      bucket.mayFail('lock');
      if (fs.existsSync(lock)) {
        const error = new Error(`the bucket is in use by ${fs.readFileSync(lock, 'utf8')}`);
        throw Object.assign(error, { code: 'output-locked' });
      }
      fs.writeFileSync(lock, 'somebody else', { flag: 'wx' });
      return { release: async () => fs.rmSync(lock, { force: true }) };
    },
    async load() {
      bucket.mayFail('load');
      return fs.existsSync(record) ? { bytes: fs.readFileSync(record) } : undefined;
    },
    async save(encode) {
      bucket.mayFail('save');
      fs.writeFileSync(`${record}.new`, encode());
      fs.renameSync(`${record}.new`, record);
    },
    async remove() {
      fs.rmSync(record, { force: true });
    },
    async stat(paths) {
      bucket.mayFail('stat');
      return paths.map((path) => {
        const found = fs.statSync(bucket.at(path), { bigint: true, throwIfNoEntry: false });
        return found && { sizeBytes: Number(found.size), mtimeNs: found.mtimeNs };
      });
    },
  };
}
