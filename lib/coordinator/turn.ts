// The end of a turn: whatever handlers marked is done once, in this order, however many messages
// the turn brought.

import type { Engine, Turn } from './engine';
import { feedHungry } from './leasing';
import { pumpVerify } from './on-piece';
import { finishIfWhole } from './phases';
import { torrentStats } from './snapshot';
import type { TorrentState } from './state';
import { rechoke } from './tick';

export function newTurn(): Turn {
  return { feed: false, touched: new Set(), stats: new Set(), rechoke: new Set() };
}

export function endTurn(engine: Engine): void {
  const { turn } = engine;
  pumpVerify(engine);
  for (const torrent of turn.touched) {
    announcePieces(engine, torrent);
    finishIfWhole(engine, torrent);
  }
  turn.touched.clear();
  for (const torrent of turn.rechoke) rechoke(engine, torrent);
  turn.rechoke.clear();
  if (turn.feed) {
    turn.feed = false;
    feedHungry(engine);
  }
  for (const torrent of turn.stats)
    engine.emit({ type: 'stats', torrent: torrent.id, stats: torrentStats(engine, torrent) });
  turn.stats.clear();
}

/** One `have` order per thread and one event for all pieces that became good in this turn. */
function announcePieces(engine: Engine, torrent: TorrentState): void {
  if (torrent.newPieces.length === 0) return;
  const pieces = torrent.newPieces;
  torrent.newPieces = [];
  for (const thread of torrent.openOn)
    engine.order(thread, { type: 'have', torrent: torrent.id, pieces });
  engine.emit({ type: 'pieces', torrent: torrent.id, pieces });
}
