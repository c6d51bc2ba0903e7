// Reads files for uploads without blocking a thread that serves sockets. Handles are read-only,
// shared by concurrent reads, and limited over all torrents of the thread.
import * as fs from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import * as path from 'node:path';
import { cutPlaces } from '../bytes/places';
import { MillraceError } from '../errors/millrace-error';
import { isOutOfDescriptors } from '../errors/system-error';
import { OPEN_TO_READ, openRegularAsync } from './open-regular';
import { resolveBelow } from './safe-path';
import type { StorageReader } from './storage';

/** Most files that one peer thread keeps open for uploads, over all torrents. */
export const MAX_READ_HANDLES = 32;

interface ReadHandle {
  readonly reader: FilesReader;
  readonly stored: string;
  readonly file: Promise<FileHandle>;
  /** Reads in progress; a handle in use is never closed. */
  users: number;
}

/** All open handles of this thread, least recently used first. */
const openHandles = new Set<ReadHandle>();

export class FilesReader implements StorageReader {
  private readonly root: string;
  private readonly handles = new Map<string, ReadHandle>();
  private closing: Promise<void> | undefined;
  private reads = 0;
  private onIdle: (() => void) | undefined;

  constructor(root: string) {
    this.root = path.resolve(root);
  }

  async read(stored: string, offsetBytes: number, targets: readonly Uint8Array[]): Promise<number> {
    if (this.closing !== undefined) {
      throw new MillraceError('storage-closed', `${this.root} is closed: nothing can be read`);
    }
    this.reads++;
    try {
      const handle = this.acquire(stored);
      try {
        return await readAll((await handle.file).fd, offsetBytes, targets);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === 'ENOENT' || code === 'ENOTDIR') return 0;
        throw error;
      } finally {
        handle.users--;
        await evict();
      }
    } finally {
      this.reads--;
      if (this.reads === 0) this.onIdle?.();
    }
  }

  close(): Promise<void> {
    this.closing ??= this.closeWhenIdle();
    return this.closing;
  }

  private async closeWhenIdle(): Promise<void> {
    if (this.reads > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    await Promise.all([...this.handles.values()].map((handle) => this.drop(handle)));
  }

  /** Removes and closes a handle; the file is opened again at the next read. */
  async drop(handle: ReadHandle): Promise<void> {
    openHandles.delete(handle);
    if (this.handles.get(handle.stored) === handle) this.handles.delete(handle.stored);
    const file = await handle.file.catch(() => undefined);
    await file?.close();
  }

  private acquire(stored: string): ReadHandle {
    const known = this.handles.get(stored);
    const handle = known ?? {
      reader: this,
      stored,
      file: openWithRoom(resolveBelow(this.root, stored)),
      users: 0,
    };
    handle.users++;
    openHandles.delete(handle); // Added again at the end: it is the most recently used.
    openHandles.add(handle);
    if (known === undefined) {
      this.handles.set(stored, handle);
      // A file that is missing now may exist at the next request.
      handle.file.catch(() => {
        openHandles.delete(handle);
        if (this.handles.get(stored) === handle) this.handles.delete(stored);
      });
    }
    return handle;
  }
}

/** If the process has no free descriptor, closes idle handles, least recently used first. */
async function openWithRoom(file: string): Promise<FileHandle> {
  for (;;) {
    try {
      return await openRegularAsync(file, OPEN_TO_READ);
    } catch (error) {
      const idle = [...openHandles].find(({ users }) => users === 0);
      if (!isOutOfDescriptors(error) || idle === undefined) throw error;
      await idle.reader.drop(idle);
    }
  }
}

async function readAll(
  fd: number,
  offsetBytes: number,
  targets: readonly Uint8Array[],
): Promise<number> {
  let done = 0;
  for (let rest = targets; rest.length > 0;) {
    const bytes = await readOnce(fd, rest, offsetBytes + done);
    if (bytes === 0) break;
    done += bytes;
    rest = cutPlaces(rest, bytes).tail;
  }
  return done;
}

function readOnce(fd: number, targets: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.readv(fd, targets, position, (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject(error);
    });
  });
}

/**
 * Closes the least recently used handles above the limit; those in use are closed after their last
 * read.
 */
async function evict(): Promise<void> {
  if (openHandles.size <= MAX_READ_HANDLES) return;
  for (const handle of openHandles) {
    if (handle.users > 0) continue;
    await handle.reader.drop(handle);
    if (openHandles.size <= MAX_READ_HANDLES) return;
  }
}
