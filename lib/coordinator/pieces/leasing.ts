// Which blocks a source gets next. In order: more of its current piece; a started piece that no
// source holds; a new piece (rarest first) if the source can fill it alone in time, else a share of
// a piece that others hold. When nothing is left to lease, the end-game follows (`end-game.ts`).

import { Bitfield } from '../../bytes/bitfield';
import type { Engine } from '../engine';
import { mayRequest, suggestedPiece } from './hints';
import { mayFill } from './parole';
import { leaseRun, startPiece } from './pieces';
import { isKnown } from '../state';
import type { KnownTorrent, PieceState, Source, TorrentState } from '../state';

/** A source gets a piece of its own if it can fill it within 20 s; slower ones share pieces. */
const WHOLE_PIECE_SEC = 20;

/** Pieces up to 256 KiB are never shared on purpose: sharing costs messages and gains nothing. */
const SMALL_PIECE_BYTES = 256 * 1024;

/** Leases blocks to the source until its credit is used up; if that fails, the source is hungry. */
export function feedSource(engine: Engine, source: Source): void {
  const { hungry } = engine.state;
  const { torrent } = source;
  const idle = !mayRequest(source) || source.usefulPieces === 0 || source.closing !== undefined;
  if (torrent.phase !== 'downloading' || idle || !isKnown(torrent)) {
    hungry.delete(source);
    return;
  }
  while (source.leasedBlocks < source.creditBlocks) {
    const lease = source.choked ? leaseAllowed : leaseNext;
    if (!lease(engine, torrent, source, source.creditBlocks - source.leasedBlocks)) {
      hungry.add(source);
      return;
    }
  }
  hungry.delete(source);
}

/**
 * Tries every hungry source again after memory or blocks became free, those with the fewest leases
 * first. Otherwise a few slow ones would occupy scarce memory while others idle.
 */
export function feedHungry(engine: Engine): void {
  const hungry = [...engine.state.hungry];
  hungry.sort((a, b) => a.leases.length - b.leases.length);
  for (const source of hungry) feedSource(engine, source);
}

/** Tries sources again whose rejects have expired. */
export function feedForgiven(engine: Engine, torrent: TorrentState): void {
  const nowMs = engine.nowMs();
  for (const source of torrent.sources)
    if (source.refusals?.expire(nowMs)) feedSource(engine, source);
}

function leaseNext(
  engine: Engine,
  torrent: KnownTorrent,
  source: Source,
  maxBlocks: number,
): boolean {
  const { open, layout } = torrent.content;
  const current = source.leases.at(-1)?.piece;
  if (current && leaseFree(engine, source, current, maxBlocks)) return true;
  if (leaseOpen(engine, open, source, maxBlocks, (piece) => piece.holders === 0)) return true;
  const ownPiece =
    layout.pieceLengthBytes <=
    Math.max(SMALL_PIECE_BYTES, source.rateBytesPerSec * WHOLE_PIECE_SEC);
  if (ownPiece && leaseNew(engine, torrent, source, maxBlocks)) return true;
  if (leaseOpen(engine, open, source, maxBlocks, () => true)) return true;
  if (!ownPiece && leaseNew(engine, torrent, source, maxBlocks)) return true;
  return false;
}

/** While the source chokes us: more of the pieces that it allows (BEP 6). */
function leaseAllowed(
  engine: Engine,
  torrent: KnownTorrent,
  source: Source,
  maxBlocks: number,
): boolean {
  const { active, possession } = torrent.content;
  for (const index of source.allowedFast) {
    if (!possession.lacks(index) || !source.has(index) || source.refusals?.has(index)) continue;
    const piece = active.get(index) ?? startPiece(engine, torrent, index);
    if (!piece) engine.state.memoryRefused = torrent.account.memoryRefused = true;
    else if (leaseFree(engine, source, piece, maxBlocks)) return true;
  }
  return false;
}

function leaseFree(engine: Engine, source: Source, piece: PieceState, maxBlocks: number): boolean {
  if (piece.verifying || piece.blocks.freeBlocks === 0 || !mayFill(source, piece)) return false;
  if (source.refusals?.has(piece.blocks.piece)) return false;
  const run = piece.blocks.takeFree(maxBlocks);
  if (!run) return false;
  if (piece.onParole && piece.sole === undefined) {
    piece.sole = source.id;
    piece.soleSinceMs = engine.nowMs();
  }
  leaseRun(engine, source, piece, run.firstBlock, run.blockCount);
  return true;
}

function leaseOpen(
  engine: Engine,
  open: Iterable<PieceState>,
  source: Source,
  maxBlocks: number,
  suits: (piece: PieceState) => boolean,
): boolean {
  for (const piece of open) {
    if (!suits(piece) || !source.has(piece.blocks.piece)) continue;
    if (leaseFree(engine, source, piece, maxBlocks)) return true;
  }
  return false;
}

/** The rarest piece that the source has and has not just refused; -1 if there is none. */
function pickFor({ content }: KnownTorrent, { isSeed, bits, refusals }: Source): number {
  const { picker } = content.possession;
  const index = picker.pick(isSeed ? 'all' : bits);
  if (!refusals?.has(index)) return index;
  const others = isSeed ? new Bitfield(content.layout.pieceCount) : bits.clone();
  if (isSeed) others.setAll();
  for (const piece of refusals.pieces) others.clear(piece);
  return picker.pick(others);
}

function leaseNew(
  engine: Engine,
  torrent: KnownTorrent,
  source: Source,
  maxBlocks: number,
): boolean {
  const { picker } = torrent.content.possession;
  if (picker.idle === 0) return false;
  const index = suggestedPiece(torrent, source) ?? pickFor(torrent, source);
  if (index === -1) return false;
  const piece = startPiece(engine, torrent, index);
  if (!piece) engine.state.memoryRefused = torrent.account.memoryRefused = true;
  // A piece of nothing but padding is full already; the next one may have blocks to request.
  return piece !== undefined && (piece.verifying || leaseFree(engine, source, piece, maxBlocks));
}
