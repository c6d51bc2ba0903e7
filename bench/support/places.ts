// Where downloads are written: memory (tmpfs), and a disk.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** f_type of tmpfs in statfs(2). */
const TMPFS_MAGIC = 0x0102_1994;

export type Target = 'tmpfs' | 'disk';

export interface Place {
  readonly target: Target;
  readonly folder: string;
}

/**
 * A folder of its own for this bench. `needBytes` must fit. Throws with the reason when the machine
 * has no such place.
 */
export function placeFor(target: Target, needBytes: number, diskFolder = tmpdir()): Place {
  const parent = target === 'tmpfs' ? '/dev/shm' : diskFolder;
  if (!existsSync(parent)) throw new Error(`${parent} does not exist`);
  const { type, bavail, bsize } = statfsSync(parent);
  const isMemory = type === TMPFS_MAGIC;
  if (isMemory !== (target === 'tmpfs')) {
    throw new Error(`${parent} is ${isMemory ? 'in memory' : 'no tmpfs'}: name another folder`);
  }
  if (bavail * bsize < needBytes) {
    throw new Error(
      `${parent} has room for ${Math.floor((bavail * bsize) / 2 ** 20)} MiB, ` +
        `${Math.ceil(needBytes / 2 ** 20)} MiB are needed`,
    );
  }
  const folder = mkdtempSync(join(parent, 'millrace-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return { target, folder };
}

/** Flushes pending writes of an earlier run, so that they do not slow the next. */
export function settle(place: Place): void {
  if (place.target === 'disk') spawnSync('sync', ['-f', place.folder]);
}
