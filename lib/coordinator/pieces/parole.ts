// Parole: a piece that failed its check is filled by one source alone, so that a second failure
// convicts it. A source that takes too long, or leaves, is replaced by another.

import type { Engine } from '../engine';
import { bytesHere, lookUp, onFilled, restartPiece } from './pieces';
import type { PieceState, Source, KnownTorrent } from '../state';

/**
 * Whether the source may fill the piece. On parole, one source alone does; a suspect, or a source
 * that did not finish the piece before, is chosen only if no other can.
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
  return !suspects.has(source.identity.name) && !piece.declined.includes(source.id);
}

/**
 * After this many sources did not finish it alone, a failed piece may be filled by several again.
 */
const MAX_PAROLES = 3;

/**
 * The source that has the piece alone does not finish it: another one starts again from the
 * beginning.
 */
export function giveUpParole(engine: Engine, piece: PieceState): void {
  piece.torrent.wastedBytes += bytesHere(piece);
  if (piece.sole !== undefined) piece.declined.push(piece.sole);
  piece.paroles++;
  if (piece.paroles >= MAX_PAROLES) piece.onParole = false; // The digests still show which source lied.
  restartPiece(engine, piece);
}

/** Gives up the paroles of a source that is gone. */
export function giveUpParolesOf(engine: Engine, source: Source): void {
  for (const piece of [...(source.torrent.content?.open ?? [])]) {
    if (piece.sole === source.id) giveUpParole(engine, piece);
  }
}

/** Gives up a parole if its source returned all leases and delivered no block. */
export function giveUpIdleParole(engine: Engine, source: Source, index: number): void {
  const piece = source.torrent.content?.active.get(index);
  if (piece?.sole !== source.id || piece.verifying || piece.holders > 0) return;
  const { missingBlocks, blockCount } = piece.blocks;
  if (missingBlocks === blockCount) giveUpParole(engine, piece);
}

/** Longest parole: a source that has not filled the piece after two minutes is replaced. */
const PAROLE_LIMIT_MS = 120_000;

export function endLongParoles(engine: Engine, torrent: KnownTorrent): void {
  const limitMs = engine.nowMs() - PAROLE_LIMIT_MS;
  for (const piece of torrent.content.active.values()) {
    if (piece.sole === undefined || piece.verifying || piece.soleSinceMs >= limitMs) continue;
    // A slow source that still holds all missing blocks is kept while blocks arrive.
    if (!torrent.content.open.has(piece) && lookUp(engine, piece)) onFilled(engine, piece);
    else if (torrent.content.open.has(piece) || piece.lastProgressMs < limitMs)
      giveUpParole(engine, piece);
  }
}
