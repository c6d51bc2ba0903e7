// Announcing: the schedule says when and where, this makes the announces and hands the answers on.

import { MillraceError, recordOf } from '../errors/millrace-error';
import type { ErrorRecord } from '../errors/millrace-error';
import type { AnnounceReply, AnnounceRequest } from '../tracker/announce';
import type { AnnounceSchedule, DueAnnounce } from '../tracker/schedule';
import { dialMore } from './dialing';
import type { Engine } from './engine';
import type { TorrentState } from './state';

/** The default of every large client; trackers give fewer if they like. */
const NUM_WANT = 100;

/** What the user waits for at the most when a tracker does not answer to `stopped`. */
const STOP_DEADLINE_MS = 2_000;

/** An announce that is out. */
export interface AnnounceUnderWay {
  readonly event: DueAnnounce['event'];
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** Makes the announce that is due, if one is. Called on every tick. */
export function announceIfDue(engine: Engine, torrent: TorrentState): void {
  if (torrent.phase !== 'downloading' && torrent.phase !== 'seeding') return;
  const due = torrent.schedule.next(engine.nowMs());
  if (!due) return;
  const abort = new AbortController();
  // Of now, not of when its turn comes: by then the torrent may be in another run.
  const { schedule, run } = torrent;
  const order: AnnounceOrder = { due, schedule, run, signal: abort.signal };
  const done = new Promise<void>((settle) => {
    engine.paceAnnounce(() => announce(engine, torrent, order).finally(settle));
  });
  torrent.announcing = { event: due.event, abort, done };
}

/** An announce that waits for its turn, and the run that it belongs to. */
interface AnnounceOrder {
  readonly due: DueAnnounce;
  readonly schedule: AnnounceSchedule;
  readonly run: number;
  readonly signal: AbortSignal;
}

async function announce(
  engine: Engine,
  torrent: TorrentState,
  { due, schedule, run, signal }: AnnounceOrder,
): Promise<void> {
  if (signal.aborted) return; // Its run was over before its turn came.
  try {
    const reply = await engine.announce(due.url, requestOf(engine, torrent, due), signal);
    if (torrent.run !== run) return;
    schedule.succeeded(due.url, reply, engine.nowMs());
    onReply(engine, torrent, due.url, reply);
  } catch (error) {
    if (torrent.run !== run) return;
    schedule.failed(due.url, recordOf(error), engine.nowMs());
    onFailure(engine, torrent, due.url, recordOf(error));
  }
  engine.endTurn();
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

/** Ends the run's announces; `farewell` settles when the trackers heard `stopped`, or after 2 s. */
export function stopAnnouncing(engine: Engine, torrent: TorrentState): void {
  const { announcing, schedule } = torrent;
  torrent.announcing = undefined;
  const signal = AbortSignal.timeout(STOP_DEADLINE_MS);
  // `completed` is worth waiting for, within the same 2 s; anything else is not.
  if (announcing?.event !== 'completed') {
    announcing?.abort.abort(new MillraceError('closed', 'the torrent was stopped'));
  }
  const deadline = new Promise<void>((passed) => {
    const onAbort = (): void => {
      announcing?.abort.abort(signal.reason);
      passed();
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  const dues = schedule.stop();
  const goodbye = async (): Promise<void> => {
    // It may still be in the queue behind slow trackers.
    if (announcing?.event === 'completed') await Promise.race([announcing.done, deadline]);
    await Promise.all(dues.map((due) => sayStopped(engine, torrent, due, signal)));
  };
  torrent.farewell = Promise.all([torrent.farewell, goodbye()]).then(() => undefined);
}

async function sayStopped(
  engine: Engine,
  torrent: TorrentState,
  due: DueAnnounce,
  signal: AbortSignal,
): Promise<void> {
  try {
    await engine.announce(due.url, requestOf(engine, torrent, due), signal);
  } catch (error) {
    engine.log('debug', 'a tracker did not hear that we stopped', {
      error: recordOf(error).message,
    });
  }
}
