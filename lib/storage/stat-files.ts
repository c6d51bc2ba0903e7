// Identities of many files at once, with few calls in flight.
import type { BigIntStats } from 'node:fs';
import { promises } from 'node:fs'; // loaded at first use, which peer threads never come to
import * as path from 'node:path';
import { lanes } from '../async/lanes';
import type { FileIdentity } from '../messages/storage';

/** The state of an existing file. */
export interface FileStat extends FileIdentity {
  readonly kind: 'file' | 'folder' | 'other';
  /** Number of names (hard links). */
  readonly names: number;
  /** Birth time in nanoseconds since 1970; the change time if the system does not know it. */
  readonly bornNs: bigint;
}

/** More than libuv's four threads, so that none is idle; far fewer than 10,000. */
const MAX_STATS_IN_FLIGHT = 32;

/** Converts a stat result. Inodes and nanoseconds need all 64 bits. */
export function identityOf(stats: BigIntStats): FileIdentity {
  return {
    sizeBytes: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    device: stats.dev,
    inode: stats.ino,
  };
}

export interface StatOutlets {
  /** Called with any error except "not found"; the file then counts as missing. Default: reject. */
  readonly onError?: (stored: string, error: unknown) => void;
  /** Called with every link below the root among the files and their folders. */
  readonly onLink?: (link: string) => void;
  /** Called with every existing folder of the files, by stored path. */
  readonly onFolder?: (folder: string) => void;
}

/**
 * Stats every path below `root`, in order, following links; undefined for a missing one. If a
 * folder is missing, the paths below it are not examined.
 */
export async function statFiles(
  root: string,
  paths: readonly string[],
  { onError, onLink, onFolder }: StatOutlets = {},
): Promise<(FileStat | undefined)[]> {
  const stats = new Array<FileStat | undefined>(paths.length).fill(undefined);
  const folders = new Map<string, Promise<boolean>>();
  /** Whether a folder of the torrent may exist. */
  const mayExist = (folder: string): Promise<boolean> => {
    if (folder === '.') return Promise.resolve(true);
    let known = folders.get(folder);
    if (known === undefined) folders.set(folder, (known = look(folder)));
    return known;
  };
  const look = async (folder: string): Promise<boolean> => {
    if (!(await mayExist(path.dirname(folder)))) return false;
    const full = path.join(root, folder);
    try {
      if ((await promises.lstat(full)).isSymbolicLink()) onLink?.(full);
      onFolder?.(folder);
      return true;
    } catch (error) {
      // Other errors are reported for the files below it.
      return (error as NodeJS.ErrnoException).code !== 'ENOENT';
    }
  };
  await lanes(MAX_STATS_IN_FLIGHT, paths.entries(), async ([at, stored]) => {
    try {
      if (!(await mayExist(path.dirname(stored)))) return;
      const full = path.join(root, stored);
      let found = await promises.lstat(full, { bigint: true });
      if (found.isSymbolicLink()) {
        onLink?.(full);
        found = await promises.stat(full, { bigint: true });
      }
      const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
      stats[at] = {
        ...identityOf(found),
        kind,
        names: Number(found.nlink),
        bornNs: found.birthtimeNs,
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      if (onError === undefined) throw error;
      onError(stored, error);
    }
  });
  return stats;
}
