// Keeps writes inside the output folder. Metainfo has checked every path component; what is left
// is a symbolic link that already lies in the folder and points out of it.
import { constants, closeSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs';
import * as path from 'node:path';
import { MillraceError } from '../errors/millrace-error';

// Windows has no such flag; there `|` with 0 leaves the others as they are.
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;

/** True when `real` is `root` or lies below it; both must be real paths. */
export function isInside(root: string, real: string): boolean {
  return real === root || real.startsWith(root.endsWith(path.sep) ? root : root + path.sep);
}

/** The path of a stored file below `root`; refuses what would climb out of it. */
export function resolveBelow(root: string, stored: string): string {
  const full = path.join(root, stored);
  if (full === path.join(root) || !isInside(path.join(root), full)) {
    throw new MillraceError('outside-output', `the path ${stored} leads out of ${root}`);
  }
  return full;
}

/**
 * Makes a folder and what is missing above it. Not `mkdir` with `recursive`: on a file system that
 * answers ENOENT although the parent is there (/proc), that one never returns (Node 20).
 */
export function makeFolders(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = path.dirname(folder);
  if (parent !== folder) makeFolders(parent);
  try {
    mkdirSync(folder);
  } catch (error) {
    const raced = (error as NodeJS.ErrnoException).code === 'EEXIST';
    if (!raced || !statSync(folder).isDirectory()) throw error;
  }
}

/**
 * Makes `folder` and what is missing above it, down from `realRoot`; never through a link that
 * leads out. Returns its real path. `created` is told of every folder made.
 */
export function ensureFolder(realRoot: string, folder: string, created?: (folder: string) => void) {
  try {
    return checkInside(realRoot, realpathSync.native(folder), folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const parent: string = ensureFolder(realRoot, path.dirname(folder), created);
  const real = path.join(parent, path.basename(folder));
  try {
    mkdirSync(real);
    created?.(real);
  } catch (error) {
    // Another worker may have been quicker; a dangling link lands here too and fails the check.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return checkInside(realRoot, realpathSync.native(real), folder);
}

/** Opens a file for reading and writing, creating it (and its folders) when missing. */
export function openInside(realRoot: string, root: string, stored: string): number {
  const full = resolveBelow(root, stored);
  const file = path.join(ensureFolder(realRoot, path.dirname(full)), path.basename(full));
  const flags = constants.O_RDWR | constants.O_CREAT;
  try {
    return openSync(file, flags | NO_FOLLOW, 0o666);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
  }
  // The file itself is a link: fine as long as it stays inside.
  return openSync(checkInside(realRoot, realpathSync.native(file), stored), flags, 0o666);
}

/** Forces a folder's entries to disk. Systems that cannot open or sync folders are passed over. */
export function syncFolder(folder: string, fsync: (fd: number) => void): void {
  let fd: number;
  try {
    fd = openSync(folder, constants.O_RDONLY);
  } catch (error) {
    if (isUnsupported(error)) return;
    throw error;
  }
  try {
    fsync(fd);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  } finally {
    closeSync(fd);
  }
}

function isUnsupported(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP', 'EBADF', 'ENOENT'].includes(code);
}

function checkInside(realRoot: string, real: string, named: string): string {
  if (isInside(realRoot, real)) return real;
  throw new MillraceError(
    'outside-output',
    `${named} is reached through a symbolic link that leads out of the output folder, to ${real}`,
  );
}
