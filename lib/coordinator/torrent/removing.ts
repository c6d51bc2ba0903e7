// The end of a torrent: when its data is durable and its record saved, the record is deleted if
// requested, trackers receive the last announce, and everything is released.

import { MillraceError, recordOf } from '../../errors/millrace-error';
import type { ErrorRecord } from '../../errors/millrace-error';
import { ask } from '../engine';
import type { Engine } from '../engine';
import type { Happening } from '../happenings';
import type { Closed } from './life';
import { forgetUnopened } from './opening';
import { releaseOutput } from '../files/output-files';
import type { TorrentState } from '../state';
import { errorOf } from './life';
import { endRun, settleAll } from './stopping';

/**
 * Starts the removal: closes peers, syncs data, saves the record, releases the lock. Has no effect
 * if repeated.
 */
export function removeTorrent(engine: Engine, torrent: TorrentState, forget: boolean): void {
  if (torrent.life.phase === 'closed') return;
  const error = errorOf(torrent.life);
  endRun(engine, torrent, { phase: 'closed', step: 'settling', error, forget });
}

/** Resolves when a torrent that is being removed is gone; rejects if part of the removal failed. */
export function removed({ life, onRemoved }: TorrentState): Promise<void> {
  if (life.phase === 'closed' && life.step === 'gone') return Promise.resolve();
  return new Promise((resolve, reject) =>
    onRemoved.push((error) => (error === undefined ? resolve() : reject(error))),
  );
}

/** Its record is saved, or could not be. */
export function goOnRemoving(
  engine: Engine,
  torrent: TorrentState,
  life: Closed,
  isSaved: boolean,
): void {
  const { content } = torrent;
  if (!life.forget || (content && !content.record)) {
    // Files that no record lists are ours by the list of made files.
    if (isSaved) forgetMade(engine, torrent);
    return leave(engine, torrent, life);
  }
  life.step = 'forgetting';
  const forgotten = content?.record?.remove() ?? forgetUnopened(engine, torrent);
  ask(engine, forgotten, (answer) => ({
    type: 'record-removed',
    torrent,
    answer,
  }));
}

export function onRecordRemoved(
  engine: Engine,
  { torrent, answer }: Extract<Happening, { readonly type: 'record-removed' }>,
): void {
  const { life } = torrent;
  if (life.phase !== 'closed' || life.step !== 'forgetting') return;
  if (answer.error) return releaseAll(engine, torrent, life, answer.error);
  forgetMade(engine, torrent);
  leave(engine, torrent, life);
}

function forgetMade({ disk }: Engine, { content }: TorrentState): void {
  if (content?.storage.made !== undefined) disk.forgetMade(content.storage.made);
}

function leave(engine: Engine, torrent: TorrentState, life: Closed): void {
  life.step = 'leaving';
  releaseAfterAnnounces(engine, torrent);
}

/** Releases everything once its last announces are over. */
function releaseAfterAnnounces(engine: Engine, torrent: TorrentState): void {
  const { life } = torrent;
  if (life.phase !== 'closed' || life.step !== 'leaving') return;
  if (torrent.lastAnnounces === undefined) releaseAll(engine, torrent, life);
}

export function onLastAnnouncesOver(
  engine: Engine,
  { torrent, lastAnnounces }: Extract<Happening, { readonly type: 'last-announces-over' }>,
): void {
  if (torrent.lastAnnounces !== lastAnnounces) return; // Another run has ended since.
  torrent.lastAnnounces = undefined;
  releaseAfterAnnounces(engine, torrent);
}

function releaseAll(
  engine: Engine,
  torrent: TorrentState,
  life: Closed,
  failure?: ErrorRecord,
): void {
  life.step = 'releasing';
  engine.state.budget.unregister(torrent.id);
  engine.verify.closeHandles();
  releaseOutput(engine, torrent);
  // A custom back end may take its time, or throw.
  const released = Promise.resolve().then(() => torrent.content?.lock.release());
  ask(engine, released, ({ error }) => ({ type: 'released', torrent, failure: failure ?? error }));
}

export function onReleased(
  engine: Engine,
  { torrent, failure }: Extract<Happening, { readonly type: 'released' }>,
): void {
  const { life } = torrent;
  if (life.phase !== 'closed') return;
  life.step = 'gone';
  engine.state.torrents.delete(torrent.id);
  settleAll(torrent.onStopped);
  const error = failure && MillraceError.fromRecord(failure);
  for (const settle of torrent.onRemoved.splice(0)) settle(error);
}

/** A happening could not be handled: the removal must not wait for it for ever. */
export function abandonRemoval(engine: Engine, torrent: TorrentState, error: unknown): void {
  const { life } = torrent;
  if (life.phase !== 'closed' || life.step === 'releasing' || life.step === 'gone') return;
  // Only what is open can be released. The removal goes on when the opening is over.
  if (torrent.opening) return;
  releaseAll(engine, torrent, life, recordOf(error));
}
