// Announcing: the schedule says when and where, this makes the announces and hands the answers on.

import { MillraceError, recordOf } from '../errors/millrace-error';
import type { ErrorRecord } from '../errors/millrace-error';
import type { AnnounceReply, AnnounceRequest } from '../tracker/announce';
import type { DueAnnounce } from '../tracker/schedule';
import { dialMore } from './dialing';
import type { Engine } from './engine';
import type { TorrentState } from './state';

/** The default of every large client; trackers give fewer if they like. */
const NUM_WANT = 100;

/** What the user waits for at the most when a tracker does not answer to `stopped`. */
const STOP_DEADLINE_MS = 2_000;

/** Makes the announce that is due, if one is. Called on every tick. */
export function announceIfDue(engine: Engine, torrent: TorrentState): void {
  if (torrent.phase !== 'downloading' && torrent.phase !== 'seeding') return;
  if (torrent.completeSent && !torrent.seed) return;
  const due = torrent.schedule.next(engine.nowMs());
  if (!due) return;
  const { schedule, run } = torrent;
  const abort = new AbortController();
  torrent.announcing = abort;
  engine.paceAnnounce(async () => {
    try {
      const reply = await engine.announce(due.url, requestOf(engine, torrent, due), abort.signal);
      if (torrent.run !== run) return;
      schedule.succeeded(due.url, reply, engine.nowMs());
      onReply(engine, torrent, due.url, reply);
    } catch (error) {
      if (torrent.run !== run) return;
      schedule.failed(due.url, recordOf(error), engine.nowMs());
      onFailure(engine, torrent, due.url, recordOf(error));
    }
    engine.endTurn();
  });
}

function requestOf(engine: Engine, torrent: TorrentState, due: DueAnnounce): AnnounceRequest {
  const { metainfo } = torrent;
  return {
    infoHash: metainfo.infoHash,
    peerId: engine.state.peerId,
    port: engine.state.listenPort ?? 0,
    uploadedBytes: torrent.uploadedBytes - torrent.uploadedAtStart,
    downloadedBytes: torrent.downloadedBytes - torrent.downloadedAtStart,
    leftBytes: metainfo.totalLengthBytes - torrent.doneBytes,
    event: due.event,
    numWant: due.event === 'stopped' || torrent.phase === 'seeding' ? 0 : NUM_WANT,
    key: torrent.announceKey,
    trackerId: due.trackerId,
  };
}

function onReply(engine: Engine, torrent: TorrentState, url: string, reply: AnnounceReply): void {
  for (const { host, port } of reply.peers) torrent.book.add(host, port, engine.nowMs());
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
    nextAnnounceSec: nextAnnounceSec(engine, torrent),
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
    nextAnnounceSec: nextAnnounceSec(engine, torrent),
  });
}

function nextAnnounceSec(engine: Engine, torrent: TorrentState): number | undefined {
  const dueMs = torrent.schedule.nextDueMs;
  return Number.isFinite(dueMs)
    ? Math.max(0, Math.round((dueMs - engine.nowMs()) / 1000))
    : undefined;
}

/** Ends the run's announces; the promise settles when the trackers heard `stopped`, or after 2 s. */
export function stopAnnouncing(engine: Engine, torrent: TorrentState): void {
  torrent.announcing?.abort(new MillraceError('closed', 'the torrent was stopped'));
  torrent.announcing = undefined;
  const signal = AbortSignal.timeout(STOP_DEADLINE_MS);
  const farewells = torrent.schedule.stop().map((due) =>
    engine.announce(due.url, requestOf(engine, torrent, due), signal).catch((error: unknown) => {
      engine.log('debug', 'a tracker did not hear that we stopped', {
        url: due.url,
        error: recordOf(error).message,
      });
    }),
  );
  if (farewells.length > 0)
    torrent.farewell = Promise.all([torrent.farewell, ...farewells]).then(() => undefined);
}
