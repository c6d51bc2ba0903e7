// Which blocks a peer gets next. In order: the piece it is on; a started piece that nobody works
// on; a new one (rarest first) if it is fast enough to fill it alone, else a share of somebody
// else's; and when nothing else is left, in the end-game, a second copy of what others still owe.

import type { Engine } from './engine';
import { leaseRun, startPiece } from './pieces';
import { peerName } from './state';
import type { PeerState, PieceState, TorrentState } from './state';

/** A peer gets a piece for itself if it can fill it within 20 s; slower ones share pieces. */
const WHOLE_PIECE_SEC = 20;

/** Pieces up to 256 KiB are never shared on purpose: it costs messages and wins nothing. */
const SMALL_PIECE_BYTES = 256 * 1024;

/** End-game: a piece from which nothing came for half a second is asked of a second peer, too. */
const LATE_PIECE_MS = 500;

/** At most two peers owe a block then, in runs of 16 so that a slow pair is soon relieved. */
const DUPLICATE_HOLDERS = 2;
const DUPLICATE_RUN_BLOCKS = 16;

/** Leases to the peer until its credit is used up; otherwise it is noted as hungry. */
export function feedPeer(engine: Engine, peer: PeerState): void {
  const { hungry } = engine.state;
  const { torrent } = peer;
  if (torrent.phase !== 'downloading' || peer.choked || peer.closing) {
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

/**
 * End-game: every piece is on its way and some peers have nothing to do. On ticks only, and only for
 * late pieces: the blocks of a fast swarm would else arrive twice, and be looked for all the time.
 */
export function feedEndGame(engine: Engine, torrent: TorrentState): void {
  if (torrent.phase !== 'downloading' || torrent.picker.idle > 0) return;
  const nowMs = engine.nowMs();
  const late: PieceState[] = [];
  for (const piece of torrent.active.values()) {
    if (piece.verifying || piece.onParole || nowMs - piece.lastProgressMs < LATE_PIECE_MS) continue;
    late.push(piece);
  }
  if (late.length === 0) return;
  for (const id of [...engine.state.hungry]) {
    const peer = engine.state.peers.get(id);
    if (peer?.torrent !== torrent || peer.choked || peer.closing) continue;
    while (peer.leasedBlocks < peer.creditBlocks) {
      if (!leaseDuplicate(engine, peer, late, peer.creditBlocks - peer.leasedBlocks)) break;
    }
  }
}

function leaseFree(engine: Engine, peer: PeerState, piece: PieceState, maxBlocks: number): boolean {
  if (piece.verifying || piece.blocks.freeBlocks === 0 || !mayFill(engine, peer, piece))
    return false;
  const run = piece.blocks.takeFree(maxBlocks);
  if (!run) return false;
  if (piece.onParole) piece.sole = peer.id;
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
  if (torrent.picker.idle === 0) return false;
  const index = torrent.picker.pick(peer.isSeed ? 'all' : peer.bits);
  if (index === -1) return false;
  const piece = startPiece(engine, torrent, index);
  return piece !== undefined && leaseFree(engine, peer, piece, maxBlocks);
}

function leaseDuplicate(
  engine: Engine,
  peer: PeerState,
  late: readonly PieceState[],
  maxBlocks: number,
): boolean {
  for (const piece of late) {
    if (!hasPiece(peer, piece.blocks.piece)) continue;
    const own = peer.leases.filter((lease) => lease.piece === piece);
    const run = piece.blocks.takeDuplicate(
      Math.min(maxBlocks, DUPLICATE_RUN_BLOCKS),
      (block) =>
        own.some(
          (lease) => block >= lease.firstBlock && block < lease.firstBlock + lease.blockCount,
        ),
      DUPLICATE_HOLDERS,
    );
    if (!run) continue;
    leaseRun(engine, peer, piece, run.firstBlock, run.blockCount);
    return true;
  }
  return false;
}

function hasPiece(peer: PeerState, index: number): boolean {
  return peer.isSeed || peer.bits.get(index);
}

/** A piece that failed is filled by one peer alone, and by a suspect only if nobody else can. */
function mayFill(engine: Engine, peer: PeerState, piece: PieceState): boolean {
  if (!piece.onParole) return true;
  if (piece.sole !== undefined) return piece.sole === peer.id;
  const suspects = piece.witness?.suspects();
  if (!suspects?.has(peerName(peer))) return true;
  return !hasUnsuspectedSource(engine, piece.torrent, piece, suspects);
}

function hasUnsuspectedSource(
  engine: Engine,
  torrent: TorrentState,
  piece: PieceState,
  suspects: ReadonlySet<string>,
): boolean {
  for (const id of torrent.peers) {
    const other = engine.state.peers.get(id);
    if (
      other &&
      !other.choked &&
      !other.closing &&
      hasPiece(other, piece.blocks.piece) &&
      !suspects.has(peerName(other))
    )
      return true;
  }
  return false;
}
