// Maps the names in a torrent, which are arbitrary bytes, to the paths of its files. Clients map
// names by different rules (`NameMapping`); each mapping covers all files of a torrent and gives no
// two the same path.
import { Buffer } from 'node:buffer';
import { bytesOfKey } from '../bencode/text';
import { transmission3, transmission40, transmission41, type PathOf } from './client-names';
import { toHex } from '../bytes/hex';
import {
  LibtorrentNames,
  foldAll,
  isCaseless,
  isOrdinary,
  libtorrentPart,
} from './libtorrent-names';
import type { NamesOptions } from './libtorrent-names';
import { MAX_FILES, MAX_PATH_COMPONENTS } from './limits';
import { NAME_MAPPINGS } from './metainfo';
import type { FileEntry, Metainfo, NameMapping } from './metainfo';
import { brokenPathRule, PathTree } from './paths';

export { NAME_MAPPINGS };
export type { NameMapping } from './metainfo';

/**
 * The file names in a torrent. Bytes that are not UTF-8 are represented as in `keyOf`: U+DC80 …
 * U+DCFF.
 */
export interface RawNames {
  /** The torrent's `name`: of its folder, or of its only file. */
  readonly name: string;
  /** The `path` of every file below that folder; undefined if `name` is the only file. */
  readonly paths: Iterable<readonly string[]> | undefined;
}

/**
 * Most names in all paths of a mapping: the limit of a torrent, plus its own name for each file.
 */
const MAX_MAPPED_PARTS = MAX_PATH_COMPONENTS + MAX_FILES;

/**
 * The paths of all files, each beginning with the torrent's name. Undefined if `mapping` would give
 * this torrent a path that is not allowed on this platform, or two files the same path.
 * `libtorrent` never does; it throws `bad-metainfo` for a path that is too long or leads to our
 * records.
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
    // A client that turns every `/` into a folder would create millions of them: no such folder
    // exists in practice.
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

/**
 * Returns the function from a file's name below the torrent's folder to its path; that is undefined
 * if there is none.
 */
function pathBy(
  mapping: Exclude<NameMapping, 'libtorrent'>,
  rawName: string,
  platform: string,
): PathOf {
  const oddPathOf = oddPathBy(mapping, rawName, platform);
  const top = oddPathOf([]);
  // Most files of most torrents have ordinary names, which no mapping changes.
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

/** A name in a torrent as text: Latin-1 if it is not UTF-8. */
export function textOf(raw: string): string {
  return /\p{Surrogate}/u.test(raw) ? Buffer.from(bytesOfKey(raw)).toString('latin1') : raw;
}

/**
 * The torrent with its files named by `mapping`; undefined if that is impossible (`storedPaths`). A
 * torrent to which all clients give the same names (`names` is undefined) stays unchanged.
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

/**
 * A byte that is not UTF-8: Transmission 3.00 reads the torrent's name differently if a file's name
 * has one.
 */
const NO_TEXT = '\udcff';

/**
 * Every name that some mapping gives the torrent's folder or its only file, without mapping its
 * files.
 */
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

/** The file under another path; the same object if the path is unchanged. */
function renamed(file: FileEntry, path: readonly string[], multiFile: boolean): FileEntry {
  if (path.length === file.path.length && path.every((part, at) => part === file.path[at]))
    return file;
  const { rawPath: _rawPath, ...rest } = file;
  return { ...rest, ...pathFields(path, multiFile ? rawPathOf(file) : undefined) };
}

function rawNamesOf({ name, rawName, multiFile, files }: Metainfo): RawNames {
  return { name: rawName ?? name, paths: multiFile ? rawPathsOf(files) : undefined };
}

/** Lazily, one after the other. */
function* rawPathsOf(files: readonly FileEntry[]): Generator<readonly string[], void, void> {
  for (const file of files) yield rawPathOf(file);
}

/** The torrent's own name for a file below its folder. */
export function rawPathOf({ path, rawPath }: FileEntry): readonly string[] {
  return rawPath ?? path.slice(1);
}

/** The name fields of a `Metainfo`: the torrent's own name only if it differs. */
export function nameFields(name: string, rawName: string): Pick<Metainfo, 'name' | 'rawName'> {
  return name === rawName ? { name } : { name, rawName };
}

/** The path fields of a `FileEntry`: the torrent's own path only if it differs. */
function pathFields(
  path: readonly string[],
  rawPath: readonly string[] | undefined,
): Pick<FileEntry, 'path' | 'rawPath'> {
  return rawPath === undefined || isNamed(path, rawPath) ? { path } : { path, rawPath };
}

/** Whether a path equals the torrent's own. */
export function isNamed(path: readonly string[], rawPath: readonly string[]): boolean {
  return path.length === rawPath.length + 1 && rawPath.every((part, at) => part === path[at + 1]);
}
