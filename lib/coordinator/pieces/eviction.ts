// Reclaims the memory of unfinished pieces: all of a torrent that stops, and stalled ones while
// others need memory.

import type { Engine } from '../engine';
import { bytesHere, endPiece, standsStill } from './pieces';
import type { PieceState, KnownTorrent } from '../state';

/** A partial piece that received nothing for 5 s may be evicted. */
const STALE_PIECE_MS = 5_000;
/** Limit per tick, so that a brief stall does not discard everything. */
const EVICTIONS_PER_TICK = 4;

/** Gives up a partial piece: its bytes are wasted, its memory is freed. */
export function evictPiece(engine: Engine, piece: PieceState): void {
  const { torrent, blocks } = piece;
  torrent.wastedBytes += bytesHere(piece);
  endPiece(engine, piece);
  torrent.content.possession.picker.markIdle(blocks.piece);
}

/** Frees the memory of a whole torrent; pieces that a verify job holds are left to finish. */
export function evictAll(engine: Engine, torrent: KnownTorrent): void {
  for (const piece of torrent.content.filled) piece.verifying = false;
  torrent.content.filled = [];
  for (const piece of [...torrent.content.active.values()])
    if (!piece.verifying) evictPiece(engine, piece);
}

/** Evicts the most stalled pieces if memory was refused since the last tick. */
export function evictStale(engine: Engine): void {
  if (!engine.state.memoryRefused) return;
  engine.state.memoryRefused = false;
  const stale: PieceState[] = [];
  for (const torrent of engine.state.torrents.values()) {
    // Its pieces wait for credit: they are slow, not stalled.
    if (torrent.account.limit === 'rateLimit') continue;
    for (const piece of torrent.content?.active.values() ?? [])
      if (standsStill(engine, piece, STALE_PIECE_MS)) stale.push(piece);
  }
  stale.sort((a, b) => a.lastProgressMs - b.lastProgressMs);
  for (const piece of stale.slice(0, EVICTIONS_PER_TICK)) {
    engine.log('debug', 'a stale piece was evicted', {
      torrent: piece.torrent.infoHash,
      piece: piece.blocks.piece,
    });
    evictPiece(engine, piece);
  }
}
