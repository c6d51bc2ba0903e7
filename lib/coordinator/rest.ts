// Torrents at rest: no connection, dial, check or verify job. For them nothing becomes due before a
// known time (`restAfterLook` in `tick.ts`), so ticks skip them until then. If all torrents rest,
// there are no ticks.

import { chargeRest } from './account/accounting';
import type { Engine } from './engine';
import type { TorrentState } from './state';

/** Something may have changed what is due for a torrent: the next tick looks at it. */
export function wake(engine: Engine, torrent: TorrentState): void {
  if (torrent.restUntilMs === undefined) return;
  chargeRest(engine, torrent); // The time so far belongs to the last limit.
  torrent.restUntilMs = undefined;
  engine.tickBy(engine.nowMs());
}
