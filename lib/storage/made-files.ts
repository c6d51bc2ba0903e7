// Which files a run made or was allowed to write to: a list beside the record, appended to before the
// first byte is written. So a run that was killed before it saved a record is known by its files, and two
// workers that make a file at once tell each other's from that of a stranger.
import * as fs from 'node:fs';
import { OPEN_TO_APPEND, OPEN_TO_READ, openRegular, openRegularAsync } from './open-regular';

/** The paths of a torrent take 24 MiB at most; a longer list, of many runs that were killed, is not read. */
const MAX_LIST_BYTES = 128 * 1024 * 1024;
/** What other workers have made a moment ago stands at the end. */
const TAIL_BYTES = 64 * 1024;

/** An inode number may be given to another file; not at the same nanosecond. */
export interface MadeFile {
  readonly inode: bigint;
  /** 0 where the file system does not know. */
  readonly bornNs: bigint;
}

/** Appends, in one call of the system. Not synced: it need outlive the process, not the machine. */
export function noteMade(list: string, entries: readonly string[]): void {
  const fd = openRegular(list, OPEN_TO_APPEND, { followLink: false });
  try {
    fs.writeSync(fd, entries.map((entry) => `${entry}\0`).join(''));
  } finally {
    fs.closeSync(fd);
  }
}

/** The record knows all of them by now. */
export function forgetMade(list: string): void {
  fs.rmSync(list, { force: true });
}

/** The entries; none where there is no list that can be read. */
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

/** Whether a file is in the list. For when it was made just now: the end is looked at first. */
export function isMade(list: string, entry: string): boolean {
  let fd: number;
  try {
    fd = openRegular(list, OPEN_TO_READ, { followLink: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false; // nothing was made yet
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

/** What the list says of a file. `path`: as stored. */
export function entryOf(path: string, { inode, bornNs }: MadeFile): string {
  return `${inode} ${bornNs} ${path}`;
}
