// Limits of a torrent, each with its reason, and the error for a broken rule.
import { SHA1_LENGTH_BYTES } from '../bytes/lengths';
import { MillraceError } from '../errors/millrace-error';

/**
 * Longest .torrent file: 64 MiB. It is held in memory as a whole. The 2,097,152 digests of the
 * largest torrent take 40 MiB of it; the rest is room for the names of 200,000 files. Reading takes
 * the length of the file, a copy of its digests, and what the limits below allow: at most some 200
 * MiB, 250 for the longest files.
 */
export const MAX_METAINFO_BYTES = 64 * 1024 * 1024;

/**
 * Most files: the largest torrents in use have 100,000. Each takes some 200 bytes with its path,
 * 300 more if it is stored under another name, and 100 while it is read.
 */
export const MAX_FILES = 200_000;

/**
 * Most names in all paths together: 3 per file for the largest number of files. Each takes some 150
 * bytes.
 */
export const MAX_PATH_COMPONENTS = 3 * MAX_FILES;

/**
 * Longest sum of all paths, as bytes of the .torrent: 24 MiB, 125 bytes per file for the largest
 * number of files. The torrent's name counts for each file, and names that are not UTF-8 count
 * several times (`ODD_NAME_FACTOR`).
 */
export const MAX_PATHS_BYTES = 24 * 1024 * 1024;

/** Factor for a name that is not UTF-8: it is kept at two bytes per byte, and again as stored. */
export const ODD_NAME_FACTOR = 3;

/** Longest name, as bytes of the .torrent: file systems store 255, some programs write more. */
export const MAX_NAME_BYTES = 65_536;

/** Longest part of a comment that is read: a screenful is 2 KiB. */
export const MAX_REMARK_BYTES = 64 * 1024;

/** Most trackers that are used: the longest lists in use have some 150, most of them dead. */
export const MAX_TRACKERS = 200;

/**
 * Longest piece: 256 MiB. A piece must fit twice in the largest slab (512 MiB), one copy arriving
 * while another is verified; the longest pieces in use are 64 MiB.
 */
export const MAX_PIECE_LENGTH_BYTES = 256 * 1024 * 1024;

/** Most pieces: a bitfield of 256 KiB, which is also the longest bitfield message; 32 GiB of 16 KiB pieces. */
export const MAX_PIECE_COUNT = 2_097_152;

/** The error for well-formed bencode that is not an acceptable torrent. */
export function badMetainfo(
  rule: string,
  details: Readonly<Record<string, string | number>> = {},
): MillraceError {
  return new MillraceError('bad-metainfo', `bad torrent: ${rule}`, { rule, ...details });
}

/** The error for torrents and links of version 2 only (BEP 52). */
export function v2Unsupported(what: 'torrent' | 'magnet link'): MillraceError {
  const rule = `it is of version 2 only (BEP 52), which is not supported: use a ${what} of version 1, or a hybrid one`;
  return new MillraceError('v2-unsupported', `bad ${what}: ${rule}`, { rule });
}

/** Checks for an integer between `least` and 2^53 − 1. `value` is undefined if absent. */
export function checkedWhole(
  value: number | bigint | undefined,
  what: string,
  least: number,
): number {
  if (typeof value === 'bigint' && value > 0n) throw badMetainfo(`${what} exceeds 2^53 − 1`);
  if (typeof value === 'number' && value >= least) return value;
  const kind = value === undefined ? 'is missing' : `is ${value}`;
  throw badMetainfo(`${what} ${kind}, but must be an integer of at least ${least}`);
}

/** Checks the lengths of a torrent against each other; returns its number of pieces. */
export function checkedPieceCount(
  pieceLengthBytes: number,
  totalLengthBytes: number,
  pieceHashes: Uint8Array,
): number {
  if (!Number.isSafeInteger(pieceLengthBytes) || pieceLengthBytes < 1) {
    throw badMetainfo('the piece length must be a whole number above 0');
  }
  if (pieceLengthBytes > MAX_PIECE_LENGTH_BYTES) {
    throw badMetainfo(
      `the piece length is ${pieceLengthBytes} bytes, the longest supported is ${MAX_PIECE_LENGTH_BYTES}`,
    );
  }
  if (pieceHashes.length % SHA1_LENGTH_BYTES !== 0) {
    throw badMetainfo(
      `"pieces" has ${pieceHashes.length} bytes, which is no multiple of ${SHA1_LENGTH_BYTES}`,
    );
  }
  const hashes = pieceHashes.length / SHA1_LENGTH_BYTES;
  const pieceCount = Math.ceil(totalLengthBytes / pieceLengthBytes);
  if (pieceCount > MAX_PIECE_COUNT) {
    throw badMetainfo(`it has ${pieceCount} pieces, at most ${MAX_PIECE_COUNT} are supported`);
  }
  if (hashes !== pieceCount) {
    throw badMetainfo(
      `${totalLengthBytes} bytes in pieces of ${pieceLengthBytes} need ${pieceCount} hashes, not ${hashes}`,
    );
  }
  return pieceCount;
}

/** Adds a file's length to the sum of the previous ones. */
export function checkedTotal(sumBytes: number, lengthBytes: number, what: string): number {
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0) {
    throw badMetainfo(`the length of ${what} must be a whole number from 0 to 2^53 − 1`);
  }
  const total = sumBytes + lengthBytes;
  if (!Number.isSafeInteger(total)) throw badMetainfo('the files together exceed 2^53 − 1 bytes');
  return total;
}
