// What time alone brings about: announces, dials, syncs, upload turns, evictions, figures.

import { chooseUnchoked } from '../choke/round-robin';
import { keepAccount } from './accounting';
import { announceIfDue } from './trackers';
import { dialMore, freeSlots } from './dialing';
import type { Engine } from './engine';
import { watchSeed } from './file-checks';
import { feedEndGame } from './end-game';
import { evictPiece, giveUpParole, lookUp, onFilled } from './pieces';
import { restAfterLook } from './rest';
import { syncIfDue } from './saving';
import type { Peer, PieceState, TorrentState } from './state';

/** Four times a second: as often as figures are worth looking at. */
export const TICK_MS = 250;

/** How long an upload slot is kept while others wait: as BEP 3 has it for rechoking. */
const UPLOAD_TURN_MS = 10_000;

/** A partial piece that got nothing for 5 s gives its memory to pieces that wait for memory. */
const STALE_PIECE_MS = 5_000;
/** … a few per tick, so that a hiccup does not throw everything away. */
const EVICTIONS_PER_TICK = 4;

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
  engine.endTurn();
  if (state.slab.quarantinedUnits > 0) engine.tickBy(nowMs);
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

/** Gives the torrent's upload slots to those whose turn it is. */
export function rechoke(engine: Engine, torrent: TorrentState): void {
  if (torrent.peers.size === 0) return;
  const nowMs = engine.nowMs();
  const peers = [...torrent.peers];
  const unchoked = chooseUnchoked(
    peers.map((peer) => ({
      id: peer.id,
      interested: peer.theyAreInterested && !peer.closing,
      stalled: peer.uploadStalled || letItsTurnPass(peer, nowMs),
      unchokedAtMs: peer.unchokedAtMs,
      lastUnchokedMs: peer.lastUnchokedMs,
    })),
    engine.state.settings.uploadSlots,
    nowMs,
    UPLOAD_TURN_MS,
  );
  for (const peer of peers) {
    const weChoke = !unchoked.has(peer.id);
    if (weChoke === peer.weChoke || peer.closing) continue;
    peer.weChoke = weChoke;
    peer.unchokedAtMs = weChoke ? undefined : nowMs;
    peer.lastUnchokedMs = nowMs;
    if (!weChoke) peer.uploadedAtTurn = peer.uploadedBytes;
    engine.order(peer.thread, { type: 'choke', connection: peer.id, choked: weChoke });
  }
}

/**
 * A peer that asked for nothing while it had a slot comes after those that will, for six turns: else many
 * that are interested and idle would keep the others waiting for most of the time.
 */
const PASSED_TURN_MS = 6 * UPLOAD_TURN_MS;

function letItsTurnPass(peer: Peer, nowMs: number): boolean {
  if (!peer.weChoke || peer.uploadedBytes !== peer.uploadedAtTurn) return false;
  return peer.lastUnchokedMs > 0 && nowMs - peer.lastUnchokedMs < PASSED_TURN_MS;
}

/** A piece on parole that its one peer does not fill in two minutes goes to another … */
const PAROLE_LIMIT_MS = 120_000;

function endLongParoles(engine: Engine, torrent: TorrentState): void {
  const limitMs = engine.nowMs() - PAROLE_LIMIT_MS;
  for (const piece of torrent.active.values()) {
    if (piece.sole === undefined || piece.verifying || piece.soleSinceMs >= limitMs) continue;
    // … but a slow peer that owes all that is missing is let be while something comes.
    if (!torrent.open.has(piece) && lookUp(engine, piece)) onFilled(engine, piece);
    else if (torrent.open.has(piece) || piece.lastProgressMs < limitMs) giveUpParole(engine, piece);
  }
}

/** Somebody waits for memory while partial pieces stand still: the stalest go. */
function evictStale(engine: Engine): void {
  if (!engine.state.memoryRefused) return;
  engine.state.memoryRefused = false;
  const stale: PieceState[] = [];
  for (const torrent of engine.state.torrents.values()) {
    for (const piece of torrent.active.values()) if (isStale(engine, piece)) stale.push(piece);
  }
  stale.sort((a, b) => a.lastProgressMs - b.lastProgressMs);
  for (const piece of stale.slice(0, EVICTIONS_PER_TICK)) {
    engine.log('debug', 'a stale piece was evicted', {
      torrent: piece.torrent.infoHash,
      piece: piece.blocks.piece,
    });
    evictPiece(engine, piece);
  }
}

/** The table knows: a slow peer's lease is reported only at its end, which may be half a minute off. */
function isStale(engine: Engine, piece: PieceState): boolean {
  const isOld = (): boolean => engine.nowMs() - piece.lastProgressMs >= STALE_PIECE_MS;
  if (piece.verifying || !isOld()) return false;
  if (!lookUp(engine, piece)) return isOld();
  onFilled(engine, piece);
  return false;
}
