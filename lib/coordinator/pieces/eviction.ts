// Reclaims the memory of unfinished pieces: all of a torrent that stops, and stalled ones while
// others need memory.

import type { Engine } from '../engine';
import { bytesHere, endPiece, standsStill } from './pieces';
import type { PieceState, KnownTorrent, TorrentState } from '../state';

/** A partial piece that received nothing for 5 s may be evicted. */
const STALE_PIECE_MS = 5_000;
/**
 * A piece is not evicted if one of its blocks is requested from a source that sent something within
 * this time, the request timeout. Eight blocks in the queue of a slow peer take longer than 5 s, and
 * evicted pieces would be fetched in vain. This protects a piece for a minute at most, because others
 * need the memory.
 */
const MOVING_MS = 20_000;
const LONGEST_TURN_MS = 60_000;
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
    const isLimited = torrent.account.limit === 'rateLimit';
    const moving = movingPieces(torrent, engine.nowMs());
    for (const piece of torrent.content?.active.values() ?? []) {
      const patienceMs = isLimited || moving.has(piece) ? LONGEST_TURN_MS : STALE_PIECE_MS;
      if (standsStill(engine, piece, patienceMs)) stale.push(piece);
    }
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

/** The pieces of which a block is leased to a source that sends. */
function movingPieces({ sources }: TorrentState, nowMs: number): ReadonlySet<PieceState> {
  const moving = new Set<PieceState>();
  for (const { lastGaveMs, leases } of sources) {
    if (nowMs - lastGaveMs >= MOVING_MS) continue;
    for (const { piece } of leases) moving.add(piece);
  }
  return moving;
}
