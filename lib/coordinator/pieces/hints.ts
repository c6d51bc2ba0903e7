// Offers of a source with the fast extension (BEP 6): pieces that it serves while it chokes us, and
// pieces that it suggests.

import type { KnownTorrent, Source } from '../state';

/** It serves something now: it does not choke us, or allows some pieces although it does. */
export function mayRequest(source: Source): boolean {
  return !source.choked || source.allowedFast.length > 0;
}

/**
 * The newest suggestion that can be started, or undefined. It affects only this source; the others still
 * get the rarest piece.
 */
export function suggestedPiece(torrent: KnownTorrent, source: Source): number | undefined {
  const { suggested } = source;
  if (suggested.length === 0) return undefined;
  const { picker } = torrent.content.possession;
  source.suggested = suggested.filter((piece) => picker.isIdle(piece));
  return source.suggested.findLast((piece) => source.has(piece) && !source.refusals?.has(piece));
}
