// The end-game: every piece is on its way, and some sources have nothing to do. They are asked for a
// second copy of what others are late with. On ticks only, and only for late pieces: the blocks of a
// fast swarm would else arrive twice, and be looked for all the time.

import type { Engine } from './engine';
import { leaseRun, standsStill } from './pieces';
import type { PieceState, Source, TorrentState } from './state';

/** A piece is late when nothing came for half a second. */
const LATE_PIECE_MS = 500;

/** At most two sources owe a block, in runs of 16 so that a slow pair is soon relieved. */
const DUPLICATE_HOLDERS = 2;
const DUPLICATE_RUN_BLOCKS = 16;

export function feedEndGame(engine: Engine, torrent: TorrentState): void {
  if (torrent.phase !== 'downloading' || torrent.possession.picker.idle > 0) return;
  const idle = [...engine.state.hungry].filter(
    (source) => source.torrent === torrent && !source.choked && !source.closing,
  );
  if (idle.length === 0) return;
  const late = [...torrent.active.values()].filter(
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
    if (piece.verifying || !source.has(piece.blocks.piece)) continue;
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
