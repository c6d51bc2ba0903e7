// The files of a torrent: from its info dictionary to checked paths, lengths and places (BEP 3, BEP 47).
import type { Scanner, Span, Spans } from '../bencode/scan';
import { asText } from '../bencode/text';
import { badMetainfo, checkedTotal, checkedWhole } from './limits';
import { MAX_FILES, MAX_NAME_BYTES, MAX_PATH_COMPONENTS, MAX_PATHS_BYTES } from './limits';
import type { FileEntry, Metainfo, SymlinkEntry } from './metainfo';
import { addPath, checkPath, PathTree } from './paths';

const FILE_KEYS = ['length', 'path', 'path.utf-8', 'attr', 'symlink path'] as const;
type FileSpans = Spans<(typeof FILE_KEYS)[number]>;

type Content = Pick<Metainfo, 'name' | 'multiFile' | 'files' | 'symlinks' | 'totalLengthBytes'>;

/**
 * Reads what a torrent holds. A list of files wins over a length beside it, as it does for libtorrent
 * and Transmission. `nameBytes` is the torrent's name.
 */
export function contentOf(
  scanner: Scanner,
  nameBytes: Uint8Array,
  info: Spans<'files' | 'length' | 'attr'>,
): Content {
  const name = nameText(nameBytes, 'the torrent');
  if (scanner.isList(info.files)) return manyFiles(scanner, name, nameBytes, info.files);
  if (info.length !== undefined) return oneFile(scanner, name, info);
  throw info.files === undefined
    ? badMetainfo('it must have either "length" or "files"')
    : noFiles();
}

function oneFile(scanner: Scanner, name: string, info: Spans<'length' | 'attr'>): Content {
  checkPath([name], 'the file');
  const lengthBytes = checkedWhole(scanner.integer(info.length), 'the length of the file', 0);
  const file = { path: [name], lengthBytes, offsetBytes: 0, ...marks(attributes(scanner, info)) };
  return { name, multiFile: false, files: [file], totalLengthBytes: lengthBytes };
}

function manyFiles(scanner: Scanner, name: string, nameBytes: Uint8Array, list: Span): Content {
  checkPath([name], 'the folder');
  const tree = new PathTree();
  const paths = new PathReader(scanner, name, nameBytes.length);
  const files: FileEntry[] = [];
  const symlinks: SymlinkEntry[] = [];
  let index = 0;
  let offsetBytes = 0;
  for (const entry of scanner.list(list.start)) {
    const what = `file ${index}`;
    if (index === MAX_FILES) throw badMetainfo(`it has more than ${MAX_FILES} files`);
    if (!scanner.isDictionary(entry)) throw badMetainfo(`${what} is not a dictionary`);
    const file = scanner.dictionary(entry.start, FILE_KEYS);
    const attr = attributes(scanner, file);
    if (attr.includes('l')) {
      // Its length, where it has one, stands for nothing: a symlink takes no bytes of the torrent.
      const target = paths.list(file['symlink path'], what) ?? [];
      symlinks.push({ path: filePath(paths, file, what, tree), target });
    } else {
      const lengthBytes = checkedWhole(scanner.integer(file.length), `the length of ${what}`, 0);
      const total = checkedTotal(offsetBytes, lengthBytes, what);
      const path = attr.includes('p')
        ? padPath(paths, file, index, tree)
        : filePath(paths, file, what, tree);
      files.push({ path, lengthBytes, offsetBytes, ...marks(attr) });
      offsetBytes = total;
    }
    index++;
  }
  if (index === 0) throw noFiles();
  return {
    name,
    multiFile: true,
    files,
    ...(symlinks.length > 0 && { symlinks }),
    totalLengthBytes: offsetBytes,
  };
}

function noFiles(): Error {
  return badMetainfo('"files" must be a list with at least one file');
}

/** The letters of `attr` (BEP 47): p padding, l symlink, x executable, h hidden. */
function attributes(scanner: Scanner, file: Spans<'attr'>): string {
  const bytes = scanner.string(file.attr);
  return bytes === undefined ? '' : asText(bytes.subarray(0, MAX_ATTRIBUTES));
}

/** BEP 47 has four; unknown ones are passed over. */
const MAX_ATTRIBUTES = 16;

function marks(attr: string): Pick<FileEntry, 'executable' | 'hidden'> {
  return {
    ...(attr.includes('x') && { executable: true as const }),
    ...(attr.includes('h') && { hidden: true as const }),
  };
}

/** The path of a file of a multi-file torrent, checked and taken into the tree. */
function filePath(
  paths: PathReader,
  file: FileSpans,
  what: string,
  tree: PathTree,
): readonly string[] {
  const below = paths.list(file['path.utf-8'], what) ?? paths.list(file.path, what);
  if (below === undefined) throw badMetainfo(`${what} has no "path" made of byte strings`);
  if (below.length === 0) throw badMetainfo(`the path of ${what} is empty`);
  const path = [paths.name, ...below];
  checkPath(path, what);
  addPath(tree, path, what);
  return path;
}

/**
 * Padding may come without a path, and its makers give pads of one length one path. Nobody looks for
 * these files by name, so each gets a name of its own.
 */
function padPath(
  paths: PathReader,
  file: FileSpans,
  index: number,
  tree: PathTree,
): readonly string[] {
  const what = `file ${index}`;
  const below = paths.list(file['path.utf-8'], what) ?? paths.list(file.path, what);
  const path = [paths.name, ...(below ?? ['.pad', 'pad'])];
  checkPath(path, what);
  if (below !== undefined && tree.add(path) === 'added') return path;
  path[path.length - 1] += `.${index}`;
  checkPath(path, what);
  addPath(tree, path, what);
  return path;
}

/** Reads lists of names, and keeps count of what they take in memory. */
class PathReader {
  readonly name: string;
  private readonly scanner: Scanner;
  private readonly nameBytes: number;
  private components = 0;
  private totalBytes = 0;

  constructor(scanner: Scanner, name: string, nameBytes: number) {
    this.scanner = scanner;
    this.name = name;
    this.nameBytes = nameBytes;
  }

  /** The names in a list; undefined if it is no list of byte strings. */
  list(span: Span | undefined, what: string): string[] | undefined {
    if (!this.scanner.isList(span)) return undefined;
    // With the torrent's name: whoever joins a path writes it down once for each file.
    this.totalBytes += this.nameBytes + span.end - span.start;
    if (this.totalBytes > MAX_PATHS_BYTES) {
      throw badMetainfo(`the paths of its files are longer than ${MAX_PATHS_BYTES} bytes together`);
    }
    const names: string[] = [];
    for (const item of this.scanner.list(span.start)) {
      const bytes = this.scanner.string(item);
      if (bytes === undefined) return undefined;
      if (this.components++ === MAX_PATH_COMPONENTS) {
        throw badMetainfo(`its paths have more than ${MAX_PATH_COMPONENTS} parts together`);
      }
      names.push(nameText(bytes, what));
    }
    return names;
  }
}

function nameText(bytes: Uint8Array, what: string): string {
  if (bytes.length > MAX_NAME_BYTES) {
    throw badMetainfo(
      `a name of ${what} has ${bytes.length} bytes, at most ${MAX_NAME_BYTES} are read`,
    );
  }
  return asText(bytes);
}
