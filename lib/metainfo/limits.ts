// What a torrent may be at most, each bound with its reason, and the error for what breaks a rule.
import { MillraceError } from '../errors/millrace-error';

/** Length of a SHA-1 digest: every piece has one (BEP 3). */
export const PIECE_HASH_BYTES = 20;

/**
 * Longest .torrent file: 64 MiB. It is held in memory whole, and the 2,097,152 digests of the
 * largest torrent take 40 MiB of it; the rest holds the names of 300,000 files.
 */
export const MAX_METAINFO_BYTES = 64 * 1024 * 1024;

/** Values and keys in a .torrent: some 7 for each file, so 300,000 files. Costs 200 MiB at worst. */
export const MAX_METAINFO_ITEMS = 2_097_152;

/**
 * Longest piece: 256 MiB. A piece must fit twice in the largest slab (512 MiB), one copy arriving
 * while another is verified; the longest pieces in use are 64 MiB.
 */
export const MAX_PIECE_LENGTH_BYTES = 256 * 1024 * 1024;

/** Most pieces: a bitfield of 256 KiB, which is also the longest bitfield message; 32 GiB of 16 KiB pieces. */
export const MAX_PIECE_COUNT = 2_097_152;

/** The error of everything that is well-formed bencode but no torrent that we accept. */
export function badMetainfo(
  rule: string,
  details: Readonly<Record<string, string | number>> = {},
): MillraceError {
  return new MillraceError('bad-metainfo', `bad torrent: ${rule}`, { rule, ...details });
}

/** Checks the lengths of a torrent against each other and returns how many pieces it has. */
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
  if (pieceHashes.length % PIECE_HASH_BYTES !== 0) {
    throw badMetainfo(
      `"pieces" has ${pieceHashes.length} bytes, which is no multiple of ${PIECE_HASH_BYTES}`,
    );
  }
  const hashes = pieceHashes.length / PIECE_HASH_BYTES;
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

/** Adds a file's length to the sum of those before it. */
export function checkedTotal(sumBytes: number, lengthBytes: number, what: string): number {
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0) {
    throw badMetainfo(`the length of ${what} must be a whole number from 0 to 2^53 − 1`);
  }
  const total = sumBytes + lengthBytes;
  if (!Number.isSafeInteger(total)) throw badMetainfo('the files together exceed 2^53 − 1 bytes');
  return total;
}
