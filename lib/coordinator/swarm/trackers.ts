// Announcing: the schedule decides when and where; this file makes the announces in parallel and
// handles the replies.

import type { ErrorRecord } from '../../errors/millrace-error';
import type { AnnounceReply, AnnounceRequest } from '../../tracker/announce';
import { UNKNOWN_LEFT_BYTES } from '../../tracker/limits';
import type { DueAnnounce } from '../../tracker/schedule';
import { noteExternalAddress } from './preference';
import { mayUsePeersOf } from './private-torrent';
import { dialMore, dialsNow, freeSlots } from './dialing';
import { answerOf } from '../engine';
import type { Engine } from '../engine';
import type { Happening } from '../happenings';
import { isInSwarm } from '../torrent/life';
import { wake } from '../rest';
import { receivedBytes } from '../state';
import type { AnnounceUnderWay, TorrentState } from '../state';

/** Most peers requested in an announce: what large clients request, and most trackers return. */
const MAX_NUM_WANT = 200;

/**
 * Most peers that a seed requests, the usual default of trackers: it serves few at a time, leechers
 * also dial it, and many trackers also return other seeds.
 */
const MAX_SEED_NUM_WANT = 50;

/**
 * Port announced by an engine that accepts no connections: many trackers refuse 0, and no peer
 * listens on 1.
 */
const NO_PORT = 1;

/** After an announce has been in flight for this long, the next tracker no longer waits for it. */
export const PATIENCE_MS = 10_000;

/**
 * Most announces of one torrent at a time, without those in flight for longer than `PATIENCE_MS`: a
 * long list must neither go out in one burst nor wait for dead trackers. In total there is one per
 * tracker, at most 200.
 */
export const MAX_ANNOUNCES_UNDER_WAY = 32;

/** When `announceIfDue` will have something to do; `Infinity` while it only waits for replies. */
export function nextAnnounceMs(torrent: TorrentState, nowMs: number): number {
  const dueMs = torrent.schedule.nextDueMs;
  // Sorted oldest first: there is room for one more once this announce is older than `PATIENCE_MS`.
  const recent = recentAnnounces(torrent, nowMs);
  const leaver = recent[recent.length - MAX_ANNOUNCES_UNDER_WAY];
  return leaver === undefined ? dueMs : Math.max(dueMs, leaver.sinceMs + PATIENCE_MS);
}

function recentAnnounces(torrent: TorrentState, nowMs: number): readonly AnnounceUnderWay[] {
  return [...torrent.announcing].filter(({ sinceMs }) => nowMs - sinceMs < PATIENCE_MS);
}

/**
 * Makes the announces that are due. Called on ticks, and after each reply, which may make another
 * one due.
 */
export function announceIfDue(engine: Engine, torrent: TorrentState): void {
  if (!isInSwarm(torrent.life)) return;
  const nowMs = engine.nowMs();
  let room = MAX_ANNOUNCES_UNDER_WAY - recentAnnounces(torrent, nowMs).length;
  for (;;) {
    // `completed` is always sent at once: the torrent may leave its trackers right after.
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
  // Captured now, because the torrent may be in another run when the announce gets its slot.
  const { schedule, epoch, lastAnnounces } = torrent;
  const done = new Promise<void>((settle) => {
    const announce = async (): Promise<void> => {
      if (!signal.aborted) {
        // An outlet that throws at once (its module cannot be loaded) counts as a tracker that
        // fails.
        const reply = async (): Promise<AnnounceReply> =>
          engine.announce(url, requestOf(engine, torrent, due), signal);
        const answer = await answerOf(reply());
        engine.happen({ type: 'announced', torrent, epoch, underWay, schedule, answer });
      }
      settle();
    };
    const pace = (): void => engine.paceAnnounce(announce, url);
    // If a tracker got `stopped` of the last run after `started` of this one, it would drop us.
    if (lastAnnounces) void lastAnnounces.then(pace);
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
    // An announce that we aborted tells nothing about the tracker.
    schedule.failed(url, answer.error, engine.nowMs());
    onFailure(engine, torrent, url, answer.error);
  }
  // Another event may be due for this tracker, and a failure makes the next tracker due.
  announceIfDue(engine, torrent);
  wake(engine, torrent);
}

/** Builds the request to a tracker from the present figures. */
export function requestOf(
  engine: Engine,
  torrent: TorrentState,
  due: DueAnnounce,
): AnnounceRequest {
  const { announceAddress, announcePort } = engine.state.settings;
  return {
    infoHash: torrent.infoHashBytes,
    peerId: engine.state.peerId,
    port: announcePort ?? engine.state.listenPort ?? NO_PORT,
    ip: announceAddress,
    uploadedBytes: torrent.uploadedBytes - torrent.uploadedAtStart,
    downloadedBytes: receivedBytes(torrent) - torrent.downloadedAtStart,
    leftBytes: leftBytes(torrent),
    event: due.event,
    partialSeed: isPartialSeed(torrent),
    numWant: peersWanted(engine, torrent),
    key: torrent.announceKey,
    trackerId: due.trackerId,
  };
}

/**
 * All bytes of the missing pieces, with their padding, as libtorrent reports it. 0 only for a seed.
 */
function leftBytes({ content }: TorrentState): number {
  if (content === undefined) return UNKNOWN_LEFT_BYTES;
  const { layout, possession } = content;
  if (possession.hasAll) return 0; // A torrent of 0 bytes has no last piece.
  const { pieceLengthBytes, pieceCount } = layout;
  const last = pieceCount - 1;
  const shortBytes = possession.have.get(last)
    ? 0
    : pieceLengthBytes - layout.geometry.pieceLengthBytes(last);
  return possession.missingPieces * pieceLengthBytes - shortBytes;
}

/** It is incomplete, and wants nothing more (BEP 21). */
function isPartialSeed({ content }: TorrentState): boolean {
  if (content === undefined) return false;
  return content.possession.hasAllWanted && !content.possession.hasAll;
}

/** The number of free connections that no fresh address will fill; fewer for a seed, 0 after a run. */
function peersWanted(engine: Engine, torrent: TorrentState): number {
  if (!dialsNow(torrent)) return 0;
  const most = torrent.phase === 'seeding' ? MAX_SEED_NUM_WANT : MAX_NUM_WANT;
  const lacking = freeSlots(engine, torrent) - torrent.book.fresh;
  return Math.min(Math.max(lacking, 0), most);
}

function onReply(engine: Engine, torrent: TorrentState, url: string, reply: AnnounceReply): void {
  const nowMs = engine.nowMs();
  if (reply.externalIp !== undefined) noteExternalAddress(engine, reply.externalIp, url);
  const peers = mayUsePeersOf(engine, torrent, url) ? reply.peers : [];
  const news = peers.filter(({ host, port }) => torrent.book.add(host, port, nowMs, url));
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

/** When this tracker, and not another one, is announced to next. */
function nextAnnounceSec(engine: Engine, torrent: TorrentState, url: string): number | undefined {
  const tracker = torrent.schedule.snapshot().find((each) => each.url === url);
  const dueMs = tracker?.nextAnnounceMs ?? Infinity;
  return Number.isFinite(dueMs)
    ? Math.max(0, Math.round((dueMs - engine.nowMs()) / 1000))
    : undefined;
}
