// From the bytes of a .torrent to a checked `Metainfo` (BEP 3). The file is hostile until every rule
// here held; what is refused is refused with one sentence that names the rule.
import { Scanner } from '../bencode/scan';
import type { Span, Spans } from '../bencode/scan';
import { asText } from '../bencode/text';
import { toHex } from '../bytes/hex';
import { contentOf } from './files';
import { badMetainfo, checkedPieceCount, checkedWhole } from './limits';
import { MAX_METAINFO_BYTES, MAX_REMARK_BYTES } from './limits';
import type { Metainfo } from './metainfo';
import { trackersOf } from './trackers';

const TORRENT_KEYS = [
  'info',
  'announce',
  'announce-list',
  'comment',
  'comment.utf-8',
  'created by',
  'created by.utf-8',
  'creation date',
] as const;

const INFO_KEYS = [
  'name',
  'name.utf-8',
  'piece length',
  'pieces',
  'private',
  'length',
  'files',
  'attr',
  'meta version',
] as const;

/**
 * Reads a v1 torrent, single- or multi-file.
 *
 * `sha1` is taken over the bytes of the info dictionary as they came: unsorted keys, unknown keys and
 * odd names included. Bytes after the torrent's dictionary are passed over, as others do: no hash
 * covers them. Where `files` is a list it wins over a `length` beside it. Names that are not UTF-8 are
 * read as Latin-1. A torrent of 0 bytes is accepted when its `pieces` is empty. The result shares no
 * memory with `bytes`.
 *
 * Throws `bad-bencode` when the file is no bencode, `bad-metainfo` when it is no torrent that we accept.
 */
export function parseMetainfo(
  bytes: Uint8Array,
  sha1: (bytes: Uint8Array) => Uint8Array,
  platform = 'linux',
): Metainfo {
  if (bytes.length > MAX_METAINFO_BYTES) {
    throw badMetainfo(`it has ${bytes.length} bytes, at most ${MAX_METAINFO_BYTES} are read`);
  }
  const scanner = new Scanner(bytes);
  if (!scanner.isDictionary(scanner.value(0))) throw badMetainfo('it is not a dictionary');
  const torrent = scanner.dictionary(0, TORRENT_KEYS);
  if (!scanner.isDictionary(torrent.info)) throw badMetainfo('it has no "info" dictionary');
  const info = scanner.dictionary(torrent.info.start, INFO_KEYS);

  const pieceHashes = scanner.string(info.pieces);
  if (pieceHashes === undefined) throw noPieces(scanner, info);
  const nameBytes = scanner.string(info['name.utf-8']) ?? scanner.string(info.name);
  if (nameBytes === undefined) throw badMetainfo('it has no "name"');
  const pieceLengthBytes = checkedWhole(
    scanner.integer(info['piece length']),
    'the piece length',
    1,
  );
  const infoHash = Uint8Array.from(sha1(bytes.subarray(torrent.info.start, torrent.info.end)));
  const options = { platform, fallback: toHex(infoHash) };
  const content = contentOf(scanner, nameBytes, info, options);
  const pieceCount = checkedPieceCount(pieceLengthBytes, content.totalLengthBytes, pieceHashes);
  const { trackers, ignored, ignoredCount } = trackersOf(
    scanner,
    torrent['announce-list'],
    torrent.announce,
  );

  return {
    infoHash,
    pieceLengthBytes,
    pieceCount,
    pieceHashes: Uint8Array.from(pieceHashes),
    ...content,
    trackers,
    ...(ignoredCount > 0 && { ignoredTrackers: ignored, ignoredTrackerCount: ignoredCount }),
    private: isPrivate(scanner, info.private),
    ...remarks(scanner, torrent),
  };
}

/** BEP 27 says 1; other clients take any number but 0 for it, and a secret is better kept too often. */
function isPrivate(scanner: Scanner, span: Span | undefined): boolean {
  const value = scanner.integer(span);
  return value !== undefined && value !== 0;
}

function noPieces(scanner: Scanner, info: Spans<'meta version'>): Error {
  return scanner.integer(info['meta version']) === 2
    ? badMetainfo('it is of version 2 only (BEP 52), which is not supported yet')
    : badMetainfo('it has no "pieces" made of bytes');
}

/** What the maker noted; notes of the wrong type are ignored: nothing depends on them. */
function remarks(
  scanner: Scanner,
  torrent: Spans<(typeof TORRENT_KEYS)[number]>,
): Pick<Metainfo, 'comment' | 'createdBy' | 'creationDateSec'> {
  const text = (key: 'comment' | 'created by'): string | undefined => {
    const bytes = scanner.string(torrent[`${key}.utf-8`]) ?? scanner.string(torrent[key]);
    return bytes && remarkText(bytes);
  };
  const comment = text('comment');
  const createdBy = text('created by');
  const creationDateSec = scanner.integer(torrent['creation date']);
  return {
    ...(comment !== undefined && { comment }),
    ...(createdBy !== undefined && { createdBy }),
    ...(typeof creationDateSec === 'number' && creationDateSec >= 0 && { creationDateSec }),
  };
}

/** A note, cut between two characters where it is too long to be one. */
function remarkText(bytes: Uint8Array): string {
  let end = Math.min(bytes.length, MAX_REMARK_BYTES);
  if (end < bytes.length) while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return asText(bytes.subarray(0, end));
}
