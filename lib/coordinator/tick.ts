// What becomes due with time: announces, dials, syncs, upload turns, evictions, figures.

import { keepAccount } from './account/accounting';
import { announceIfDue, nextAnnounceMs } from './swarm/trackers';
import { allowFast } from './swarm/allow-fast';
import { dialMore, dialsNow, freeSlots } from './swarm/dialing';
import { listSwarm } from './swarm/exchange';
import { rechoke } from './swarm/choking';
import { followSchedule } from './swarm/limits';
import type { Engine } from './engine';
import { watchSeed } from './files/file-checks';
import { feedEndGame } from './pieces/end-game';
import { evictStale } from './pieces/eviction';
import { mayRequest } from './pieces/hints';
import { feedForgiven } from './pieces/leasing';
import type { Happening } from './happenings';
import { tickFetch } from './metadata/fetching';
import { needsPeers } from './torrent/life';
import { endLongParoles } from './pieces/parole';
import { tickSuperSeed } from './swarm/super-seeding';
import { syncIfDue } from './files/saving';
import { isKnown } from './state';
import type { Content, KnownTorrent, TorrentState } from './state';

/** Tick interval: four times a second, as often as figures are worth updating. */
export const TICK_MS = 250;

export function onTick(
  engine: Engine,
  { loopBusy, processBusy }: Extract<Happening, { readonly type: 'tick' }>,
): void {
  const { state } = engine;
  state.loopBusy = loopBusy;
  state.processBusy = processBusy;
  if (state.closing) return;
  const nowMs = engine.nowMs();
  followSchedule(engine);
  state.slab.retryQuarantined();
  for (const torrent of state.torrents.values()) {
    const { restUntilMs = nowMs } = torrent;
    if (restUntilMs <= nowMs) tickTorrent(engine, torrent);
    else engine.tickBy(restUntilMs);
  }
  evictStale(engine);
  engine.turn.feed = true; // Blocks and memory may have become free by time alone.
}

/** Does what is due for one torrent: on ticks, and at once when its run begins. */
export function tickTorrent(engine: Engine, torrent: TorrentState): void {
  if (wantsPeers(engine, torrent)) torrent.schedule.wantPeers(engine.nowMs());
  announceIfDue(engine, torrent);
  dialMore(engine, torrent);
  listSwarm(engine, torrent);
  engine.turn.rechoke.delete(torrent);
  rechoke(engine, torrent);
  if (isKnown(torrent)) tickContent(engine, torrent);
  else tickFetch(engine, torrent);
  keepAccount(engine, torrent);
  const rested = torrent.restUntilMs !== undefined;
  torrent.restUntilMs = restAfterLook(engine, torrent);
  // Figures are sent a last time when the torrent comes to rest; after that the app asks for them.
  if (!rested || torrent.restUntilMs === undefined) engine.turn.stats.add(torrent);
  engine.tickBy(torrent.restUntilMs ?? engine.nowMs());
}

function tickContent(engine: Engine, torrent: KnownTorrent): void {
  syncIfDue(engine, torrent);
  watchSeed(engine, torrent);
  engine.state.budget.setActive(torrent.id, hasSource(torrent));
  endLongParoles(engine, torrent);
  feedForgiven(engine, torrent);
  allowFast(engine, torrent);
  feedEndGame(engine, torrent);
  tickSuperSeed(engine, torrent);
}

/** With this many peers, a torrent waits for the next regular announce. */
const ENOUGH_PEERS = 20;

/**
 * True when the address book is exhausted and few peers are connected. The tracker is then asked
 * again as soon as it allows, if its last reply had new peers or none is connected. (Peers of a
 * small swarm that all know each other have nothing to ask.)
 */
function wantsPeers(engine: Engine, torrent: TorrentState): boolean {
  const peers = torrent.peers.size + torrent.dialing;
  if (!needsPeers(torrent.life) || peers >= ENOUGH_PEERS) return false;
  if (peers > 0 && !torrent.trackersHadNews) return false;
  if (freeSlots(engine, torrent) <= 0) return false;
  return torrent.book.isExhausted(engine.nowMs());
}

/** A torrent without a source that serves it needs no share of the memory. */
function hasSource(torrent: TorrentState): boolean {
  if (torrent.phase !== 'downloading') return false;
  for (const source of torrent.sources)
    if (mayRequest(source) && !source.closing && source.usefulPieces > 0) return true;
  return false;
}

/**
 * Wait before the next try when something is due but the engine has all the connections it may
 * have: one second, or 5 ms per torrent if that is longer, so that at most 200 torrents try per
 * second.
 */
const HELD_UP_MS = 1_000;
const HELD_UP_MS_PER_TORRENT = 5;

/** Until when the torrent may rest; undefined if it needs every tick. */
function restAfterLook(engine: Engine, torrent: TorrentState): number | undefined {
  const nowMs = engine.nowMs();
  if (isBusy(torrent, nowMs)) return undefined;
  const dueMs = nextDueMs(engine, torrent, nowMs);
  if (dueMs > nowMs) return dueMs;
  return nowMs + Math.max(HELD_UP_MS, HELD_UP_MS_PER_TORRENT * engine.state.torrents.size);
}

function isBusy(torrent: TorrentState, nowMs: number): boolean {
  if (torrent.phase === 'checking' || torrent.sources.size + torrent.dialing > 0) return true;
  if (torrent.content !== undefined && isContentBusy(torrent.content)) return true;
  // Ticks continue until the rates shown by the app have fallen to 0, within two seconds.
  return torrent.downloadRate.bytesPerSec(nowMs) + torrent.uploadRate.bytesPerSec(nowMs) > 0;
}

function isContentBusy({ jobsOut, filled, possession }: Content): boolean {
  // Pieces that are not announced yet leave with a later tick.
  return jobsOut + filled.length > 0 || possession.hasNews;
}

function nextDueMs(engine: Engine, torrent: TorrentState, nowMs: number): number {
  const { book } = torrent;
  const syncDueMs = torrent.content?.possession.durability.dueMs ?? Infinity;
  const dueMs = Math.min(syncDueMs, nextAnnounceMs(torrent, nowMs));
  if (!dialsNow(torrent)) return dueMs;
  // Without a free slot it neither dials nor asks for peers, and no event wakes it when a slot
  // becomes free.
  if (freeSlots(engine, torrent) <= 0) return -Infinity;
  return Math.min(dueMs, Math.max(book.nextDueMs, engine.state.noDialsUntilMs));
}
