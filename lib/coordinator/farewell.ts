// Leaving the trackers: `completed` where it is still owed, then `stopped`, and never a long wait.

import { MillraceError, recordOf } from '../errors/millrace-error';
import type { DueAnnounce } from '../tracker/schedule';
import type { Engine } from './engine';
import type { TorrentState } from './state';
import { PATIENCE_MS, announceIfDue, requestOf } from './trackers';
import type { AnnounceUnderWay } from './trackers';

/** What the user waits for at the most when trackers do not answer. */
const STOP_DEADLINE_MS = 2_000;

/** Complete and not to be seeded: trackers hear `completed`, if it is due, and `stopped`. */
export async function leaveTrackers(engine: Engine, torrent: TorrentState): Promise<void> {
  const { run } = torrent;
  // `completed` is due once `started` was answered.
  const answers = [...torrent.announcing].map(({ done }) => done);
  await Promise.race([Promise.all(answers), fired(AbortSignal.timeout(PATIENCE_MS))]);
  if (torrent.run !== run) return;
  announceIfDue(engine, torrent, 'completed');
  stopAnnouncing(engine, torrent);
}

/** Ends the run's announces; `farewell` settles when the trackers heard `stopped`, or after 2 s. */
export function stopAnnouncing(engine: Engine, torrent: TorrentState): void {
  const underWay = [...torrent.announcing];
  torrent.announcing = new Set();
  const signal = AbortSignal.timeout(STOP_DEADLINE_MS);
  const deadline = fired(signal);
  for (const { event, abort } of underWay) {
    // `completed` is worth waiting for, within the same 2 s; anything else is not.
    if (event === 'completed') void deadline.then(() => abort.abort(signal.reason));
    else abort.abort(new MillraceError('closed', 'the torrent was stopped'));
  }
  const goodbyes = torrent.schedule.stop().map(async (due) => {
    // It may still be in the queue behind slow trackers.
    await Promise.race([deliveryOf('completed', due.url, underWay), deadline]);
    if (!signal.aborted) await Promise.race([sayStopped(engine, torrent, due, signal), deadline]);
  });
  torrent.farewell = Promise.all([torrent.farewell, ...goodbyes]).then(() => undefined);
}

function deliveryOf(
  event: DueAnnounce['event'],
  url: string,
  underWay: readonly AnnounceUnderWay[],
): Promise<void> | undefined {
  return underWay.find((each) => each.url === url && each.event === event)?.done;
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
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
