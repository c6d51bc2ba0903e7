// The names that libtorrent 2.0 gives the files of a torrent, which are used for new files; and
// which names no client changes.
import { Buffer } from 'node:buffer';
import { bytesOfKey } from '../bencode/text';
import { libtorrentName } from './client-names';
import { badMetainfo } from './limits';
import { brokenPathRule, MAX_COMPONENT_BYTES, PathTree, WINDOWS_DEVICE } from './paths';

export interface NamesOptions {
  /** As `process.platform`. */
  readonly platform: string;
  /**
   * The name used if the torrent's own name has no usable character: its info hash in hexadecimal.
   */
  readonly fallback: string;
}

/** Something that a mapping changes: a character, or a blank, a dot or nothing at an end. */
const ODD = /[\u0000-\u001f<>:"/\\|?*\u200e\u200f\u202a-\u202e]|\p{Surrogate}|^$|^ |[. ]$/u;
const DEVICE_BEFORE_DOT = /^(con|prn|aux|nul|com[1-9]|lpt[1-9])(\.|$)/i;
/** libtorrent cuts longer names. */
const UNCUT_BYTES = 240;

/** Whether every client uses this name unchanged, on every system. */
export function isOrdinary(name: string): boolean {
  if (ODD.test(name) || DEVICE_BEFORE_DOT.test(name) || WINDOWS_DEVICE.test(name)) return false;
  return 3 * name.length <= UNCUT_BYTES || Buffer.byteLength(name) <= UNCUT_BYTES;
}

/** Names the files of one torrent by libtorrent's rules, one after the other. */
export class LibtorrentNames {
  /** The name of the torrent's folder, or of its only file. */
  readonly name: string;
  private allOrdinary: boolean;
  private allApart = true;
  private readonly platform: string;
  private readonly fold: (name: string) => string;
  private tree: PathTree;
  /** The paths of padding, with the number of files and links before the first of each. */
  private readonly padding = new Map<string, number>();

  constructor(rawName: string, { platform, fallback }: NamesOptions) {
    this.name = libtorrentPart(rawName, platform) ?? fallback;
    this.allOrdinary = isOrdinary(rawName);
    this.platform = platform;
    this.fold = isCaseless(platform) ? foldAll : foldAscii;
    this.tree = new PathTree(this.fold);
  }

  /** Every client gives the files exactly these names. */
  get ordinary(): boolean {
    return this.allOrdinary && this.allApart;
  }

  pathOfOnlyFile(): string[] {
    return this.checked([this.name], 'the file');
  }

  /** The path of a file, `what` in errors. Another file may have the same path: see `separate`. */
  pathOf(below: readonly string[], what: string): string[] {
    const ordinary = below.every(isOrdinary);
    this.allOrdinary &&= ordinary;
    return this.taken(ordinary ? below : libtorrentParts(below, this.platform), what);
  }

  /** The path of a link: links are not created, so any name is acceptable. */
  pathOfLink(below: readonly string[], what: string): string[] {
    return this.taken(libtorrentParts(below, this.platform), what);
  }

  /**
   * Padding is not stored, but no file gets the name of one of its folders, and a later file with
   * its path gets a number. `before`: the number of files and links before it.
   */
  passPadding(below: readonly string[], before: number): void {
    if (below.length === 0) return;
    const path = [this.name].concat(libtorrentParts(below, this.platform));
    const key = this.keyOf(path);
    if (this.padding.has(key)) return;
    this.padding.set(key, before);
    if (this.allApart) this.allApart = this.tree.addFolders(path);
  }

  private taken(below: readonly string[], what: string): string[] {
    // Not by spreading, which reserves room for 16 more names in every array.
    const path = this.checked([this.name].concat(below), what);
    // After the first conflict the others need not be known.
    if (this.allApart) this.allApart = this.tree.add(path) === 'added' && !this.isPadding(path);
    return path;
  }

  /** Whether padding before file or link number `at` has this path. */
  private isPadding(path: readonly string[], at = Infinity): boolean {
    return this.padding.size > 0 && (this.padding.get(this.keyOf(path)) ?? Infinity) <= at;
  }

  private keyOf(path: readonly string[]): string {
    return this.fold(path.join('/'));
  }

  /**
   * Calls `rename` for every file or link whose path, as returned by `pathOf`, conflicts with
   * another: it gets a number, in the order of the torrent. Folders keep their names. Must be
   * called once, with all of them.
   */
  separate(
    files: readonly { readonly path: readonly string[] }[],
    rename: (at: number, path: string[]) => void,
  ): void {
    if (this.allApart) return;
    this.tree = new PathTree(this.fold);
    for (const { path } of files) this.tree.addFolders(path);
    for (const path of this.padding.keys()) this.tree.addFolders(path.split('/'));
    // Taken numbers are remembered, so each is tried once, however many files share a name.
    const nextNumber = new Map<string, number>();
    for (const [at, { path }] of files.entries()) {
      if (this.isPadding(path, at) || this.tree.add(path) !== 'added') {
        rename(at, this.numbered(path, nextNumber));
      }
    }
  }

  private numbered(path: readonly string[], nextNumber: Map<string, number>): string[] {
    const folder = path.slice(0, -1);
    const name = path[path.length - 1] ?? '';
    const dot = name.lastIndexOf('.');
    const base = dot === -1 ? name : name.slice(0, dot);
    const extension = dot === -1 ? '' : name.slice(dot);
    const root = fit(base, `.0000000${extension}`, this.platform);
    const key = this.keyOf([...folder, root]);
    for (let number = nextNumber.get(key) ?? 1; ; number++) {
      const renamed = folder.concat(fit(base, `.${number}${extension}`, this.platform));
      if (this.tree.add(renamed) !== 'added') continue;
      nextNumber.set(key, number + 1);
      return renamed;
    }
  }

  private checked(path: string[], what: string): string[] {
    const broken = brokenPathRule(path, this.platform);
    if (broken === undefined) return path;
    throw badMetainfo(`a part of the path of ${what} ${broken}`);
  }
}

/** The path of a file or link below the torrent's folder, ignoring other files. */
function libtorrentParts(below: readonly string[], platform: string): string[] {
  const parts = below.flatMap((part) => libtorrentPart(part, platform) ?? []);
  return parts.length === 0 ? ['_'] : parts;
}

export function libtorrentPart(raw: string, platform: string): string | undefined {
  const windows = platform === 'win32';
  if (isOrdinary(raw)) return raw;
  const name = libtorrentName(bytesOfKey(raw), windows);
  if (name === undefined) return undefined;
  const extension = /\.[^.]{0,9}$/.exec(name)?.[0] ?? '';
  const fitting = fit(name.slice(0, name.length - extension.length), extension, platform);
  return windows && WINDOWS_DEVICE.test(fitting) ? `_${fitting}` : fitting;
}

/** `base` and `suffix`, with `base` cut if the name would be too long. */
function fit(base: string, suffix: string, platform: string): string {
  const sizeOf = (text: string): number =>
    platform === 'win32' ? text.length : Buffer.byteLength(text);
  let room = MAX_COMPONENT_BYTES - sizeOf(suffix);
  if (sizeOf(base) <= room) return base + suffix;
  let end = 0;
  for (const character of base) {
    room -= sizeOf(character);
    if (room < 0) break;
    end += character.length;
  }
  return base.slice(0, end) + suffix;
}

export function isCaseless(platform: string): boolean {
  return platform === 'win32' || platform === 'darwin';
}

/** Folds a name as libtorrent compares names: ignoring the case of A to Z. */
function foldAscii(name: string): string {
  return /[A-Z]/.test(name) ? name.replace(/[A-Z]+/g, (some) => some.toLowerCase()) : name;
}

/** Folds a name as file systems that ignore case compare names. */
export function foldAll(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
