// The files of a torrent: parses its info dictionary into checked paths, lengths and offsets (BEP
// 3, BEP 47).
import type { Scanner, Span, Spans } from '../bencode/scan';
import { asText, isEscaped, keyOf } from '../bencode/text';
import { badMetainfo, checkedTotal, checkedWhole } from './limits';
import {
  MAX_FILES,
  MAX_NAME_BYTES,
  MAX_PATH_COMPONENTS,
  MAX_PATHS_BYTES,
  ODD_NAME_FACTOR,
} from './limits';
import type { FileEntry, Metainfo, SymlinkEntry } from './metainfo';
import { LibtorrentNames } from './libtorrent-names';
import type { NamesOptions } from './libtorrent-names';
import { isNamed, nameFields, rawPathOf, textOf } from './names';
import { isPaddingName } from './paths';

const FILE_KEYS = ['length', 'path', 'path.utf-8', 'attr', 'symlink path'] as const;

type Content = Pick<
  Metainfo,
  | 'name'
  | 'rawName'
  | 'names'
  | 'multiFile'
  | 'files'
  | 'symlinks'
  | 'totalLengthBytes'
  | 'paddingBytes'
>;

/**
 * Reads the files of a torrent. If there is a list of files, a length beside it is ignored, as in
 * libtorrent and Transmission. `nameBytes` is the torrent's name.
 */
export function contentOf(
  scanner: Scanner,
  nameBytes: Uint8Array,
  info: Spans<'files' | 'length' | 'attr'>,
  options: NamesOptions,
): Content {
  const rawName = rawNameOf(nameBytes, 'the torrent');
  if (scanner.isList(info.files)) {
    return manyFiles(scanner, rawName, nameBytes.length, info.files, options);
  }
  if (info.length !== undefined) return oneFile(scanner, rawName, info, options);
  throw info.files === undefined
    ? badMetainfo('it must have either "length" or "files"')
    : noFiles();
}

function oneFile(
  scanner: Scanner,
  rawName: string,
  info: Spans<'length' | 'attr'>,
  options: NamesOptions,
): Content {
  const names = new LibtorrentNames(rawName, options);
  const path = names.pathOfOnlyFile();
  const lengthBytes = checkedWhole(scanner.integer(info.length), 'the length of the file', 0);
  return {
    ...nameFields(names.name, rawName),
    ...(!names.ordinary && { names: 'libtorrent' }),
    multiFile: false,
    files: [{ path, lengthBytes, offsetBytes: 0, ...marks(attributes(scanner, info)) }],
    totalLengthBytes: lengthBytes,
  };
}

function manyFiles(
  scanner: Scanner,
  rawName: string,
  nameBytes: number,
  list: Span,
  options: NamesOptions,
): Content {
  const reader = new PathReader(scanner, nameBytes);
  const names = new LibtorrentNames(rawName, options);
  const entries: (FileEntry | SymlinkEntry)[] = [];
  let index = 0;
  let offsetBytes = 0;
  let paddingBytes = 0;
  for (const entry of scanner.list(list.start)) {
    const what = `file ${index}`;
    if (index === MAX_FILES) throw badMetainfo(`it has more than ${MAX_FILES} files`);
    if (!scanner.isDictionary(entry)) throw badMetainfo(`${what} is not a dictionary`);
    const file = scanner.dictionary(entry.start, FILE_KEYS);
    const attr = attributes(scanner, file);
    const path = reader.list(file['path.utf-8'], what) ?? reader.list(file.path, what);
    if (attr.includes('l')) {
      // Its length, if any, is meaningless: a symlink takes no bytes of the torrent.
      const target = reader.list(file['symlink path'], what) ?? [];
      const stored = names.pathOfLink(requirePath(path, what), what);
      entries.push({ path: stored, target: target.map(textOf) });
    } else {
      const lengthBytes = checkedWhole(scanner.integer(file.length), `the length of ${what}`, 0);
      const total = checkedTotal(offsetBytes, lengthBytes, what);
      // The path of padding is never written to, so it is not checked.
      if (isPadding(attr, path)) {
        paddingBytes += lengthBytes;
        if (path !== undefined) names.passPadding(path, entries.length);
      } else {
        const rawPath = requirePath(path, what);
        const file = fileOf(names.pathOf(rawPath, what), rawPath, lengthBytes, offsetBytes);
        entries.push(attr === '' ? file : { ...file, ...marks(attr) });
      }
      offsetBytes = total;
    }
    index++;
  }
  if (index === 0) throw noFiles();
  names.separate(entries, (at, path) => {
    const entry = entries[at];
    if (entry !== undefined) entries[at] = renamed(entry, path);
  });
  const symlinks = entries.filter(isLink);
  const files = symlinks.length === 0 ? (entries as FileEntry[]) : entries.filter(isFile);
  return {
    ...nameFields(names.name, rawName),
    ...(!names.ordinary && { names: 'libtorrent' }),
    multiFile: true,
    files,
    ...(symlinks.length > 0 && { symlinks }),
    totalLengthBytes: offsetBytes,
    ...(paddingBytes > 0 && { paddingBytes }),
  };
}

/**
 * A file without its marks. Object literals, because they take the least memory for hundreds of
 * thousands.
 */
function fileOf(
  path: readonly string[],
  rawPath: readonly string[],
  lengthBytes: number,
  offsetBytes: number,
): FileEntry {
  return isNamed(path, rawPath)
    ? { path, lengthBytes, offsetBytes }
    : { path, rawPath, lengthBytes, offsetBytes };
}

function isLink(entry: FileEntry | SymlinkEntry): entry is SymlinkEntry {
  return 'target' in entry;
}

function isFile(entry: FileEntry | SymlinkEntry): entry is FileEntry {
  return !isLink(entry);
}

/** The entry under another path. */
function renamed(entry: FileEntry | SymlinkEntry, path: readonly string[]): typeof entry {
  if (isLink(entry)) return { path, target: entry.target };
  const { lengthBytes, offsetBytes, executable, hidden } = entry;
  const file = fileOf(path, rawPathOf(entry), lengthBytes, offsetBytes);
  return executable || hidden ? { ...entry, ...file } : file;
}

function noFiles(): Error {
  return badMetainfo('"files" must be a list with at least one file');
}

/** The letters of `attr` (BEP 47): p padding, l symlink, x executable, h hidden. */
function attributes(scanner: Scanner, file: Spans<'attr'>): string {
  const bytes = scanner.string(file.attr);
  return bytes === undefined ? '' : asText(bytes.subarray(0, MAX_ATTRIBUTES));
}

/** BEP 47 defines four; unknown ones are ignored. */
const MAX_ATTRIBUTES = 16;

function marks(attr: string): Pick<FileEntry, 'executable' | 'hidden'> {
  return {
    ...(attr.includes('x') && { executable: true as const }),
    ...(attr.includes('h') && { hidden: true as const }),
  };
}

function isPadding(attr: string, path: readonly string[] | undefined): boolean {
  return attr.includes('p') || (path?.some(isPaddingName) ?? false);
}

/** The torrent's name for a file or link below its folder. */
function requirePath(path: readonly string[] | undefined, what: string): readonly string[] {
  if (path === undefined) throw badMetainfo(`${what} has no "path" made of byte strings`);
  if (path.length === 0) throw badMetainfo(`the path of ${what} is empty`);
  return path;
}

/** Reads lists of names, and counts the memory that they take. */
class PathReader {
  private readonly scanner: Scanner;
  private readonly nameBytes: number;
  private components = 0;
  private totalBytes = 0;
  /** The names of the previous path: most paths share its folders, and so its strings. */
  private previous: readonly string[] = [];

  constructor(scanner: Scanner, nameBytes: number) {
    this.scanner = scanner;
    this.nameBytes = nameBytes;
  }

  /** The names in a list; undefined if it is not a list of byte strings. */
  list(span: Span | undefined, what: string): readonly string[] | undefined {
    if (!this.scanner.isList(span)) return undefined;
    // The torrent's name counts for each file, because each joined path begins with it.
    this.count(this.nameBytes + span.end - span.start);
    const names: string[] = [];
    for (const item of this.scanner.list(span.start)) {
      const bytes = this.scanner.string(item);
      if (bytes === undefined) return undefined;
      if (this.components++ === MAX_PATH_COMPONENTS) {
        throw badMetainfo(`its paths have more than ${MAX_PATH_COMPONENTS} parts together`);
      }
      const name = rawNameOf(bytes, what);
      if (isEscaped(name)) this.count((ODD_NAME_FACTOR - 1) * bytes.length);
      const before = this.previous[names.length];
      names.push(name === before ? before : name);
    }
    // A copy without the spare capacity of a growing array.
    return (this.previous = names.slice());
  }

  private count(bytes: number): void {
    this.totalBytes += bytes;
    if (this.totalBytes > MAX_PATHS_BYTES) {
      throw badMetainfo(
        `the paths of its files are longer than ${MAX_PATHS_BYTES} bytes together, where those of names that are no UTF-8 count ${ODD_NAME_FACTOR} times`,
      );
    }
  }
}

/** A name in the form of `RawNames`. */
function rawNameOf(bytes: Uint8Array, what: string): string {
  if (bytes.length > MAX_NAME_BYTES) {
    throw badMetainfo(
      `a name of ${what} has ${bytes.length} bytes, at most ${MAX_NAME_BYTES} are read`,
    );
  }
  return keyOf(bytes);
}
