// Torrents at rest: nobody connected, nothing dialled, checked or verified. Time alone has nothing to do
// for them before a moment that is known, so until then no tick looks at them; and with all of them at
// rest there are no ticks.

import { chargeRest } from './accounting';
import { dialsNow, freeSlots } from './dialing';
import type { Engine } from './engine';
import { transfers } from './life';
import type { TorrentState } from './state';
import { nextAnnounceMs } from './trackers';

/**
 * Something is due, but the engine has all the connections that it may have: the next try comes after a
 * second, later where many wait, so that no more than 200 try in a second.
 */
const HELD_UP_MS = 1_000;
const HELD_UP_MS_PER_TORRENT = 5;

/** Something happened to a torrent that may change what is due: the next tick looks at it. */
export function wake(engine: Engine, torrent: TorrentState): void {
  if (torrent.restUntilMs === undefined) return;
  chargeRest(engine, torrent); // as it was till now
  torrent.restUntilMs = undefined;
  engine.tickBy(engine.nowMs());
}

/** After a look: until when the torrent may rest; undefined where every tick has something to do. */
export function restAfterLook(engine: Engine, torrent: TorrentState): number | undefined {
  const nowMs = engine.nowMs();
  if (isBusy(torrent, nowMs)) return undefined;
  const dueMs = nextDueMs(engine, torrent, nowMs);
  if (dueMs > nowMs) return dueMs;
  return nowMs + Math.max(HELD_UP_MS, HELD_UP_MS_PER_TORRENT * engine.state.torrents.size);
}

function isBusy(torrent: TorrentState, nowMs: number): boolean {
  if (torrent.phase === 'checking' || torrent.sources.size + torrent.dialing > 0) return true;
  // News leave with a later tick.
  if (torrent.jobsOut + torrent.filled.length > 0 || torrent.possession.hasNews) return true;
  // Ticks go on until the rates that the app shows have fallen to 0, within two seconds.
  return torrent.downloadRate.bytesPerSec(nowMs) + torrent.uploadRate.bytesPerSec(nowMs) > 0;
}

function nextDueMs(engine: Engine, torrent: TorrentState, nowMs: number): number {
  const { book } = torrent;
  const { durability } = torrent.possession;
  if (!transfers(torrent.life)) return durability.dueMs;
  const dueMs = Math.min(durability.dueMs, nextAnnounceMs(torrent, nowMs));
  if (!dialsNow(torrent)) return dueMs;
  // Without room it neither dials nor asks for peers, and nothing wakes it when there is room.
  if (freeSlots(engine, torrent) <= 0) return -Infinity;
  return Math.min(dueMs, Math.max(book.nextDueMs, engine.state.noDialsUntilMs));
}
