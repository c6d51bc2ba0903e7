// The end-game: every piece is being fetched, and some sources have nothing to do. They fetch a
// second copy of blocks that are late. This happens on ticks and for late pieces only: a fast swarm
// would otherwise send its last blocks twice, and each message would search for duplicates.

import type { Engine } from '../engine';
import { leaseRun, standsStill } from './pieces';
import type { PieceState, Source, KnownTorrent } from '../state';

/** A piece is late when no block of it arrived for half a second. */
const LATE_PIECE_MS = 500;

/** Most sources that fetch the same block. */
const DUPLICATE_HOLDERS = 2;
/** Longest duplicate lease: short, so that two slow sources are soon relieved. */
const DUPLICATE_RUN_BLOCKS = 16;

export function feedEndGame(engine: Engine, torrent: KnownTorrent): void {
  if (torrent.phase !== 'downloading' || torrent.content.possession.picker.idle > 0) return;
  const idle = [...engine.state.hungry].filter(
    (source) => source.torrent === torrent && !source.choked && !source.closing,
  );
  if (idle.length === 0) return;
  const late = [...torrent.content.active.values()].filter(
    (piece) => !piece.onParole && standsStill(engine, piece, LATE_PIECE_MS),
  );
  for (const source of idle) {
    while (source.leasedBlocks < source.creditBlocks) {
      if (!leaseDuplicate(engine, source, late, source.creditBlocks - source.leasedBlocks)) break;
    }
  }
}

function leaseDuplicate(
  engine: Engine,
  source: Source,
  late: readonly PieceState[],
  maxBlocks: number,
): boolean {
  for (const piece of late) {
    const index = piece.blocks.piece;
    if (piece.verifying || !source.has(index) || source.refusals?.has(index)) continue;
    const own = source.leases.filter((lease) => lease.piece === piece);
    const run = piece.blocks.takeDuplicate(
      Math.min(maxBlocks, DUPLICATE_RUN_BLOCKS),
      (block) =>
        own.some(
          (lease) => block >= lease.firstBlock && block < lease.firstBlock + lease.blockCount,
        ),
      DUPLICATE_HOLDERS,
    );
    if (!run) continue;
    leaseRun(engine, source, piece, run.firstBlock, run.blockCount);
    return true;
  }
  return false;
}
