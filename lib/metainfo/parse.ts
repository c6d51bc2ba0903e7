// From the bytes of a .torrent to a checked `Metainfo` (BEP 3). The file is hostile until every rule
// here held; what is refused is refused with one sentence that names the rule.
import { decode } from '../bencode/decode';
import { asText } from '../bencode/text';
import { BencodeDictionary } from '../bencode/value';
import type { BencodeValue } from '../bencode/value';
import { badMetainfo, checkedPieceCount, checkedTotal } from './limits';
import { MAX_METAINFO_BYTES, MAX_METAINFO_ITEMS } from './limits';
import type { FileEntry, Metainfo } from './metainfo';
import { addPath, checkPath, PathTree } from './paths';
import { trackersOf } from './trackers';

/**
 * Reads a v1 torrent, single- or multi-file.
 *
 * `sha1` is taken over the bytes of the info dictionary as they came: unsorted keys, unknown keys and
 * odd names included. Names that are not UTF-8 are read as Latin-1. A torrent of 0 bytes is accepted
 * when its `pieces` is empty. The result shares no memory with `bytes`.
 *
 * Throws `bad-bencode` when the file is no bencode, `bad-metainfo` when it is no torrent that we accept.
 */
export function parseMetainfo(
  bytes: Uint8Array,
  sha1: (bytes: Uint8Array) => Uint8Array,
): Metainfo {
  if (bytes.length > MAX_METAINFO_BYTES) {
    throw badMetainfo(`it has ${bytes.length} bytes, at most ${MAX_METAINFO_BYTES} are read`);
  }
  const torrent = decode(bytes, { maxItems: MAX_METAINFO_ITEMS });
  if (!(torrent instanceof BencodeDictionary)) throw badMetainfo('it is not a dictionary');
  const info = torrent.dict('info');
  const infoBytes = torrent.raw('info');
  if (info === undefined || infoBytes === undefined) {
    throw badMetainfo('it has no "info" dictionary');
  }
  const pieceHashes = info.bytes('pieces');
  if (pieceHashes === undefined) throw noPieces(info);
  const name = preferredText(info, 'name');
  if (name === undefined) throw badMetainfo('it has no "name"');
  const pieceLengthBytes = integer(info.get('piece length'), 'the piece length', 1);

  const multiFile = info.has('files');
  if (multiFile === info.has('length')) {
    throw badMetainfo('it must have either "length" or "files", not both and not neither');
  }
  const files = multiFile ? manyFiles(info, name) : oneFile(info, name);
  const last = files[files.length - 1];
  const totalLengthBytes = last === undefined ? 0 : last.offsetBytes + last.lengthBytes;
  const pieceCount = checkedPieceCount(pieceLengthBytes, totalLengthBytes, pieceHashes);

  return {
    infoHash: Uint8Array.from(sha1(infoBytes)),
    name,
    multiFile,
    pieceLengthBytes,
    pieceCount,
    totalLengthBytes,
    pieceHashes: Uint8Array.from(pieceHashes),
    files,
    trackers: trackersOf(torrent),
    private: info.integer('private') === 1,
    ...remarks(torrent),
  };
}

function oneFile(info: BencodeDictionary, name: string): FileEntry[] {
  checkPath([name], 'the file');
  const lengthBytes = integer(info.get('length'), 'the length of the file', 0);
  return [{ path: [name], lengthBytes, offsetBytes: 0 }];
}

function manyFiles(info: BencodeDictionary, name: string): FileEntry[] {
  const list = info.list('files');
  if (list === undefined || list.length === 0) {
    throw badMetainfo('"files" must be a list with at least one file');
  }
  checkPath([name], 'the folder');
  const tree = new PathTree();
  let offsetBytes = 0;
  return list.map((entry, index) => {
    const what = `file ${index}`;
    if (!(entry instanceof BencodeDictionary)) throw badMetainfo(`${what} is not a dictionary`);
    const lengthBytes = integer(entry.get('length'), `the length of ${what}`, 0);
    const total = checkedTotal(offsetBytes, lengthBytes, what);
    const file = { path: filePath(entry, name, index, tree), lengthBytes, offsetBytes };
    offsetBytes = total;
    return file;
  });
}

/** The path of a file of a multi-file torrent, checked and taken into the tree. */
function filePath(
  entry: BencodeDictionary,
  name: string,
  index: number,
  tree: PathTree,
): readonly string[] {
  const what = `file ${index}`;
  const below = textList(entry.get('path.utf-8')) ?? textList(entry.get('path'));
  if (entry.text('attr')?.includes('p')) {
    // Padding (BEP 47) may come without a path, and its makers give pads of one length one path.
    // Nobody looks for these files by name, so each gets a name of its own.
    const path = [name, ...(below ?? ['.pad', 'pad'])];
    checkPath(path, what);
    if (below !== undefined && tree.add(path) === 'added') return path;
    path[path.length - 1] += `.${index}`;
    checkPath(path, what);
    addPath(tree, path, what);
    return path;
  }
  if (below === undefined) throw badMetainfo(`${what} has no "path" made of byte strings`);
  if (below.length === 0) throw badMetainfo(`the path of ${what} is empty`);
  const path = [name, ...below];
  checkPath(path, what);
  addPath(tree, path, what);
  return path;
}

function noPieces(info: BencodeDictionary): Error {
  return info.integer('meta version') === 2
    ? badMetainfo('it is of version 2 only (BEP 52), which is not supported yet')
    : badMetainfo('it has no "pieces" made of bytes');
}

/** An integer of at least `least` and at most 2^53 − 1. */
function integer(value: BencodeValue | undefined, what: string, least: number): number {
  if (typeof value === 'bigint' && value > 0n) throw badMetainfo(`${what} exceeds 2^53 − 1`);
  if (typeof value === 'number' && value >= least) return value;
  const kind =
    typeof value === 'number' || typeof value === 'bigint' ? `is ${value}` : 'is missing';
  throw badMetainfo(`${what} ${kind}, but must be an integer of at least ${least}`);
}

/** The UTF-8 twin of a key where there is one: it is there because the other is in some code page. */
function preferredText(dictionary: BencodeDictionary, key: string): string | undefined {
  return dictionary.text(`${key}.utf-8`) ?? dictionary.text(key);
}

function textList(value: BencodeValue | undefined): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const texts: string[] = [];
  for (const item of value) {
    if (!(item instanceof Uint8Array)) return undefined;
    texts.push(asText(item));
  }
  return texts;
}

/** What the maker noted; notes of the wrong kind are passed over, they harm nobody. */
function remarks(
  torrent: BencodeDictionary,
): Pick<Metainfo, 'comment' | 'createdBy' | 'creationDateSec'> {
  const comment = preferredText(torrent, 'comment');
  const createdBy = preferredText(torrent, 'created by');
  const creationDateSec = torrent.integer('creation date');
  return {
    ...(comment !== undefined && { comment }),
    ...(createdBy !== undefined && { createdBy }),
    ...(creationDateSec !== undefined && creationDateSec >= 0 && { creationDateSec }),
  };
}
