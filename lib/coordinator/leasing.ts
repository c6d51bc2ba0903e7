// Which blocks a peer gets next. In order: the piece it is on; a started piece that nobody works
// on; a new one (rarest first) if it is fast enough to fill it alone, else a share of somebody
// else's. What remains when nothing is left to lease is the end-game's (`end-game.ts`).

import type { Engine } from './engine';
import { leaseRun, startPiece } from './pieces';
import { peerName } from './state';
import type { PeerState, PieceState } from './state';

/** A peer gets a piece for itself if it can fill it within 20 s; slower ones share pieces. */
const WHOLE_PIECE_SEC = 20;

/** Pieces up to 256 KiB are never shared on purpose: it costs messages and wins nothing. */
const SMALL_PIECE_BYTES = 256 * 1024;

/** Leases to the peer until its credit is used up; otherwise it is noted as hungry. */
export function feedPeer(engine: Engine, peer: PeerState): void {
  const { hungry } = engine.state;
  const { torrent } = peer;
  const idle = peer.choked || peer.usefulPieces === 0 || peer.closing !== undefined;
  if (torrent.phase !== 'downloading' || idle) {
    hungry.delete(peer.id);
    return;
  }
  while (peer.leasedBlocks < peer.creditBlocks) {
    if (!leaseNext(engine, peer, peer.creditBlocks - peer.leasedBlocks)) {
      hungry.add(peer.id);
      return;
    }
  }
  hungry.delete(peer.id);
}

/** Tries every hungry peer again, after memory or blocks came free. */
export function feedHungry(engine: Engine): void {
  for (const id of [...engine.state.hungry]) {
    const peer = engine.state.peers.get(id);
    if (peer) feedPeer(engine, peer);
    else engine.state.hungry.delete(id);
  }
}

function leaseNext(engine: Engine, peer: PeerState, maxBlocks: number): boolean {
  const { torrent } = peer;
  const current = peer.leases.at(-1)?.piece;
  if (current && leaseFree(engine, peer, current, maxBlocks)) return true;
  if (leaseOpen(engine, peer, maxBlocks, (piece) => piece.holders === 0)) return true;
  const ownPiece =
    torrent.metainfo.pieceLengthBytes <=
    Math.max(SMALL_PIECE_BYTES, peer.rateBytesPerSec * WHOLE_PIECE_SEC);
  if (ownPiece && leaseNew(engine, peer, maxBlocks)) return true;
  if (leaseOpen(engine, peer, maxBlocks, () => true)) return true;
  if (!ownPiece && leaseNew(engine, peer, maxBlocks)) return true;
  return false;
}

function leaseFree(engine: Engine, peer: PeerState, piece: PieceState, maxBlocks: number): boolean {
  if (piece.verifying || piece.blocks.freeBlocks === 0 || !mayFill(engine, peer, piece))
    return false;
  const run = piece.blocks.takeFree(maxBlocks);
  if (!run) return false;
  if (piece.onParole && piece.sole === undefined) {
    piece.sole = peer.id;
    piece.soleSinceMs = engine.nowMs();
  }
  leaseRun(engine, peer, piece, run.firstBlock, run.blockCount);
  return true;
}

function leaseOpen(
  engine: Engine,
  peer: PeerState,
  maxBlocks: number,
  suits: (piece: PieceState) => boolean,
): boolean {
  for (const piece of peer.torrent.open) {
    if (!suits(piece) || !hasPiece(peer, piece.blocks.piece)) continue;
    if (leaseFree(engine, peer, piece, maxBlocks)) return true;
  }
  return false;
}

function leaseNew(engine: Engine, peer: PeerState, maxBlocks: number): boolean {
  const { torrent } = peer;
  const { picker } = torrent.possession;
  if (picker.idle === 0) return false;
  const index = picker.pick(peer.isSeed ? 'all' : peer.bits);
  if (index === -1) return false;
  const piece = startPiece(engine, torrent, index);
  if (!piece) engine.state.memoryRefused = torrent.account.memoryRefused = true;
  // One of nothing but padding is full already: the next one may have something to ask for.
  return piece !== undefined && (piece.verifying || leaseFree(engine, peer, piece, maxBlocks));
}

export function hasPiece(peer: PeerState, index: number): boolean {
  return peer.isSeed || peer.bits.get(index);
}

/**
 * A piece that failed is filled by one peer alone; by a suspect, or one that had its turn and did not
 * finish it, only if nobody else can.
 */
function mayFill(engine: Engine, peer: PeerState, piece: PieceState): boolean {
  if (!piece.onParole) return true;
  if (piece.sole !== undefined) return piece.sole === peer.id;
  const suspects = piece.witness?.suspects() ?? new Set<string>();
  if (isFit(peer, piece, suspects)) return true;
  for (const id of piece.torrent.peers) {
    const other = engine.state.peers.get(id);
    if (!other || other.choked || other.closing || !hasPiece(other, piece.blocks.piece)) continue;
    if (isFit(other, piece, suspects)) return false;
  }
  return true;
}

function isFit(peer: PeerState, piece: PieceState, suspects: ReadonlySet<string>): boolean {
  return !suspects.has(peerName(peer)) && !piece.declined.has(peer.id);
}
