// Parses the bytes of a .torrent into a checked `Metainfo` (BEP 3). The file is hostile until every
// rule here holds; each refusal names the broken rule.
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
 * `sha1` is computed over the original bytes of the info dictionary, including unsorted keys,
 * unknown keys and unusual names. Bytes after the torrent's dictionary are ignored, as in other
 * clients: no hash covers them. If `files` is a list, a `length` beside it is ignored. Names that
 * are not UTF-8 are read as Latin-1. A torrent of 0 bytes is accepted if its `pieces` is empty. The
 * result shares no memory with `bytes`.
 *
 * Throws `bad-bencode` if the file is not bencode, `bad-metainfo` if it is not an acceptable
 * torrent.
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

/**
 * BEP 27 specifies 1; other clients accept any number except 0, and it is safer to treat a torrent
 * as private.
 */
function isPrivate(scanner: Scanner, span: Span | undefined): boolean {
  const value = scanner.integer(span);
  return value !== undefined && value !== 0;
}

function noPieces(scanner: Scanner, info: Spans<'meta version'>): Error {
  return scanner.integer(info['meta version']) === 2
    ? badMetainfo('it is of version 2 only (BEP 52), which is not supported yet')
    : badMetainfo('it has no "pieces" made of bytes');
}

/** The creator's remarks; those of the wrong type are ignored, because nothing depends on them. */
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

/** A remark, cut between two characters if it is too long. */
function remarkText(bytes: Uint8Array): string {
  let end = Math.min(bytes.length, MAX_REMARK_BYTES);
  if (end < bytes.length) while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return asText(bytes.subarray(0, end));
}
