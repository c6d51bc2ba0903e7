// From the names in a torrent, which are any bytes, to the paths of its files. Clients repair names by
// different rules (`NameMapping`); each maps all files of a torrent, no two of them to one path.
import { Buffer } from 'node:buffer';
import { bytesOfKey } from '../bencode/text';
import {
  libtorrentName,
  transmission3,
  transmission40,
  transmission41,
  type PathOf,
} from './client-names';
import { toHex } from '../bytes/hex';
import { badMetainfo, MAX_FILES, MAX_PATH_COMPONENTS } from './limits';
import type { FileEntry, Metainfo } from './metainfo';
import { brokenPathRule, MAX_COMPONENT_BYTES, PathTree, WINDOWS_DEVICE } from './paths';

/**
 * Whose rules gave the files of a torrent their names. `libtorrent`: those of new files; `raw`: what the
 * torrent says; the others: Transmission 4.1, 4.0 and 3.00.
 */
export const NAME_MAPPINGS = [
  'libtorrent',
  'raw',
  'transmission-4.1',
  'transmission-4.0',
  'transmission-3.00',
] as const;
export type NameMapping = (typeof NAME_MAPPINGS)[number];

/** What a torrent calls its files. Bytes that are no UTF-8 stand as in `keyOf`: U+DC80 … U+DCFF. */
export interface RawNames {
  /** The torrent's `name`: of its folder, or of its only file. */
  readonly name: string;
  /** The `path` of every file below that folder; undefined where `name` is the only file. */
  readonly paths: Iterable<readonly string[]> | undefined;
}

export interface NamesOptions {
  /** As `process.platform`. */
  readonly platform: string;
  /** The name of a torrent whose own has nothing in it that can be written: its info hash in hexadecimal. */
  readonly fallback: string;
}

/** Something that one of the mappings changes: a character, or a blank, a dot or nothing at an end. */
const ODD = /[\u0000-\u001f<>:"/\\|?*\u200e\u200f\u202a-\u202e]|\p{Surrogate}|^$|^ |[. ]$/u; // eslint-disable-line no-control-regex -- they are what it is for
const DEVICE_BEFORE_DOT = /^(con|prn|aux|nul|com[1-9]|lpt[1-9])(\.|$)/i;
/** libtorrent cuts what is longer. */
const UNCUT_BYTES = 240;

/** Names in all paths of a mapping together: what a torrent may have, and its own name before each file. */
const MAX_MAPPED_PARTS = MAX_PATH_COMPONENTS + MAX_FILES;

/** Whether every client gives this name to a file, on every kind of system. */
export function isOrdinary(name: string): boolean {
  if (ODD.test(name) || DEVICE_BEFORE_DOT.test(name) || WINDOWS_DEVICE.test(name)) return false;
  return 3 * name.length <= UNCUT_BYTES || Buffer.byteLength(name) <= UNCUT_BYTES;
}

/**
 * The paths of all files, each with the torrent's name first; undefined where `mapping` gives this torrent
 * a path that may not be written on this platform, or two files one path. `libtorrent` never does: it
 * raises `bad-metainfo` for a path that is too long or leads to our records.
 */
export function storedPaths(
  raw: RawNames,
  mapping: NameMapping,
  options: NamesOptions,
): string[][] | undefined {
  if (mapping === 'libtorrent') return libtorrentPaths(raw, options);
  const { platform } = options;
  const tree = new PathTree(isCaseless(platform) ? foldAll : undefined);
  const pathOfFile = pathBy(mapping, raw.name, platform);
  const paths: string[][] = [];
  let parts = 0;
  for (const below of raw.paths ?? [[]]) {
    const path = pathOfFile(below);
    // A client that makes folders of every `/` would make millions of them: nobody has such a folder.
    parts += path?.length ?? 0;
    if (parts > MAX_MAPPED_PARTS) return undefined;
    if (path === undefined || (path.length === 1 && raw.paths !== undefined)) return undefined;
    if (brokenPathRule(path, platform) !== undefined) return undefined;
    if (tree.add(path) !== 'added') return undefined;
    paths.push(path);
  }
  return paths;
}

function libtorrentPaths(raw: RawNames, options: NamesOptions): string[][] {
  const names = new LibtorrentNames(raw.name, options);
  if (raw.paths === undefined) return [names.pathOfOnlyFile()];
  const files: { path: string[] }[] = [];
  for (const below of raw.paths) files.push({ path: names.pathOf(below, `file ${files.length}`) });
  names.separate(files, (at, path) => (files[at] = { path }));
  return files.map(({ path }) => path);
}

/** From what a file is called below the torrent's folder to its path; undefined where it gets none. */
function pathBy(
  mapping: Exclude<NameMapping, 'libtorrent'>,
  rawName: string,
  platform: string,
): PathOf {
  const oddPathOf = oddPathBy(mapping, rawName, platform);
  const top = oddPathOf([]);
  // Most files of most torrents have ordinary names: no mapping changes these.
  return (below) =>
    top !== undefined && below.every(isOrdinary) ? top.concat(below) : oddPathOf(below);
}

function oddPathBy(
  mapping: Exclude<NameMapping, 'libtorrent'>,
  rawName: string,
  platform: string,
): PathOf {
  if (mapping === 'raw') {
    const name = textOf(rawName);
    return (below) => [name, ...below.map(textOf)];
  }
  switch (mapping) {
    case 'transmission-4.1':
      return transmission41(rawName, platform === 'win32');
    case 'transmission-4.0':
      return transmission40(rawName);
    case 'transmission-3.00':
      return transmission3(rawName);
  }
}

/** Names the files of one torrent by libtorrent's rules, one after the other. */
export class LibtorrentNames {
  /** Of the torrent's folder, or of its only file. */
  readonly name: string;
  private allOrdinary: boolean;
  private allApart = true;
  private readonly platform: string;
  private readonly fold: (name: string) => string;
  private tree: PathTree;
  /** The paths of padding, and how many files and links came before the first of each. */
  private readonly padding = new Map<string, number>();

  constructor(rawName: string, { platform, fallback }: NamesOptions) {
    this.name = libtorrentPart(rawName, platform) ?? fallback;
    this.allOrdinary = isOrdinary(rawName);
    this.platform = platform;
    this.fold = isCaseless(platform) ? foldAll : foldAscii;
    this.tree = new PathTree(this.fold);
  }

  /** Every client gives the files these very names. */
  get ordinary(): boolean {
    return this.allOrdinary && this.allApart;
  }

  pathOfOnlyFile(): string[] {
    return this.checked([this.name], 'the file');
  }

  /** The path of a file, `what` in errors. Another file may have it, too: see `separate`. */
  pathOf(below: readonly string[], what: string): string[] {
    const ordinary = below.every(isOrdinary);
    this.allOrdinary &&= ordinary;
    return this.taken(ordinary ? below : libtorrentParts(below, this.platform), what);
  }

  /** The path of a link: no client looks for one, so its name may be any. */
  pathOfLink(below: readonly string[], what: string): string[] {
    return this.taken(libtorrentParts(below, this.platform), what);
  }

  /**
   * Padding is not stored, but no file gets the name of one of its folders, and a later file of its path
   * gets a number. `before`: how many files and links came before it.
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
    // Not by spreading, which leaves room for 16 names more in every array.
    const path = this.checked([this.name].concat(below), what);
    // After the first that is not there is no need to know the others.
    if (this.allApart) this.allApart = this.tree.add(path) === 'added' && !this.isPadding(path);
    return path;
  }

  /** Whether padding that came before the `at`th file or link has this path. */
  private isPadding(path: readonly string[], at = Infinity): boolean {
    return this.padding.size > 0 && (this.padding.get(this.keyOf(path)) ?? Infinity) <= at;
  }

  private keyOf(path: readonly string[]): string {
    return this.fold(path.join('/'));
  }

  /**
   * Calls `rename` for every file or link whose path, as `pathOf` gave it, would hide one or another: it gets a
   * number, in the order of the torrent. Folders keep their names. Call it once, with all of them.
   */
  separate(
    files: readonly { readonly path: readonly string[] }[],
    rename: (at: number, path: string[]) => void,
  ): void {
    if (this.allApart) return;
    this.tree = new PathTree(this.fold);
    for (const { path } of files) this.tree.addFolders(path);
    for (const path of this.padding.keys()) this.tree.addFolders(path.split('/'));
    // What was found taken stays so: every number is tried once, however many files share a name.
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

/** The path of a file or link below the torrent's folder, whatever else is there. */
export function libtorrentParts(below: readonly string[], platform: string): string[] {
  const parts = below.flatMap((part) => libtorrentPart(part, platform) ?? []);
  return parts.length === 0 ? ['_'] : parts;
}

function libtorrentPart(raw: string, platform: string): string | undefined {
  const windows = platform === 'win32';
  if (isOrdinary(raw)) return raw;
  const name = libtorrentName(bytesOfKey(raw), windows);
  if (name === undefined) return undefined;
  const extension = /\.[^.]{0,9}$/.exec(name)?.[0] ?? '';
  const fitting = fit(name.slice(0, name.length - extension.length), extension, platform);
  return windows && WINDOWS_DEVICE.test(fitting) ? `_${fitting}` : fitting;
}

/** `base` and `suffix`, with `base` cut where the name would be too long. */
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

function isCaseless(platform: string): boolean {
  return platform === 'win32' || platform === 'darwin';
}

/** As libtorrent compares names: without the case of A to Z. */
function foldAscii(name: string): string {
  return /[A-Z]/.test(name) ? name.replace(/[A-Z]+/g, (some) => some.toLowerCase()) : name;
}

/** As file systems that ignore case compare names. */
function foldAll(name: string): string {
  return name.normalize('NFC').toLowerCase();
}

/** What a torrent calls something, as text: Latin-1 where it is no UTF-8. */
export function textOf(raw: string): string {
  return /\p{Surrogate}/u.test(raw) ? Buffer.from(bytesOfKey(raw)).toString('latin1') : raw;
}

/**
 * The torrent with its files named by `mapping`; undefined where that is not possible (`storedPaths`). One
 * to which every client gives the same names (`names` is undefined) stays as it is.
 */
export function namedBy(
  metainfo: Metainfo,
  mapping: NameMapping,
  platform: string,
): Metainfo | undefined {
  if (metainfo.names === undefined || metainfo.names === mapping) return metainfo;
  const raw = rawNamesOf(metainfo);
  const paths = storedPaths(raw, mapping, { platform, fallback: toHex(metainfo.infoHash) });
  if (paths === undefined) return undefined;
  const name = paths[0]?.[0] ?? metainfo.name;
  const { rawName: _rawName, ...rest } = metainfo;
  return {
    ...rest,
    ...nameFields(name, raw.name),
    names: mapping,
    files: metainfo.files.map((file, at) => renamed(file, paths[at] ?? [], metainfo.multiFile)),
    ...(metainfo.symlinks && {
      symlinks: metainfo.symlinks.map(({ path, target }) => ({
        path: [name, ...path.slice(1)],
        target,
      })),
    }),
  };
}

/** A byte that is no UTF-8: 3.00 reads the torrent's name in another way where a file's has one. */
const NO_TEXT = '\udcff';

/** Every name that some mapping gives the torrent's folder, or its only file; without mapping its files. */
export function topNames(
  { name, rawName, infoHash }: Pick<Metainfo, 'name' | 'rawName' | 'infoHash'>,
  platform: string,
): Set<string> {
  const raw = rawName ?? name;
  const names = new Set([libtorrentPart(raw, platform) ?? toHex(infoHash)]);
  for (const mapping of NAME_MAPPINGS) {
    if (mapping === 'libtorrent') continue;
    const pathOf = oddPathBy(mapping, raw, platform);
    for (const below of [[], [NO_TEXT]]) {
      const top = pathOf(below)?.[0];
      if (top !== undefined && brokenPathRule([top], platform) === undefined) names.add(top);
    }
  }
  return names;
}

/** The file under another path; the very same object where that is the one it has. */
function renamed(file: FileEntry, path: readonly string[], multiFile: boolean): FileEntry {
  if (path.length === file.path.length && path.every((part, at) => part === file.path[at]))
    return file;
  const { rawPath: _rawPath, ...rest } = file;
  return { ...rest, ...pathFields(path, multiFile ? rawPathOf(file) : undefined) };
}

function rawNamesOf({ name, rawName, multiFile, files }: Metainfo): RawNames {
  return { name: rawName ?? name, paths: multiFile ? rawPathsOf(files) : undefined };
}

/** One after the other: each is made when it is looked at. */
function* rawPathsOf(files: readonly FileEntry[]): Generator<readonly string[], void, void> {
  for (const file of files) yield rawPathOf(file);
}

/** What the torrent calls a file below its folder. */
export function rawPathOf({ path, rawPath }: FileEntry): readonly string[] {
  return rawPath ?? path.slice(1);
}

/** The fields of a `Metainfo` for its name: the torrent's own only where it differs. */
export function nameFields(name: string, rawName: string): Pick<Metainfo, 'name' | 'rawName'> {
  return name === rawName ? { name } : { name, rawName };
}

/** The fields of a `FileEntry` for its path: the torrent's own only where it differs. */
function pathFields(
  path: readonly string[],
  rawPath: readonly string[] | undefined,
): Pick<FileEntry, 'path' | 'rawPath'> {
  return rawPath === undefined || isNamed(path, rawPath) ? { path } : { path, rawPath };
}

/** Whether a path says what the torrent says. */
export function isNamed(path: readonly string[], rawPath: readonly string[]): boolean {
  return path.length === rawPath.length + 1 && rawPath.every((part, at) => part === path[at + 1]);
}
