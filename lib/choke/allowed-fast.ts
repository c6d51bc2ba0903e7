// PURE. The allowed fast set of a peer (BEP 6): a few pieces that it may download while we choke it, so
// that it soon has something to trade. All clients compute the same set for an address.

import { createHash } from 'node:crypto';
import { MIB } from '../bytes/lengths';

/** The number of pieces that BEP 6 recommends. */
const MAX_ALLOWED_PIECES = 10;

/** At most one piece in eight is allowed, so that a small torrent cannot be had without a slot. */
const MAX_PART = 1 / 8;

/** At most 1 MiB, or one piece if that is longer, is allowed: enough to trade with. */
const MAX_ALLOWED_BYTES = MIB;

/** Words of a SHA-1 hash, each of which gives one index. */
const WORDS = 5;

/** Number of pieces of a torrent that we allow. */
export function allowedFastCount(pieceCount: number, pieceLengthBytes: number): number {
  const byLength = Math.max(1, Math.floor(MAX_ALLOWED_BYTES / pieceLengthBytes));
  return Math.min(MAX_ALLOWED_PIECES, Math.floor(pieceCount * MAX_PART), byLength);
}

/**
 * The first `count` pieces for an IPv4 address (4 bytes), in the order of the algorithm; for fewer
 * pieces than `count`, all of them.
 */
export function allowedFastSet(
  torrent: { readonly infoHash: Uint8Array; readonly pieceCount: number },
  address: Uint8Array,
  count: number,
): number[] {
  const { infoHash, pieceCount } = torrent;
  const wanted = Math.min(count, pieceCount);
  // The last byte of the address is left out, so that a /24 has one set.
  let seed = Uint8Array.from([...address.subarray(0, 3), 0, ...infoHash]);
  const pieces = new Set<number>();
  while (pieces.size < wanted) {
    seed = Uint8Array.from(createHash('sha1').update(seed).digest());
    const words = new DataView(seed.buffer);
    for (let word = 0; word < WORDS && pieces.size < wanted; word++) {
      pieces.add(words.getUint32(4 * word) % pieceCount);
    }
  }
  return [...pieces];
}
