// EDGE. Whether the output folder can be written to, and whether it has room for the missing data.
// Leaves nothing behind: no folder is created, and the test file is removed.

import { randomBytes } from 'node:crypto';
import { rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import PQueue from 'p-queue';
import type { Metainfo } from '../metainfo/metainfo';
import { storedFiles } from '../metainfo/layout';

export interface DiskProbe {
  /** The examined folder: `output`, or its nearest existing parent. */
  readonly folder: string;
  readonly freeBytes?: number;
  /** Bytes of the torrent that do not occupy disk space yet. */
  readonly missingBytes: number;
  /** The system's error code, if no file can be created. */
  readonly cause?: string;
}

/** More than libuv's four threads, so that none is idle. */
const STATS_IN_FLIGHT = 32;
/** The `blocks` of a stat have 512 bytes, whatever the file system uses (POSIX). */
const STAT_BLOCK_BYTES = 512;
const SMALL_FILE_BYTES = 4096;

/** `metainfo` undefined: nothing is known to be missing. */
export async function probeDisk(
  output: string,
  metainfo: Metainfo | undefined,
): Promise<DiskProbe> {
  const [{ folder, cause: inTheWay }, missingBytes] = await Promise.all([
    nearestFolder(output),
    metainfo ? missingIn(output, metainfo) : 0,
  ]);
  const [freeBytes, cause] = await Promise.all([
    freeIn(folder),
    inTheWay ?? causeOf(tryToWrite(folder)),
  ]);
  return { folder, freeBytes, missingBytes, cause };
}

async function nearestFolder(output: string): Promise<{ folder: string; cause?: string }> {
  for (let folder = output; ; folder = dirname(folder)) {
    try {
      if ((await stat(folder)).isDirectory()) return { folder };
      return { folder, cause: 'ENOTDIR' };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' || folder === dirname(folder)) return { folder, cause: code };
    }
  }
}

async function tryToWrite(folder: string): Promise<void> {
  const file = join(folder, `.millrace-${randomBytes(8).toString('hex')}.tmp`);
  // A full disk accepts an empty file: one block shows the problem.
  await writeFile(file, Buffer.alloc(4096), { flag: 'wx' }).finally(() =>
    rm(file, { force: true }),
  );
}

async function causeOf(work: Promise<void>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    ({ code }: NodeJS.ErrnoException) => code ?? 'unknown',
  );
}

async function freeIn(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** Files may be sparse, so the space that they occupy is compared, not their length. */
async function missingIn(output: string, metainfo: Metainfo): Promise<number> {
  const queue = new PQueue({ concurrency: STATS_IN_FLIGHT });
  const missing = storedFiles(metainfo).map(({ path, lengthBytes }) =>
    queue.add(async () => {
      const found = await stat(join(output, path)).catch(() => undefined);
      if (!found?.isFile()) return lengthBytes;
      // Windows counts no blocks, and some file systems store small files beside the name.
      const inBlocks = found.blocks !== undefined && found.size > SMALL_FILE_BYTES;
      const takenBytes = inBlocks ? found.blocks * STAT_BLOCK_BYTES : found.size;
      return Math.max(0, lengthBytes - Math.min(found.size, takenBytes));
    }),
  );
  const bytes: readonly number[] = await Promise.all(missing);
  return bytes.reduce((sum, each) => sum + each, 0);
}
