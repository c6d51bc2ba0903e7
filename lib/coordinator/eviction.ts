// Memory comes back from pieces that are not finished: of a torrent that stops, and of pieces that stand
// still while others wait for memory.

import type { Engine } from './engine';
import { bytesHere, endPiece, standsStill } from './pieces';
import type { PieceState, TorrentState } from './state';

/** A partial piece that got nothing for 5 s gives its memory to pieces that wait for memory. */
const STALE_PIECE_MS = 5_000;
/** … a few per tick, so that a hiccup does not throw everything away. */
const EVICTIONS_PER_TICK = 4;

/** Gives a partial piece up: its bytes are waste, its memory goes to others. */
export function evictPiece(engine: Engine, piece: PieceState): void {
  const { torrent, blocks } = piece;
  torrent.wastedBytes += bytesHere(piece);
  endPiece(engine, piece);
  torrent.possession.picker.markIdle(blocks.piece);
}

/** The whole torrent gives its memory back; pieces that a verify job holds are left to finish. */
export function evictAll(engine: Engine, torrent: TorrentState): void {
  for (const piece of torrent.filled) piece.verifying = false;
  torrent.filled = [];
  for (const piece of [...torrent.active.values()]) if (!piece.verifying) evictPiece(engine, piece);
}

/** Somebody waits for memory while partial pieces stand still: the stalest go. */
export function evictStale(engine: Engine): void {
  if (!engine.state.memoryRefused) return;
  engine.state.memoryRefused = false;
  const stale: PieceState[] = [];
  for (const torrent of engine.state.torrents.values()) {
    for (const piece of torrent.active.values())
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
