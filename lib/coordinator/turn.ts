// The end of a turn: what handlers marked is done once, in this order, however many messages the
// turn handled.

import { countOn } from './pieces/availability';
import { rechokeIfPaid } from './swarm/choking';
import type { Engine, Turn } from './engine';
import { feedHungry } from './pieces/leasing';
import { torrentStats } from './snapshot';
import type { KnownTorrent } from './state';
import { finishIfWhole } from './torrent/transferring';
import { pumpVerify } from './pieces/verifying';

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
  // Quarantined memory becomes free without any message, so a tick has to look for it.
  if (engine.state.slab.quarantinedUnits > 0) engine.tickBy(engine.nowMs());
}

/**
 * Minimum interval of `have` orders: at a thousand pieces a second, one order per piece would cost
 * a tenth of a core. Pieces that wait leave in a later turn, at the latest with the next tick.
 */
const NEWS_INTERVAL_MS = 50;

/**
 * Sends one `have` order per thread for all newly verified pieces. Returns false if they wait for a
 * later turn.
 */
function announcePieces(engine: Engine, torrent: KnownTorrent): boolean {
  const { content } = torrent;
  const { possession } = content;
  if (!possession.hasNews) return true;
  const nowMs = engine.nowMs();
  if (!possession.hasAllWanted && nowMs - content.lastNewsMs < NEWS_INTERVAL_MS) return false;
  content.lastNewsMs = nowMs;
  const pieces = possession.takeNews();
  for (const thread of torrent.openOn)
    engine.order(thread, { type: 'have', torrent: torrent.id, pieces });
  return true;
}
