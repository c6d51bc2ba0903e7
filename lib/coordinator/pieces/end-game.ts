// The end-game: every piece is being fetched, or no more fit into memory, and some sources have nothing to
// do. They fetch a second copy of blocks that are late. This happens on ticks and for late pieces only: a fast swarm
// would otherwise send its last blocks twice, and each message would search for duplicates.

import { BLOCK_LENGTH_BYTES } from '../../bytes/lengths';
import type { Engine } from '../engine';
import { leaseRun, standsStill } from './pieces';
import type { PieceState, Source, KnownTorrent } from '../state';

/** A piece is late when no block of it arrived for half a second. */
const LATE_PIECE_MS = 500;

/** Most sources that fetch the same block; one more is allowed if it is `TAKEOVER_FACTOR` times as fast. */
const MOST_HOLDERS = 2;
/** Longest duplicate lease: short, so that two slow sources are soon relieved. */
const DUPLICATE_RUN_BLOCKS = 16;

/**
 * A source takes over blocks of others only if its best rate is four times their present one (it is idle
 * now, so it has no present rate). Sources of similar speed therefore do not take blocks from each other.
 */
const TAKEOVER_FACTOR = 4;
/** Lowest amount in a comparison: a block more or less within 20 s is chance. */
const LEAST_GIVEN_BYTES = 4 * BLOCK_LENGTH_BYTES;

export function feedEndGame(engine: Engine, torrent: KnownTorrent): void {
  if (torrent.phase !== 'downloading') return;
  // While memory is short, fast sources take over the pieces of slow ones, which occupy it.
  const isEarly = torrent.content.possession.picker.idle > 0;
  if (isEarly && !torrent.account.memoryRefused) return;
  const idle = [...engine.state.hungry].filter(
    (source) => source.torrent === torrent && !source.choked && !source.closing,
  );
  if (idle.length === 0) return;
  const late = [...torrent.content.active.values()].filter(
    (piece) => !piece.onParole && standsStill(engine, piece, LATE_PIECE_MS),
  );
  const bytes = holderBytes(torrent);
  for (const source of idle) {
    const slower = late.filter(
      (piece) => (bytes.get(piece) ?? LEAST_GIVEN_BYTES) * TAKEOVER_FACTOR <= source.gave.most,
    );
    while (source.leasedBlocks < source.creditBlocks) {
      const maxBlocks = source.creditBlocks - source.leasedBlocks;
      const isLeased = !isEarly && leaseDuplicate(engine, source, late, maxBlocks, MOST_HOLDERS);
      if (isLeased || leaseDuplicate(engine, source, slower, maxBlocks, MOST_HOLDERS + 1)) continue;
      break;
    }
  }
}

function leaseDuplicate(
  engine: Engine,
  source: Source,
  late: readonly PieceState[],
  maxBlocks: number,
  mostHolders: number,
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
      mostHolders,
    );
    if (!run) continue;
    leaseRun(engine, source, piece, run.firstBlock, run.blockCount);
    return true;
  }
  return false;
}

/**
 * For each leased piece, the bytes that its fastest source sent lately. A new source counts as fast. (The
 * rate in a session's appetite is momentary, and too imprecise for slow peers.)
 */
function holderBytes({ sources }: KnownTorrent): ReadonlyMap<PieceState, number> {
  const bytes = new Map<PieceState, number>();
  for (const source of sources) {
    const given = source.gave.isWhole ? source.givenLately : Infinity;
    for (const { piece } of source.leases)
      bytes.set(piece, Math.max(bytes.get(piece) ?? LEAST_GIVEN_BYTES, given));
  }
  return bytes;
}
