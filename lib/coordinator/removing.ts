// The end of a torrent: once its data is durable and its record saved, the record is deleted if that is wanted,
// trackers have got their last announce, and everything is given back.

import { MillraceError, recordOf } from '../errors/millrace-error';
import type { ErrorRecord } from '../errors/millrace-error';
import { ask } from './engine';
import type { Engine } from './engine';
import type { Happening } from './happenings';
import type { Closed } from './life';
import { releaseOutput } from './output-files';
import type { TorrentState } from './state';
import { errorOf } from './life';
import { endRun, settleAll } from './stopping';

/** Takes a torrent out: peers closed, data synced, record saved, lock released. Done once. */
export function removeTorrent(engine: Engine, torrent: TorrentState, forget: boolean): void {
  if (torrent.life.phase === 'closed') return;
  const error = errorOf(torrent.life);
  endRun(engine, torrent, { phase: 'closed', step: 'settling', error, forget });
}

/** Resolves when a torrent that is being removed is gone; rejects where something of it stayed behind. */
export function removed({ life, onRemoved }: TorrentState): Promise<void> {
  if (life.phase === 'closed' && life.step === 'gone') return Promise.resolve();
  return new Promise((resolve, reject) =>
    onRemoved.push((error) => (error === undefined ? resolve() : reject(error))),
  );
}

/** Its record was saved. */
export function goOnRemoving(engine: Engine, torrent: TorrentState, life: Closed): void {
  const { record } = torrent;
  if (!life.forget || !record) return leave(engine, torrent, life);
  life.step = 'forgetting';
  ask(engine, record.remove(), (answer) => ({
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
  if (life.phase !== 'closed') return;
  if (answer.error) giveAllBack(engine, torrent, life, answer.error);
  else leave(engine, torrent, life);
}

function leave(engine: Engine, torrent: TorrentState, life: Closed): void {
  if (torrent.storage.made !== undefined) engine.disk.forgetMade(torrent.storage.made);
  life.step = 'leaving';
  leaveIfTold(engine, torrent);
}

/** Once no tracker waits for an announce any more. */
function leaveIfTold(engine: Engine, torrent: TorrentState): void {
  const { life } = torrent;
  if (life.phase !== 'closed' || life.step !== 'leaving') return;
  if (torrent.farewell === undefined) giveAllBack(engine, torrent, life);
}

export function onFarewellOver(
  engine: Engine,
  { torrent, farewell }: Extract<Happening, { readonly type: 'farewell-over' }>,
): void {
  if (torrent.farewell !== farewell) return; // another run has ended since
  torrent.farewell = undefined;
  leaveIfTold(engine, torrent);
}

function giveAllBack(
  engine: Engine,
  torrent: TorrentState,
  life: Closed,
  failure?: ErrorRecord,
): void {
  life.step = 'releasing';
  engine.state.budget.unregister(torrent.id);
  engine.verify.closeHandles();
  releaseOutput(engine, torrent);
  // A back end of the user's may take its time, or fail.
  const released = Promise.resolve().then(() => torrent.lock.release());
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
  for (const tell of torrent.onRemoved.splice(0)) tell(error);
}

/** Something could not be handled: a removal does not wait for it for ever. */
export function abandonRemoval(engine: Engine, torrent: TorrentState, error: unknown): void {
  const { life } = torrent;
  if (life.phase !== 'closed' || life.step === 'releasing' || life.step === 'gone') return;
  giveAllBack(engine, torrent, life, recordOf(error));
}
