// Which paths may be written below an output folder, on this kind of system. What a torrent calls its
// files is brought to this form in names.ts; nothing else reaches a disk.
import { Buffer } from 'node:buffer';
import { badMetainfo } from './limits';

/** Folder beside the data that holds resume records; no torrent may write there. */
export const RECORDS_FOLDER = '.millrace';

/** Longest name that the usual file systems store (ext4, xfs, btrfs, APFS): 255 bytes of UTF-8. */
export const MAX_COMPONENT_BYTES = 255;

/** Longest name on NTFS: 255 units of UTF-16. */
const MAX_COMPONENT_UNITS = 255;

/** Longest path below the output folder: Linux stops at 4,096 bytes (PATH_MAX), that folder included. */
export const MAX_PATH_BYTES = 4_096;

/**
 * Names that are devices on Windows in every folder. Only the bare names: `aux.c` is a common
 * source file, and Windows 11 takes it.
 */
export const WINDOWS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])$/i;

/** What NTFS and the Win32 calls give a meaning of their own, or refuse. */
const WINDOWS_CHARACTERS = /[\u0000-\u001f<>:"/\\|?*]/;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Characters that some file systems (HFS+) skip when they compare names. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

/** How BitComet names its padding, which has no attribute; libtorrent goes by it as well, wherever it stands. */
const BITCOMET_PADDING = '_____padding_file_';

/** Whether a file or folder of this name holds padding, for libtorrent and us. */
export function isPaddingName(component: string): boolean {
  return component.includes(BITCOMET_PADDING);
}

/** The path of a file as text, for people and for APIs that want one string. */
export function pathOf(file: { readonly path: readonly string[] }): string {
  return file.path.join('/');
}

/** Whether some file system may take this name for the folder of our records. */
export function isRecordsName(component: string): boolean {
  // All but a handful of names end here.
  if (!/^[^a-z]{0,9}\.?[^a-z]{0,9}m/i.test(component)) return false;
  const bare = component
    .replace(IGNORABLE, '')
    .toLowerCase()
    .replace(/:.*$|[. ]+$/gs, '');
  // NTFS may give the folder this second name.
  return bare === RECORDS_FOLDER || /^millra~\d+$/.test(bare);
}

/** The rule that a single name breaks on `platform` (as `process.platform`), or undefined. */
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
 * Throws `bad-metainfo` unless a torrent that we make may have a file of this path: Windows, which takes
 * less than the others, gives it another name there. `what` names the file.
 */
export function checkPath(path: readonly string[], what: string): void {
  if (path.length === 0) throw badMetainfo(`the path of ${what} is empty`);
  const broken = brokenPathRule(path, 'linux');
  if (broken !== undefined) throw badMetainfo(`a part of the path of ${what} ${broken}`);
}

/** What stands at a path of the tree: a file, or a folder by its number. */
const FILE = -1;
const ROOT = 0;

/**
 * All paths of one torrent, kept as one map from (folder, name) to what is there: the work is linear
 * in their text, and a folder costs no more than a file. `fold` brings names that count as one to one
 * form; by default they are compared exactly: `A` and `a` may live side by side, as they do in the
 * sources of Linux.
 */
export class PathTree {
  private readonly entries = new Map<string, number>();
  private readonly fold: (name: string) => string;
  private folders = 1;

  constructor(fold: (name: string) => string = (name) => name) {
    this.fold = fold;
  }

  /** Takes in the folders of a path; false where a file is in the way. */
  addFolders(path: readonly string[]): boolean {
    return this.folderOf(path) !== undefined;
  }

  /** Takes a path in, or says what stands in its way. Names must hold no `/`. */
  add(path: readonly string[]): 'added' | 'taken' | 'is-folder' | 'below-file' {
    const folder = this.folderOf(path);
    if (folder === undefined) return 'below-file';
    const key = `${folder}/${this.fold(path[path.length - 1] ?? '')}`;
    const present = this.entries.get(key);
    if (present !== undefined) return present === FILE ? 'taken' : 'is-folder';
    this.entries.set(key, FILE);
    return 'added';
  }

  /** The folder of the path's last name, made where it is missing; undefined where a file is in the way. */
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
