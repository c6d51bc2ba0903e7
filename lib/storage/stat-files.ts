// Identities of many files at once, with few calls in flight.
import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import type { FileIdentity } from '../messages/storage';

/** What is known of a file that exists. */
export interface FileStat extends FileIdentity {
  readonly kind: 'file' | 'folder' | 'other';
}

/** More than libuv's four threads, so that none of them waits for us; far fewer than 10,000. */
const MAX_STATS_IN_FLIGHT = 32;

/** A stat in the words of storage. Inodes and nanoseconds need all 64 bits. */
export function identityOf(stats: BigIntStats): FileIdentity {
  return {
    sizeBytes: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    device: stats.dev,
    inode: stats.ino,
  };
}

/**
 * Stats every path below `root`, in order; undefined for one that is not there (or whose folder
 * is a file). `onError` hears of anything else, and says what stands for the file.
 */
export async function statFiles(
  root: string,
  paths: readonly string[],
  onError: (stored: string, error: unknown) => undefined = (_stored, error) => {
    throw error;
  },
): Promise<(FileStat | undefined)[]> {
  const stats = new Array<FileStat | undefined>(paths.length).fill(undefined);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < paths.length; at = next++) {
      const stored = paths[at] ?? '';
      try {
        const found = await stat(path.join(root, stored), { bigint: true });
        const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
        stats[at] = { ...identityOf(found), kind };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(stored, error);
      }
    }
  };
  await Promise.all(Array.from({ length: MAX_STATS_IN_FLIGHT }, lane));
  return stats;
}
