// Parses the bytes of a .torrent into a checked `Metainfo` (BEP 3). The file is hostile until every
// rule here holds; each refusal names the broken rule.
import { Scanner } from '../bencode/scan';
import type { Span, Spans } from '../bencode/scan';
import { asText } from '../bencode/text';
import { toHex } from '../bytes/hex';
import { contentOf } from './files';
import { badMetainfo, checkedPieceCount, checkedWhole, v2Unsupported } from './limits';
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
  'file tree',
] as const;

/** The digest of some bytes: 20 bytes for `sha1`, 32 for `sha256`. */
export type Digest = (bytes: Uint8Array, algorithm: 'sha1' | 'sha256') => Uint8Array;

/**
 * Reads a v1 torrent, single- or multi-file, or the v1 half of a hybrid one (BEP 52).
 *
 * Digests are computed over the original bytes of the info dictionary, including unsorted keys,
 * unknown keys and unusual names. Bytes after the torrent's dictionary are ignored, as in other
 * clients: no hash covers them. If `files` is a list, a `length` beside it is ignored. Names that
 * are not UTF-8 are read as Latin-1. A torrent of 0 bytes is accepted if its `pieces` is empty. The
 * result shares no memory with `bytes`.
 *
 * Throws `bad-bencode` if the file is not bencode, `v2-unsupported` if only clients of version 2
 * can read it, `bad-metainfo` if it is not an acceptable torrent.
 */
export function parseMetainfo(bytes: Uint8Array, digest: Digest, platform = 'linux'): Metainfo {
  const scanner = scannerOf(bytes);
  if (!scanner.isDictionary(scanner.value(0))) throw badMetainfo('it is not a dictionary');
  const torrent = scanner.dictionary(0, TORRENT_KEYS);
  if (!scanner.isDictionary(torrent.info)) throw badMetainfo('it has no "info" dictionary');
  const content = readInfo(scanner, torrent.info, digest, platform);
  const { trackers, ignored, ignoredCount } = trackersOf(
    scanner,
    torrent['announce-list'],
    torrent.announce,
  );
  return {
    ...content,
    trackers,
    ...(ignoredCount > 0 && { ignoredTrackers: ignored, ignoredTrackerCount: ignoredCount }),
    ...remarks(scanner, torrent),
  };
}

/**
 * Reads an info dictionary alone, as peers send it (BEP 9), by the rules of `parseMetainfo`. Bytes after
 * it are an error, because the info hash covers them. `trackers`: those of the magnet link.
 */
export function parseInfo(
  bytes: Uint8Array,
  digest: Digest,
  trackers: Metainfo['trackers'],
  platform = 'linux',
): Metainfo {
  const scanner = scannerOf(bytes);
  const info = scanner.value(0);
  if (!scanner.isDictionary(info)) throw badMetainfo('the info is not a dictionary');
  if (info.end !== bytes.length) throw badMetainfo('bytes follow the info dictionary');
  return { ...readInfo(scanner, info, digest, platform), trackers };
}

function scannerOf(bytes: Uint8Array): Scanner {
  if (bytes.length > MAX_METAINFO_BYTES) {
    throw badMetainfo(`it has ${bytes.length} bytes, at most ${MAX_METAINFO_BYTES} are read`);
  }
  return new Scanner(bytes);
}

function readInfo(
  scanner: Scanner,
  span: Span,
  digest: Digest,
  platform: string,
): Omit<Metainfo, 'trackers'> {
  const info = scanner.dictionary(span.start, INFO_KEYS);
  const hashes = scanner.string(info.pieces);
  if (hashes === undefined) throw noPieces(scanner, info);
  const nameBytes = scanner.string(info['name.utf-8']) ?? scanner.string(info.name);
  if (nameBytes === undefined) throw badMetainfo('it has no "name"');
  const pieceLengthBytes = checkedWhole(
    scanner.integer(info['piece length']),
    'the piece length',
    1,
  );
  const original = scanner.bytes.subarray(span.start, span.end);
  const infoHash = Uint8Array.from(digest(original, 'sha1'));
  const options = { platform, fallback: toHex(infoHash) };
  const content = contentOf(scanner, nameBytes, info, options);
  const pieceCount = checkedPieceCount(pieceLengthBytes, content.totalLengthBytes, hashes);
  const infoBytes = Uint8Array.from(original);
  // The digests are most of the bytes, so they are not copied.
  const start = hashes.byteOffset - original.byteOffset;
  const pieceHashes = infoBytes.subarray(start, start + hashes.length);
  return {
    infoHash,
    ...(isHybrid(scanner, info) && {
      infoHashV2: Uint8Array.from(digest(original, 'sha256')),
    }),
    infoBytes,
    pieceLengthBytes,
    pieceCount,
    pieceHashes,
    ...content,
    private: isPrivate(scanner, info.private),
  };
}

/** Whether it also has the keys of version 2 (BEP 52), which are not used otherwise. */
function isHybrid(scanner: Scanner, info: Spans<'meta version' | 'file tree'>): boolean {
  return isVersion2(scanner, info) && scanner.isDictionary(info['file tree']);
}

function isVersion2(scanner: Scanner, info: Spans<'meta version'>): boolean {
  return scanner.integer(info['meta version']) === 2;
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
  return isVersion2(scanner, info)
    ? v2Unsupported('torrent')
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
