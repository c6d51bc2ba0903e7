// Leaving the trackers: `completed` where it is still owed, then `stopped`, and never a long wait.

import { fired } from '../async/on-abort';
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { DueAnnounce } from '../tracker/schedule';
import type { Engine } from './engine';
import type { AnnounceUnderWay, TorrentState } from './state';
import { PATIENCE_MS, requestOf } from './trackers';

/** The longest that a stop waits for trackers that do not answer. */
const STOP_DEADLINE_MS = 2_000;

/** Complete and not to be seeded: announces `completed`, if it is owed, and `stopped`. */
export function leaveTrackers(engine: Engine, torrent: TorrentState): void {
  const { epoch } = torrent;
  // `completed` is owed once `started` was answered.
  const answers = Promise.all([...torrent.announcing].map(({ done }) => done));
  void new Promise<void>((over) => {
    const cancel = engine.clock.after(PATIENCE_MS, over);
    void answers.then(() => {
      cancel();
      over();
    });
  }).then(() => engine.happen({ type: 'may-leave', torrent, epoch }));
}

/**
 * Ends the run's announces; `farewell` settles when the trackers have got what they are owed and
 * `stopped`, or after 2 s.
 */
export function stopAnnouncing(engine: Engine, torrent: TorrentState): void {
  const underWay = [...torrent.announcing];
  torrent.announcing = new Set();
  const late = new AbortController();
  const { signal } = late;
  const deadline = fired(signal);
  const cancel = engine.clock.after(STOP_DEADLINE_MS, () => late.abort(timedOut()));
  for (const { event, abort } of underWay) {
    // `completed` is worth waiting for, within the same 2 s; anything else is not.
    if (event === 'completed') void deadline.then(() => abort.abort(signal.reason));
    else abort.abort(new MillraceError('closed', 'the torrent was stopped'));
  }
  // The last announces to each tracker, one after the other; some `completed` may be on their way already.
  const goodbyes = new Map<string, Promise<unknown>>();
  for (const due of torrent.schedule.stop()) {
    const before = goodbyes.get(due.url) ?? deliveryOf('completed', due.url, underWay);
    const said = Promise.race([before, deadline]).then(() => {
      if (signal.aborted) return undefined;
      return Promise.race([goodbyeInTurn(engine, torrent, due, signal), deadline]);
    });
    goodbyes.set(due.url, said);
  }
  if (goodbyes.size === 0) return cancel();
  const farewell: Promise<void> = Promise.all([torrent.farewell, ...goodbyes.values()]).then(() => {
    cancel();
    engine.happen({ type: 'farewell-over', torrent, farewell });
  });
  torrent.farewell = farewell;
}

/** As of `AbortSignal.timeout`: by the name, trackers' clients know a time-out. */
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

/** A thousand torrents leave one tracker at once: not on two thousand connections. */
function goodbyeInTurn(
  engine: Engine,
  torrent: TorrentState,
  due: DueAnnounce,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((settle) => {
    engine.paceAnnounce(async () => {
      if (!signal.aborted) await sayGoodbye(engine, torrent, due, signal);
      settle();
    }, due.url);
  });
}

async function sayGoodbye(
  engine: Engine,
  torrent: TorrentState,
  due: DueAnnounce,
  signal: AbortSignal,
): Promise<void> {
  try {
    await engine.announce(due.url, requestOf(engine, torrent, due), signal);
  } catch (error) {
    engine.log('debug', 'a tracker did not hear that we leave', {
      event: due.event,
      error: recordOf(error).message,
    });
  }
}
