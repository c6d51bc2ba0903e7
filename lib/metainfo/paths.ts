// Which paths may be written below an output folder on this system. names.ts maps the names of a
// torrent to this form; no other names reach a disk.
import { Buffer } from 'node:buffer';
import { badMetainfo } from './limits';

/** Folder beside the data that holds resume records; no torrent may write there. */
export const RECORDS_FOLDER = '.millrace';

/** Longest name on common file systems (ext4, xfs, btrfs, APFS): 255 bytes of UTF-8. */
export const MAX_COMPONENT_BYTES = 255;

/** Longest name on NTFS: 255 units of UTF-16. */
const MAX_COMPONENT_UNITS = 255;

/**
 * Longest path below the output folder: Linux allows 4,096 bytes (PATH_MAX), including that folder.
 */
export const MAX_PATH_BYTES = 4_096;

/**
 * Device names on Windows, in every folder. Only without an extension: `aux.c` is a common source
 * file, and Windows 11 accepts it.
 */
export const WINDOWS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])$/i;

/** Characters that NTFS and the Win32 API interpret or refuse. */
const WINDOWS_CHARACTERS = /[\u0000-\u001f<>:"/\\|?*]/;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Characters that some file systems (HFS+) skip when they compare names. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

/**
 * Name of BitComet's padding, which has no attribute; libtorrent also recognises it, anywhere in a
 * path.
 */
const BITCOMET_PADDING = '_____padding_file_';

/** Whether a file or folder with this name is padding, for libtorrent and for us. */
export function isPaddingName(component: string): boolean {
  return component.includes(BITCOMET_PADDING);
}

/** The path of a file as one string. */
export function pathOf(file: { readonly path: readonly string[] }): string {
  return file.path.join('/');
}

/** Whether some file system may treat this name as the folder of our records. */
export function isRecordsName(component: string): boolean {
  // All but very few names end here.
  if (!/^[^a-z]{0,9}\.?[^a-z]{0,9}m/i.test(component)) return false;
  const bare = component
    .replace(IGNORABLE, '')
    .toLowerCase()
    .replace(/:.*$|[. ]+$/gs, '');
  // NTFS may give the folder this short name.
  return bare === RECORDS_FOLDER || /^millra~\d+$/.test(bare);
}

/** The rule that a name breaks on `platform` (as in `process.platform`), or undefined. */
export function brokenNameRule(component: string, platform: string): string | undefined {
  if (component === '') return 'is empty';
  if (component === '.' || component === '..') return `is "${component}"`;
  if (component.includes('\0')) return 'contains a NUL';
  if (component.includes('/')) return 'contains a path separator';
  if (LONE_SURROGATE.test(component)) return 'is not valid Unicode';
  if (platform !== 'win32') {
    return Buffer.byteLength(component) > MAX_COMPONENT_BYTES
      ? `is longer than ${MAX_COMPONENT_BYTES} bytes`
      : undefined;
  }
  if (WINDOWS_CHARACTERS.test(component)) return 'contains a character that Windows refuses';
  if (/[. ]$/.test(component)) return 'ends in a dot or a blank, which Windows drops';
  if (WINDOWS_DEVICE.test(component)) return 'is a reserved device name on Windows';
  return component.length > MAX_COMPONENT_UNITS
    ? `is longer than ${MAX_COMPONENT_UNITS} characters`
    : undefined;
}

/** The rule that a path breaks on `platform`, or undefined if it may be written below an output folder. */
export function brokenPathRule(path: readonly string[], platform: string): string | undefined {
  let pathBytes = path.length - 1;
  for (const component of path) {
    const broken = brokenNameRule(component, platform);
    if (broken !== undefined) return broken;
    if (isRecordsName(component)) return `is ${RECORDS_FOLDER}, which is reserved for records`;
    pathBytes += Buffer.byteLength(component);
  }
  return pathBytes > MAX_PATH_BYTES ? `makes it longer than ${MAX_PATH_BYTES} bytes` : undefined;
}

/**
 * Throws `bad-metainfo` unless a torrent that we create may have a file with this path. On Windows,
 * which allows fewer names, it would get another name. `what` names the file.
 */
export function checkPath(path: readonly string[], what: string): void {
  if (path.length === 0) throw badMetainfo(`the path of ${what} is empty`);
  const broken = brokenPathRule(path, 'linux');
  if (broken !== undefined) throw badMetainfo(`a part of the path of ${what} ${broken}`);
}

/** An entry of the tree: a file, or a folder by its number. */
const FILE = -1;
const ROOT = 0;

/**
 * All paths of one torrent, as one map from (folder, name) to entries: the cost is linear in their
 * length, and a folder costs no more than a file. `fold` maps equivalent names to one form. By
 * default names are compared exactly: `A` and `a` may coexist, as in the sources of Linux.
 */
export class PathTree {
  private readonly entries = new Map<string, number>();
  private readonly fold: (name: string) => string;
  private folders = 1;

  constructor(fold: (name: string) => string = (name) => name) {
    this.fold = fold;
  }

  /** Adds the folders of a path; false if a file conflicts. */
  addFolders(path: readonly string[]): boolean {
    return this.folderOf(path) !== undefined;
  }

  /** Adds a path, or returns what conflicts with it. Names must not contain `/`. */
  add(path: readonly string[]): 'added' | 'taken' | 'is-folder' | 'below-file' {
    const folder = this.folderOf(path);
    if (folder === undefined) return 'below-file';
    const key = `${folder}/${this.fold(path[path.length - 1] ?? '')}`;
    const present = this.entries.get(key);
    if (present !== undefined) return present === FILE ? 'taken' : 'is-folder';
    this.entries.set(key, FILE);
    return 'added';
  }

  /** The folder of the path's last name, created if missing; undefined if a file conflicts. */
  private folderOf(path: readonly string[]): number | undefined {
    let folder = ROOT;
    for (let at = 0; at < path.length - 1; at++) {
      const key = `${folder}/${this.fold(path[at] ?? '')}`;
      let next = this.entries.get(key);
      if (next === FILE) return undefined;
      if (next === undefined) this.entries.set(key, (next = this.folders++));
      folder = next;
    }
    return folder;
  }
}

/** Adds a file's path to the tree, or throws `bad-metainfo` if two files conflict. */
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
