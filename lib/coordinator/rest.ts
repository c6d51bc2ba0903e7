// Torrents at rest: nobody connected, nothing dialled, checked or verified. Time alone has nothing to do
// for them before a moment that is known (`restAfterLook` in `tick.ts`), so until then no tick looks at
// them; and with all of them at rest there are no ticks.

import { chargeRest } from './accounting';
import type { Engine } from './engine';
import type { TorrentState } from './state';

/** Something happened to a torrent that may change what is due: the next tick looks at it. */
export function wake(engine: Engine, torrent: TorrentState): void {
  if (torrent.restUntilMs === undefined) return;
  chargeRest(engine, torrent); // as it was till now
  torrent.restUntilMs = undefined;
  engine.tickBy(engine.nowMs());
}
