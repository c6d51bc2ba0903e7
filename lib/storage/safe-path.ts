// Keeps writes inside the output folder. Path components are checked with the metainfo; what
// remains are symbolic links below the output folder: nothing is written through one unless the
// user allows it.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { MillraceError, advised } from '../errors/millrace-error';
import { OPEN_TO_READ, openRegular } from './open-regular';

/** Whether `real` is `root` or lies below it; both must be real paths. */
export function isInside(root: string, real: string): boolean {
  return real === root || real.startsWith(root.endsWith(path.sep) ? root : root + path.sep);
}

/** The path of a stored file below `root`; throws if it would leave it. */
export function resolveBelow(root: string, stored: string): string {
  const full = path.join(root, stored);
  if (full === path.join(root) || !isInside(path.join(root), full)) {
    throw new MillraceError('outside-output', `the path ${stored} leads out of ${root}`);
  }
  return full;
}

/**
 * Creates a folder and its missing parents. Not `mkdir` with `recursive`: on a file system that
 * reports ENOENT although the parent exists (/proc), that never returns (Node 20).
 */
export function makeFolders(folder: string): void {
  if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = path.dirname(folder);
  if (parent !== folder) makeFolders(parent);
  try {
    fs.mkdirSync(folder);
  } catch (error) {
    const raced = (error as NodeJS.ErrnoException).code === 'EEXIST';
    if (!raced || !fs.statSync(folder).isDirectory()) throw error;
  }
}

/**
 * Opens a stored file for reading and writing, and creates it and its folders if missing.
 * `realRoot` is the real path of the output folder. Throws `link-in-path` for a link below it,
 * unless `followLinks`, and `not-a-regular-file`.
 */
export function openInside(realRoot: string, stored: string, followLinks: boolean): number {
  return openBelow(realRoot, stored, fs.constants.O_RDWR | fs.constants.O_CREAT, followLinks);
}

/** Like `openInside`, but never creates the file. */
export function openExistingInside(realRoot: string, stored: string, followLinks: boolean): number {
  return openBelow(realRoot, stored, fs.constants.O_RDWR, followLinks);
}

/** Like `openInside`, but throws EEXIST if the name is taken. */
export function openNewInside(realRoot: string, stored: string, followLinks: boolean): number {
  const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;
  return openBelow(realRoot, stored, O_RDWR | O_CREAT | O_EXCL, followLinks);
}

/** Cuts a stored file that is longer than `lengthBytes`, with the checks of `openInside`. */
export function cutInside(
  realRoot: string,
  stored: string,
  lengthBytes: number,
  followLinks: boolean,
): void {
  const fd = openBelow(realRoot, stored, fs.constants.O_RDWR, followLinks);
  try {
    if (fs.fstatSync(fd).size > lengthBytes) fs.ftruncateSync(fd, lengthBytes);
  } finally {
    fs.closeSync(fd);
  }
}

function openBelow(realRoot: string, stored: string, flags: number, followLinks: boolean): number {
  resolveBelow(realRoot, stored);
  const folder = ensureFolder(realRoot, path.dirname(stored), followLinks);
  const file = path.join(folder, path.basename(stored));
  try {
    return openRegular(file, flags, { followLink: followLinks });
  } catch (error) {
    if (!followLinks) refuseLinks(realRoot, stored);
    throw error;
  }
}

/** Creates a folder of the torrent and its missing parents. Returns its real path. */
function ensureFolder(realRoot: string, stored: string, followLinks: boolean): string {
  const plain = path.join(realRoot, stored);
  let real: string;
  try {
    real = fs.realpathSync.native(plain);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || stored === '.') throw error;
    const parent = ensureFolder(realRoot, path.dirname(stored), followLinks);
    const made = path.join(parent, path.basename(stored));
    try {
      fs.mkdirSync(made);
    } catch (cause) {
      // Another worker may have been faster. A dangling link is also found here.
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      if (!followLinks) refuseLinks(realRoot, stored);
    }
    real = fs.realpathSync.native(made);
  }
  // Some file systems return a folder with different case: only links are refused.
  if (real !== plain && !followLinks) refuseLinks(realRoot, stored);
  return real;
}

/** Throws `link-in-path` if a component of the path is a link. */
function refuseLinks(realRoot: string, stored: string): void {
  let full = realRoot;
  for (const component of path.normalize(stored).split(path.sep)) {
    full = path.join(full, component);
    if (fs.lstatSync(full, { throwIfNoEntry: false })?.isSymbolicLink() === true)
      throw linkInPath(full);
  }
}

export function linkInPath(link: string): MillraceError {
  return advised(
    'link-in-path',
    `${link} is a symbolic link among the torrent's own files, and nothing is written through it`,
    'allow that by the option followLinks, name the folder behind it as the output, or remove the link',
    { path: link },
  );
}

/** Syncs a folder's entries. Systems that cannot open or sync folders are skipped. */
export function syncFolder(folder: string, fsync: (fd: number) => void): void {
  let fd: number;
  try {
    fd = fs.openSync(folder, OPEN_TO_READ | (fs.constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (isUnsupported(error)) return;
    throw error;
  }
  try {
    fsync(fd);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  } finally {
    fs.closeSync(fd);
  }
}

function isUnsupported(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP', 'EBADF', 'ENOENT'].includes(code);
}
