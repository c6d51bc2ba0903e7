// Leaving the trackers: `completed` where it is still due, then `stopped`, with a short time limit.

import { fired } from '../../async/on-abort';
import { toHex } from '../../bytes/hex';
import { MillraceError, recordOf } from '../../errors/millrace-error';
import type { AnnounceRequest } from '../../tracker/announce';
import type { DueAnnounce } from '../../tracker/schedule';
import type { Engine } from '../engine';
import type { AnnounceUnderWay, TorrentState } from '../state';
import { PATIENCE_MS, requestOf } from './trackers';

/** Time limit for the last announces of a run. */
const STOP_DEADLINE_MS = 2_000;

/**
 * The torrent is complete and does not seed: announces `completed`, if it is due, and `stopped`.
 */
export function finishAnnouncing(engine: Engine, torrent: TorrentState): void {
  const { epoch } = torrent;
  // `completed` becomes due once `started` was answered.
  const answers = Promise.all([...torrent.announcing].map(({ done }) => done));
  void new Promise<void>((over) => {
    const cancel = engine.clock.after(PATIENCE_MS, over);
    void answers.then(() => {
      cancel();
      over();
    });
  }).then(() => engine.happen({ type: 'may-stop-announcing', torrent, epoch }));
}

/**
 * Ends the run's announces. `lastAnnounces` settles when the trackers have received `completed`, where
 * due, and `stopped`, or after 2 s.
 */
export function stopAnnouncing(engine: Engine, torrent: TorrentState): void {
  const underWay = [...torrent.announcing];
  torrent.announcing = new Set();
  const late = new AbortController();
  const { signal } = late;
  const deadline = fired(signal);
  const cancel = engine.clock.after(STOP_DEADLINE_MS, () => late.abort(timedOut()));
  for (const { event, abort } of underWay) {
    // `completed` is worth waiting for, within the same 2 s; other announces are aborted.
    if (event === 'completed') void deadline.then(() => abort.abort(signal.reason));
    else abort.abort(new MillraceError('closed', 'the torrent was stopped'));
  }
  // The last announces to each tracker go out one after the other. A `completed` may already be in
  // flight.
  const last = new Map<string, Promise<unknown>>();
  for (const due of torrent.schedule.stop()) {
    const before = last.get(due.url) ?? deliveryOf('completed', due.url, underWay);
    // Built now: when it is sent, the next run may have begun, and with it new figures.
    const request = requestOf(engine, torrent, due);
    const sent = Promise.race([before, deadline]).then(() =>
      Promise.race([announceWhenPaced(engine, due.url, request, signal), deadline]),
    );
    last.set(due.url, sent);
  }
  if (last.size === 0) return cancel();
  const lastAnnounces: Promise<void> = Promise.all([torrent.lastAnnounces, ...last.values()]).then(
    () => {
      cancel();
      engine.happen({ type: 'last-announces-over', torrent, lastAnnounces });
    },
  );
  torrent.lastAnnounces = lastAnnounces;
}

/**
 * Named like the error of `AbortSignal.timeout`: tracker clients recognise a time-out by that name.
 */
function timedOut(): DOMException {
  return new DOMException('the trackers did not answer in time', 'TimeoutError');
}

function deliveryOf(
  event: DueAnnounce['event'],
  url: string,
  underWay: readonly AnnounceUnderWay[],
): Promise<void> | undefined {
  return underWay.find((each) => each.url === url && each.event === event)?.done;
}

/**
 * Queues the announce: a thousand torrents that leave one tracker must not open two thousand
 * connections.
 */
function announceWhenPaced(
  engine: Engine,
  url: string,
  request: AnnounceRequest,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((settle) => {
    engine.paceAnnounce(async () => {
      if (!signal.aborted) await announceLast(engine, url, request, signal);
      settle();
    }, url);
  });
}

async function announceLast(
  engine: Engine,
  url: string,
  request: AnnounceRequest,
  signal: AbortSignal,
): Promise<void> {
  try {
    await engine.announce(url, request, signal);
  } catch (error) {
    engine.log('debug', 'a last announce to a tracker failed', {
      torrent: toHex(request.infoHash),
      event: request.event,
      error: recordOf(error).message,
    });
  }
}
