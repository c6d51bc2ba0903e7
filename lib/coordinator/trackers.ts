// Announcing: the schedule says when and where, this makes the announces side by side and hands the
// answers on.

import type { ErrorRecord } from '../errors/millrace-error';
import type { AnnounceReply, AnnounceRequest } from '../tracker/announce';
import type { DueAnnounce } from '../tracker/schedule';
import { dialMore, dialsNow, freeSlots } from './dialing';
import { answerOf } from './engine';
import type { Engine } from './engine';
import type { Happening } from './happenings';
import { transfers } from './life';
import { wake } from './rest';
import { receivedBytes } from './state';
import type { AnnounceUnderWay, TorrentState } from './state';

/** Most peers asked for at once: what large clients ask, and as many as most trackers give. */
const MAX_NUM_WANT = 200;

/**
 * Most that a seed asks for, as trackers give by default: it serves a few at a time, leechers dial it,
 * too, and many trackers name other seeds as well.
 */
const MAX_SEED_NUM_WANT = 50;

/** Announced by an engine that accepts nobody: many trackers refuse port 0, and nobody is at 1. */
const NO_PORT = 1;

/** After an announce has been out for this long, the next tracker no longer waits for it. */
export const PATIENCE_MS = 10_000;

/**
 * The most announces of one torrent at a time, not counting those that are out for longer than
 * `PATIENCE_MS`: a long list must neither go out in one burst nor wait for dead trackers. In all there is
 * one for each tracker, at most 200.
 */
export const MAX_ANNOUNCES_UNDER_WAY = 32;

/** When `announceIfDue` will have something to do; `Infinity` while only answers are waited for. */
export function nextAnnounceMs(torrent: TorrentState, nowMs: number): number {
  const dueMs = torrent.schedule.nextDueMs;
  // Oldest first: with room for one more once this one has been out for long enough.
  const recent = recentAnnounces(torrent, nowMs);
  const leaver = recent[recent.length - MAX_ANNOUNCES_UNDER_WAY];
  return leaver === undefined ? dueMs : Math.max(dueMs, leaver.sinceMs + PATIENCE_MS);
}

function recentAnnounces(torrent: TorrentState, nowMs: number): readonly AnnounceUnderWay[] {
  return [...torrent.announcing].filter(({ sinceMs }) => nowMs - sinceMs < PATIENCE_MS);
}

/**
 * Makes the announces that are due. Called on ticks, and whenever an answer may have made another
 * one due.
 */
export function announceIfDue(engine: Engine, torrent: TorrentState): void {
  if (!transfers(torrent.life)) return;
  const nowMs = engine.nowMs();
  let room = MAX_ANNOUNCES_UNDER_WAY - recentAnnounces(torrent, nowMs).length;
  for (;;) {
    // `completed` is held back by nobody: the torrent may leave at once.
    const due = torrent.schedule.next(nowMs, room > 0 ? undefined : 'completed');
    if (due === undefined) return;
    startAnnounce(engine, torrent, due);
    room -= 1;
  }
}

function startAnnounce(engine: Engine, torrent: TorrentState, due: DueAnnounce): void {
  const { url, event } = due;
  const abort = new AbortController();
  const { signal } = abort;
  // Of now, not of when its turn comes: by then the torrent may be in another run.
  const { schedule, epoch, farewell } = torrent;
  const done = new Promise<void>((settle) => {
    const announce = async (): Promise<void> => {
      if (!signal.aborted) {
        // An outlet that throws at once (its module cannot be loaded) is a tracker that does not answer.
        const reply = async (): Promise<AnnounceReply> =>
          engine.announce(url, requestOf(engine, torrent, due), signal);
        const answer = await answerOf(reply());
        engine.happen({ type: 'announced', torrent, epoch, underWay, schedule, answer });
      }
      settle();
    };
    const pace = (): void => engine.paceAnnounce(announce, url);
    // A tracker that is told `stopped` of the last run after `started` of this one sends nobody to us.
    if (farewell) void farewell.then(pace);
    else pace();
  });
  const underWay: AnnounceUnderWay = { url, event, sinceMs: engine.nowMs(), abort, done };
  torrent.announcing.add(underWay);
}

export function onAnnounced(
  engine: Engine,
  { torrent, underWay, schedule, answer }: Extract<Happening, { readonly type: 'announced' }>,
): void {
  const { url, abort } = underWay;
  torrent.announcing.delete(underWay);
  if (!answer.error) {
    schedule.succeeded(url, answer.value, engine.nowMs());
    onReply(engine, torrent, url, answer.value);
  } else if (!abort.signal.aborted) {
    // What we gave up says nothing of the tracker.
    schedule.failed(url, answer.error, engine.nowMs());
    onFailure(engine, torrent, url, answer.error);
  }
  // Its tracker may be owed another event, and a failure makes the next tracker due.
  announceIfDue(engine, torrent);
  wake(engine, torrent);
}

/** The request to a tracker as of now. */
export function requestOf(
  engine: Engine,
  torrent: TorrentState,
  due: DueAnnounce,
): AnnounceRequest {
  const { metainfo } = torrent;
  return {
    infoHash: metainfo.infoHash,
    peerId: engine.state.peerId,
    port: engine.state.listenPort ?? NO_PORT,
    uploadedBytes: torrent.uploadedBytes - torrent.uploadedAtStart,
    downloadedBytes: receivedBytes(torrent) - torrent.downloadedAtStart,
    leftBytes: leftBytes(torrent),
    event: due.event,
    numWant: due.event === 'stopped' ? 0 : peersWanted(engine, torrent),
    key: torrent.announceKey,
    trackerId: due.trackerId,
  };
}

/** All bytes of the missing pieces: with their padding, as libtorrent says it, and 0 only for a seed. */
function leftBytes({ metainfo, geometry, possession }: TorrentState): number {
  if (possession.hasAll) return 0;
  const { pieceLengthBytes, pieceCount } = metainfo;
  const last = pieceCount - 1;
  const shortBytes = possession.have.get(last)
    ? 0
    : pieceLengthBytes - geometry.pieceLengthBytes(last);
  return possession.missingPieces * pieceLengthBytes - shortBytes;
}

/** As many as there are free connections without a fresh address to dial; fewer for a seed. */
function peersWanted(engine: Engine, torrent: TorrentState): number {
  if (!dialsNow(torrent)) return 0;
  const most = torrent.phase === 'seeding' ? MAX_SEED_NUM_WANT : MAX_NUM_WANT;
  const lacking = freeSlots(engine, torrent) - torrent.book.fresh;
  return Math.min(Math.max(lacking, 0), most);
}

function onReply(engine: Engine, torrent: TorrentState, url: string, reply: AnnounceReply): void {
  const nowMs = engine.nowMs();
  const news = reply.peers.filter(({ host, port }) => torrent.book.add(host, port, nowMs, url));
  torrent.trackersHadNews = news.length > 0;
  dialMore(engine, torrent);
  engine.turn.stats.add(torrent);
  engine.emit({
    type: 'tracker',
    torrent: torrent.id,
    url,
    ok: true,
    message: reply.warning,
    peers: reply.peers.length,
    seeds: reply.seeds,
    leechers: reply.leechers,
    nextAnnounceSec: nextAnnounceSec(engine, torrent, url),
  });
}

function onFailure(engine: Engine, torrent: TorrentState, url: string, error: ErrorRecord): void {
  engine.turn.stats.add(torrent);
  engine.emit({
    type: 'tracker',
    torrent: torrent.id,
    url,
    ok: false,
    message: error.message,
    peers: 0,
    seeds: undefined,
    leechers: undefined,
    nextAnnounceSec: nextAnnounceSec(engine, torrent, url),
  });
}

/** Of this tracker: others are asked at other times. */
function nextAnnounceSec(engine: Engine, torrent: TorrentState, url: string): number | undefined {
  const tracker = torrent.schedule.snapshot().find((each) => each.url === url);
  const dueMs = tracker?.nextAnnounceMs ?? Infinity;
  return Number.isFinite(dueMs)
    ? Math.max(0, Math.round((dueMs - engine.nowMs()) / 1000))
    : undefined;
}
