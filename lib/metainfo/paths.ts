// Which names a torrent may give its files. Whatever passes here stays inside the output folder and
// cannot touch our own records; whatever fails is refused, never renamed, so that the same torrent
// has the same files for everybody.
import { Buffer } from 'node:buffer';
import { badMetainfo } from './limits';

/** Folder beside the data that holds resume records; no torrent may write there. */
export const RECORDS_FOLDER = '.millrace';

/** Longest name that the usual file systems store (ext4, xfs, btrfs, APFS, NTFS): 255 bytes of UTF-8. */
export const MAX_COMPONENT_BYTES = 255;

/** Longest path below the output folder: Linux stops at 4,096 bytes (PATH_MAX), that folder included. */
export const MAX_PATH_BYTES = 4_096;

/**
 * Names that are devices on Windows in every folder. Only the bare names: `aux.c` is a common
 * source file, and Windows 11 takes it.
 */
const WINDOWS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ .]*$/i;
const DRIVE = /^[a-z]:$/i;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The path of a file as text, for people and for APIs that want one string. */
export function pathOf(file: { readonly path: readonly string[] }): string {
  return file.path.join('/');
}

/** The rule that a single name breaks, or undefined if it may be used. */
export function brokenNameRule(component: string): string | undefined {
  if (component === '') return 'is empty';
  if (component === '.' || component === '..') return `is "${component}"`;
  if (component.includes('\0')) return 'contains a NUL';
  if (/^[/\\]/.test(component)) return 'is an absolute path';
  if (/[/\\]/.test(component)) return 'contains a path separator';
  if (DRIVE.test(component)) return 'is a drive, which makes the path absolute';
  if (WINDOWS_DEVICE.test(component)) return 'is a reserved device name on Windows';
  if (LONE_SURROGATE.test(component)) return 'is not valid Unicode';
  if (Buffer.byteLength(component) > MAX_COMPONENT_BYTES) {
    return `is longer than ${MAX_COMPONENT_BYTES} bytes`;
  }
  return undefined;
}

/** Throws `bad-metainfo` unless `path` may be written below an output folder. `what` names the file. */
export function checkPath(path: readonly string[], what: string): void {
  if (path.length === 0) throw badMetainfo(`the path of ${what} is empty`);
  let pathBytes = path.length - 1;
  for (const component of path) {
    const broken = brokenNameRule(component);
    if (broken !== undefined) throw badMetainfo(`a part of the path of ${what} ${broken}`);
    pathBytes += Buffer.byteLength(component);
  }
  if (pathBytes > MAX_PATH_BYTES) {
    throw badMetainfo(`the path of ${what} is longer than ${MAX_PATH_BYTES} bytes`);
  }
  // Compared without case: some file systems take .Millrace for the same folder.
  if (path[0]?.toLowerCase() === RECORDS_FOLDER) {
    throw badMetainfo(`the path of ${what} is in ${RECORDS_FOLDER}, which is reserved for records`);
  }
}

/** What stands at a path of the tree: a file, or a folder by its number. */
const FILE = -1;
const ROOT = 0;

/**
 * All paths of one torrent, kept as one map from (folder, name) to what is there: the work is linear
 * in their text, and a folder costs no more than a file. Names are compared exactly: `A` and `a` may
 * live side by side, as they do in the sources of Linux. On a file system that ignores case such a
 * torrent fails verification instead of being refused here.
 */
export class PathTree {
  private readonly entries = new Map<string, number>();
  private folders = 1;

  /** Takes a path in, or says what stands in its way. Names must hold no `/`. */
  add(path: readonly string[]): 'added' | 'taken' | 'is-folder' | 'below-file' {
    let folder = ROOT;
    for (let at = 0; at < path.length - 1; at++) {
      const key = `${folder}/${path[at]}`;
      let next = this.entries.get(key);
      if (next === FILE) return 'below-file';
      if (next === undefined) this.entries.set(key, (next = this.folders++));
      folder = next;
    }
    const key = `${folder}/${path[path.length - 1]}`;
    const present = this.entries.get(key);
    if (present !== undefined) return present === FILE ? 'taken' : 'is-folder';
    this.entries.set(key, FILE);
    return 'added';
  }
}

/** Takes a file's path into the tree, or throws `bad-metainfo` when two files get in each other's way. */
export function addPath(tree: PathTree, path: readonly string[], what: string): void {
  switch (tree.add(path)) {
    case 'added':
      return;
    case 'taken':
      throw badMetainfo(`two files have one path, the second is ${what}`);
    case 'is-folder':
    case 'below-file':
      throw badMetainfo(`the path of ${what} makes one name both a file and a folder`);
  }
}
