// Parole: a piece that failed its check is filled by one source alone, so that a second failure convicts it.
// Who takes too long, or leaves, makes place for another.

import type { Engine } from './engine';
import { bytesHere, lookUp, onFilled, restartPiece } from './pieces';
import type { PieceState, Source, TorrentState } from './state';

/**
 * A piece that failed is filled by one source alone; by a suspect, or one that had its turn and did not
 * finish it, only if nobody else can.
 */
export function mayFill(source: Source, piece: PieceState): boolean {
  if (!piece.onParole) return true;
  if (piece.sole !== undefined) return piece.sole === source.id;
  const suspects = piece.witness?.suspects() ?? new Set<string>();
  if (isFit(source, piece, suspects)) return true;
  for (const other of piece.torrent.sources) {
    if (other.choked || other.closing || !other.has(piece.blocks.piece)) continue;
    if (isFit(other, piece, suspects)) return false;
  }
  return true;
}

function isFit(source: Source, piece: PieceState, suspects: ReadonlySet<string>): boolean {
  return !suspects.has(source.identity.name) && !piece.declined.has(source.id);
}

/** After this many sources that did not finish it alone, a failed piece may be filled by several again. */
const MAX_PAROLES = 3;

/** The one source that might fill a piece on parole does not: another may, from the start. */
export function giveUpParole(engine: Engine, piece: PieceState): void {
  piece.torrent.wastedBytes += bytesHere(piece);
  if (piece.sole !== undefined) piece.declined.add(piece.sole);
  piece.paroles++;
  if (piece.paroles >= MAX_PAROLES) piece.onParole = false; // The digests still show who lied.
  restartPiece(engine, piece);
}

/** Pieces on parole that only this source might fill, and that it never will. */
export function giveUpParolesOf(engine: Engine, source: Source): void {
  for (const piece of [...source.torrent.open]) {
    if (piece.sole === source.id) giveUpParole(engine, piece);
  }
}

/** The one source that a piece on parole waits for gave all of it back and brought nothing: it is silent. */
export function giveUpIdleParole(engine: Engine, source: Source, index: number): void {
  const piece = source.torrent.active.get(index);
  if (piece?.sole !== source.id || piece.verifying || piece.holders > 0) return;
  const { missingBlocks, blockCount } = piece.blocks;
  if (missingBlocks === blockCount) giveUpParole(engine, piece);
}

/** A piece on parole that its one source does not fill in two minutes goes to another … */
const PAROLE_LIMIT_MS = 120_000;

export function endLongParoles(engine: Engine, torrent: TorrentState): void {
  const limitMs = engine.nowMs() - PAROLE_LIMIT_MS;
  for (const piece of torrent.active.values()) {
    if (piece.sole === undefined || piece.verifying || piece.soleSinceMs >= limitMs) continue;
    // … but a slow source that owes all that is missing is let be while something comes.
    if (!torrent.open.has(piece) && lookUp(engine, piece)) onFilled(engine, piece);
    else if (torrent.open.has(piece) || piece.lastProgressMs < limitMs) giveUpParole(engine, piece);
  }
}
