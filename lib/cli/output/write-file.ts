// Writes a file that the user named: atomically, and without overwriting another one unasked.

import { lstat, open, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { withPath } from '../../errors/system-error';
import type { Api } from '../context';

/**
 * Whether the file exists. Throws if its folder does not exist, and `output-exists` if the path is a
 * folder.
 */
export async function fileExists(path: string, api: Api): Promise<boolean> {
  await stat(dirname(resolve(path)));
  return lstat(path).then(
    (found) => {
      if (!found.isDirectory()) return true;
      throw new api.MillraceError('output-exists', `${path} is a folder: name a file`);
    },
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/**
 * Writes the file atomically: after a failure the old file, if any, is unchanged. `exists`: the error
 * to throw if there is a file; undefined: the file is replaced.
 */
export async function writeWhole(path: string, bytes: Uint8Array, exists?: Error): Promise<void> {
  const target = exists ? path : `${path}.${process.pid}.part`;
  let file: FileHandle;
  try {
    file = await open(target, 'wx');
  } catch (error) {
    if (exists && (error as NodeJS.ErrnoException).code === 'EEXIST') throw exists;
    throw error;
  }
  try {
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
    if (target !== path) await rename(target, path);
  } catch (error) {
    await rm(target, { force: true });
    throw withPath(error, path);
  }
}
