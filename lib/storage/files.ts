// The built-in back end: plain sparse files below the output folder. The writer is synchronous,
// because verify workers have no sockets and libuv's pool has only four threads for the whole
// process. The reader shares its thread with sockets and is asynchronous.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { MillraceError, advised } from '../errors/millrace-error';
import { onFile } from '../errors/system-error';
import type { FileIdentity, KnownFile, StorageRef } from '../messages/storage';
import { FilesReader } from './files-reader';
import { HandleCache } from './handle-cache';
import { OPEN_TO_READ, openRegular } from './open-regular';
import { entryOf, isMade, noteMade } from './made-files';
import {
  makeFolders,
  openExistingInside,
  openInside,
  openNewInside,
  resolveBelow,
  syncFolder,
} from './safe-path';
import { identityOf } from './stat-files';
import type { StorageReader, StorageWriter } from './storage';

/** Most files that one verify worker keeps open, over all torrents. */
export const MAX_WRITE_HANDLES = 64;
/** Chunks per writev call; POSIX systems allow 1024 (IOV_MAX). */
const MAX_CHUNKS_PER_WRITE = 512;

const handles = new HandleCache(MAX_WRITE_HANDLES);
let writers = 0;

export function openWriter(ref: StorageRef): StorageWriter {
  return new FilesWriter(ref);
}

export function openReader(ref: StorageRef): StorageReader {
  return new FilesReader(ref.root);
}

class FilesWriter implements StorageWriter {
  private readonly root: string;
  private readonly followLinks: boolean;
  /** Distinguishes this writer's handles from others in the thread's shared cache. */
  private readonly prefix = `${++writers}:`;
  private realRoot: string | undefined;
  private readonly made: string | undefined;
  /** The known files of the present job, by path. */
  private known: ReadonlyMap<string, KnownFile> = new Map();
  /** Files whose folder entries this writer has already synced. */
  private readonly syncedEntries = new Set<string>();

  constructor(ref: StorageRef) {
    this.root = path.resolve(ref.root);
    this.followLinks = ref.followLinks ?? false;
    this.made = ref.made;
  }

  write(stored: string, offsetBytes: number, chunks: readonly Uint8Array[]): void {
    const fd = this.handleToWrite(stored);
    onFile(this.pathOf(stored), () => {
      let position = offsetBytes;
      for (let at = 0; at < chunks.length; at += MAX_CHUNKS_PER_WRITE) {
        position += writeAll(fd, chunks.slice(at, at + MAX_CHUNKS_PER_WRITE), position);
      }
    });
  }

  expect(known: readonly KnownFile[]): void {
    this.known = new Map(known.map((file) => [file.path, file]));
  }

  identify(stored: string): FileIdentity {
    return identityOf(fs.fstatSync(this.handleToWrite(stored), { bigint: true }));
  }

  find(stored: string): FileIdentity | undefined {
    try {
      const full = resolveBelow(this.root, stored);
      const found = fs.statSync(full, { bigint: true, throwIfNoEntry: false });
      return found?.isFile() === true ? identityOf(found) : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  read(stored: string, offsetBytes: number, target: Uint8Array): number {
    let fd: number;
    try {
      // Read-only, so that a recheck also works without write permission.
      fd = handles.use(`${this.prefix}r:${stored}`, () =>
        openRegular(resolveBelow(this.root, stored), OPEN_TO_READ),
      );
    } catch (error) {
      if (isMissing(error)) return 0;
      throw error;
    }
    return onFile(this.pathOf(stored), () => readInto(fd, target, offsetBytes));
  }

  sync(paths: readonly string[]): void {
    const folders = new Set<string>();
    const fresh: string[] = [];
    for (const stored of paths) {
      const full = resolveBelow(this.root, stored);
      const synced = onFile(
        () => full,
        () => this.syncFile(stored, full),
      );
      if (!synced || this.syncedEntries.has(stored)) continue;
      fresh.push(stored);
      // Another worker may have created the file: this writer can only know what it has synced
      // itself.
      for (let folder = path.dirname(full); !folders.has(folder); folder = path.dirname(folder)) {
        folders.add(folder);
        if (folder === this.root) break;
      }
    }
    for (const folder of folders) syncFolder(folder, fs.fsyncSync);
    for (const stored of fresh) this.syncedEntries.add(stored);
  }

  createEmpty(paths: readonly string[]): void {
    for (const stored of paths) fs.closeSync(openInside(this.openRoot(), stored, this.followLinks));
  }

  close(): void {
    handles.closeAll(this.prefix);
    this.realRoot = undefined;
    this.syncedEntries.clear();
  }

  /** Only for errors: joining the path before every write would cost 0.4 to 3 µs. */
  private pathOf(stored: string): () => string {
    return () => path.join(this.root, stored);
  }

  private handleToWrite(stored: string): number {
    return handles.use(`${this.prefix}w:${stored}`, () => this.openToWrite(stored));
  }

  /** Opens only the known file, and creates one where none is known. */
  private openToWrite(stored: string): number {
    const root = this.openRoot();
    if (this.made === undefined) return openInside(root, stored, this.followLinks);
    const known = this.known.get(stored);
    if (known === undefined) return this.openNew(this.made, root, stored);
    let fd: number;
    try {
      fd = openExistingInside(root, stored, this.followLinks);
    } catch (error) {
      throw isMissing(error) ? changed(root, stored, 'missing') : error;
    }
    const found = fs.fstatSync(fd, { bigint: true });
    const { left } = known;
    const isCopy = left?.sizeBytes === Number(found.size) && left.mtimeNs === found.mtimeNs;
    if (found.ino === known.inode || isCopy) return fd;
    fs.closeSync(fd);
    throw changed(root, stored, 'replaced');
  }

  /**
   * Creates a file, or opens one that another worker is just creating; any other file is not ours.
   */
  private openNew(made: string, root: string, stored: string): number {
    let fd: number;
    let exists = false;
    try {
      fd = openNewInside(root, stored, this.followLinks);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      fd = openInside(root, stored, this.followLinks);
      exists = true;
    }
    try {
      const found = fs.fstatSync(fd, { bigint: true });
      const entry = entryOf(stored, { inode: found.ino, bornNs: found.birthtimeNs });
      // An empty file was created a moment ago, or contains nothing that could be lost.
      if (!exists || found.size === 0n) noteMade(made, [entry]);
      else if (!isMade(made, entry)) throw notOurs(root, stored);
      return fd;
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  /** Returns false if there is no such file. */
  private syncFile(stored: string, full: string): boolean {
    const open = handles.peek(`${this.prefix}w:${stored}`);
    if (open !== undefined) {
      fs.fdatasyncSync(open);
      return true;
    }
    let fd: number;
    try {
      fd = openToSync(full);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
    try {
      fs.fdatasyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    return true;
  }

  private openRoot(): string {
    if (this.realRoot === undefined) {
      makeFolders(this.root);
      this.realRoot = fs.realpathSync.native(this.root);
    }
    return this.realRoot;
  }
}

/** The coordinator adds the advice. */
function changed(root: string, stored: string, kind: 'missing' | 'replaced'): MillraceError {
  return new MillraceError(
    kind === 'missing' ? 'data-missing' : 'data-changed',
    `${path.join(root, stored)} is not there any more as it was seen`,
    { path: stored, kind },
  );
}

function notOurs(root: string, stored: string): MillraceError {
  const full = path.join(root, stored);
  return advised(
    'file-not-ours',
    `${full} was put there by another program after the download had begun: it is not overwritten`,
    'move it away, or allow it to be overwritten by the option adopt, and start the download again',
    { path: full },
  );
}

/**
 * Read-only where that is enough to sync, so that nothing is opened for writing through a link.
 * Windows syncs only writable handles.
 */
function openToSync(full: string): number {
  if (process.platform !== 'win32') return openRegular(full, OPEN_TO_READ);
  try {
    return openRegular(full, fs.constants.O_RDWR);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['EROFS', 'EACCES', 'EPERM'].includes(code)) throw error;
    return openRegular(full, OPEN_TO_READ);
  }
}

/** Reads up to the end of the file; returns the number of bytes read. */
function readInto(fd: number, target: Uint8Array, offsetBytes: number): number {
  let done = 0;
  while (done < target.length) {
    const bytes = fs.readSync(fd, target, done, target.length - done, offsetBytes + done);
    if (bytes === 0) break;
    done += bytes;
  }
  return done;
}

/** Writes all bytes, even if single writes are short; returns their number. */
function writeAll(fd: number, chunks: readonly Uint8Array[], position: number): number {
  let rest = chunks;
  let done = 0;
  while (rest.length > 0) {
    let written = fs.writevSync(fd, rest, position + done);
    done += written;
    let whole = 0;
    for (const chunk of rest) {
      if (written < chunk.length) break;
      written -= chunk.length;
      whole++;
    }
    const cut = rest[whole];
    rest = rest.slice(whole);
    if (cut !== undefined && written > 0) rest = [cut.subarray(written), ...rest.slice(1)];
  }
  return done;
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
