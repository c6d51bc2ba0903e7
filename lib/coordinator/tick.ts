// What time alone brings about: announces, dials, syncs, upload turns, evictions, figures.

import { keepAccount } from './accounting';
import { announceIfDue, nextAnnounceMs } from './trackers';
import { dialMore, dialsNow, freeSlots } from './dialing';
import { rechoke } from './choking';
import type { Engine } from './engine';
import { watchSeed } from './file-checks';
import { feedEndGame } from './end-game';
import { evictStale } from './eviction';
import { transfers } from './life';
import { endLongParoles } from './parole';
import { syncIfDue } from './saving';
import type { TorrentState } from './state';

/** Four times a second: as often as figures are worth looking at. */
export const TICK_MS = 250;

export function onTick(engine: Engine): void {
  const { state } = engine;
  if (state.closing) return;
  const nowMs = engine.nowMs();
  if (state.slab.retryQuarantined() > 0) engine.turn.feed = true;
  for (const torrent of state.torrents.values()) {
    const { restUntilMs = nowMs } = torrent;
    if (restUntilMs <= nowMs) tickTorrent(engine, torrent);
    else engine.tickBy(restUntilMs);
  }
  evictStale(engine);
  if (state.hungry.size > 0) engine.turn.feed = true;
}

/** What is due for one torrent: on ticks, and at once when its run begins. */
export function tickTorrent(engine: Engine, torrent: TorrentState): void {
  if (wantsPeers(engine, torrent)) torrent.schedule.wantPeers(engine.nowMs());
  announceIfDue(engine, torrent);
  dialMore(engine, torrent);
  syncIfDue(engine, torrent);
  watchSeed(engine, torrent);
  engine.turn.rechoke.delete(torrent);
  rechoke(engine, torrent);
  engine.state.budget.setActive(torrent.id, hasSource(torrent));
  endLongParoles(engine, torrent);
  feedEndGame(engine, torrent);
  keepAccount(engine, torrent);
  const rested = torrent.restUntilMs !== undefined;
  torrent.restUntilMs = restAfterLook(engine, torrent);
  // The last time when it comes to rest; from then on the app asks, if it wants to know.
  if (!rested || torrent.restUntilMs === undefined) engine.turn.stats.add(torrent);
  engine.tickBy(torrent.restUntilMs ?? engine.nowMs());
}

/** With this many peers a torrent can wait for the next regular announce. */
const ENOUGH_PEERS = 20;

/**
 * The book has run dry: nobody is left to dial, and few are connected. Then the tracker is asked
 * again as soon as it allows, while it has news or nobody is connected at all. (Peers of a small
 * swarm that know one another have nothing to ask.)
 */
function wantsPeers(engine: Engine, torrent: TorrentState): boolean {
  const peers = torrent.peers.size + torrent.dialing;
  if (torrent.phase !== 'downloading' || peers >= ENOUGH_PEERS) return false;
  if (peers > 0 && !torrent.trackersHadNews) return false;
  if (freeSlots(engine, torrent) <= 0) return false;
  return torrent.book.nextDueMs > engine.nowMs();
}

/** A torrent that nobody serves needs no share of the memory. */
function hasSource(torrent: TorrentState): boolean {
  if (torrent.phase !== 'downloading') return false;
  for (const { choked, closing, usefulPieces } of torrent.sources)
    if (!choked && !closing && usefulPieces > 0) return true;
  return false;
}

/**
 * Something is due, but the engine has all the connections that it may have: the next try comes after a
 * second, later where many wait, so that no more than 200 try in a second.
 */
const HELD_UP_MS = 1_000;
const HELD_UP_MS_PER_TORRENT = 5;

/** After a look: until when the torrent may rest; undefined where every tick has something to do. */
function restAfterLook(engine: Engine, torrent: TorrentState): number | undefined {
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
