// The end of a turn: whatever handlers marked is done once, in this order, however many messages
// the turn brought.

import { countOn } from './availability';
import { rechokeIfPaid } from './choking';
import type { Engine, Turn } from './engine';
import { feedHungry } from './leasing';
import { torrentStats } from './snapshot';
import type { TorrentState } from './state';
import { finishIfWhole } from './transferring';
import { pumpVerify } from './verifying';

export function newTurn(): Turn {
  return { feed: false, touched: new Set(), stats: new Set(), rechoke: new Set() };
}

export function endTurn(engine: Engine): void {
  const { turn } = engine;
  countOn(engine);
  pumpVerify(engine);
  for (const torrent of turn.touched) {
    if (!announcePieces(engine, torrent)) continue;
    turn.touched.delete(torrent);
    finishIfWhole(engine, torrent);
  }
  for (const torrent of turn.rechoke) rechokeIfPaid(engine, torrent);
  if (turn.feed) {
    turn.feed = false;
    feedHungry(engine);
  }
  for (const torrent of turn.stats)
    engine.emit({ type: 'stats', torrent: torrent.id, stats: torrentStats(engine, torrent) });
  turn.stats.clear();
  // Memory that is being written to comes free without a word.
  if (engine.state.slab.quarantinedUnits > 0) engine.tickBy(engine.nowMs());
}

/**
 * `have` orders for good pieces leave at most this often: at a thousand pieces a second, an order for each
 * would cost a tenth of a core. The rest leaves in a later turn, with the next tick at the latest.
 */
const NEWS_INTERVAL_MS = 50;

/** One `have` order per thread for all pieces that became good. False when they wait for a later turn. */
function announcePieces(engine: Engine, torrent: TorrentState): boolean {
  const { possession } = torrent;
  if (!possession.hasNews) return true;
  const nowMs = engine.nowMs();
  if (!possession.hasAllWanted && nowMs - torrent.lastNewsMs < NEWS_INTERVAL_MS) return false;
  torrent.lastNewsMs = nowMs;
  const pieces = possession.takeNews();
  for (const thread of torrent.openOn)
    engine.order(thread, { type: 'have', torrent: torrent.id, pieces });
  return true;
}
