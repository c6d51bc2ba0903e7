// The files that a run created or was allowed to write to: a list beside the record, appended to
// before the first byte is written. With it, the files of a run that was killed before it saved a
// record are recognised, and workers recognise files that another worker has just created.
import * as fs from 'node:fs';
import { OPEN_TO_APPEND, OPEN_TO_READ, openRegular, openRegularAsync } from './open-regular';

/**
 * Longest list: the paths of a torrent take at most 24 MiB; a longer list, of many killed runs, is
 * not read.
 */
const MAX_LIST_BYTES = 128 * 1024 * 1024;
/** The end of the list, where files that other workers have just created are searched first. */
const TAIL_BYTES = 64 * 1024;

/** Identifies a file: an inode number may be reused, but not with the same birth time. */
export interface MadeFile {
  readonly inode: bigint;
  /** 0 if the file system does not know it. */
  readonly bornNs: bigint;
}

/** Appends in one system call. Not synced: the list must survive the process, not the machine. */
export function noteMade(list: string, entries: readonly string[]): void {
  const fd = openRegular(list, OPEN_TO_APPEND, { followLink: false });
  try {
    fs.writeSync(fd, entries.map((entry) => `${entry}\0`).join(''));
  } finally {
    fs.closeSync(fd);
  }
}

/** Deletes the list; the record now contains all of the files. */
export function forgetMade(list: string): void {
  fs.rmSync(list, { force: true });
}

/** The entries; empty if there is no readable list. */
export async function readMade(list: string): Promise<ReadonlySet<string>> {
  try {
    const handle = await openRegularAsync(list, OPEN_TO_READ, { followLink: false });
    try {
      if ((await handle.stat()).size > MAX_LIST_BYTES) return new Set();
      return new Set((await handle.readFile('utf8')).split('\0'));
    } finally {
      await handle.close();
    }
  } catch {
    return new Set();
  }
}

/**
 * Whether a file is in the list. Meant for files that were just created: the end is searched first.
 */
export function isMade(list: string, entry: string): boolean {
  let fd: number;
  try {
    fd = openRegular(list, OPEN_TO_READ, { followLink: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false; // No file was created yet.
    throw error;
  }
  try {
    const wanted = Buffer.from(`${entry}\0`);
    const { size } = fs.fstatSync(fd);
    if (size > MAX_LIST_BYTES) return false;
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    fs.readSync(fd, tail, 0, tail.length, size - tail.length);
    return tail.includes(wanted) || (size > TAIL_BYTES && fs.readFileSync(fd).includes(wanted));
  } finally {
    fs.closeSync(fd);
  }
}

/** The entry of a file. `path`: as stored. */
export function entryOf(path: string, { inode, bornNs }: MadeFile): string {
  return `${inode} ${bornNs} ${path}`;
}
