// The steps within a phase: what a torrent does next once a disk or a worker has answered. The
// files that do the work post `go-on` and never import this one, so that the order is decided here
// alone.

import { lookBeforeCompletion, saveCompletion } from './completing';
import type { Engine } from '../engine';
import { judgeLook } from '../files/file-checks';
import type { Happening } from '../happenings';
import type { Checking, Whole } from './life';
import { goOnRemoving } from './removing';
import { isSynced, noteFailedSave, saveLastRecord } from '../files/saving';
import { beginRun, check, lookAtFiles } from './starting';
import { isKnown } from '../state';
import type { KnownTorrent, TorrentState } from '../state';
import { settleAll } from './stopping';

/**
 * Takes the next step unless something it depends on is still in flight. May be called at any time.
 */
export function goOn(engine: Engine, torrent: TorrentState): void {
  const { life } = torrent;
  if (life.phase === 'metadata' || life.phase === 'downloading') return;
  if (life.step !== 'settling' || !isSettled(engine, torrent)) return;
  switch (life.phase) {
    case 'checking':
    case 'seeding':
    case 'complete':
      if (isKnown(torrent)) goOnWithContent(engine, torrent, life);
      return;
    case 'paused':
    case 'failed':
    case 'closed':
      life.step = 'saving';
      return saveLastRecord(engine, torrent);
  }
}

/** Nothing is in flight that must be in the record: written after it, it would put it in doubt. */
function isSettled(engine: Engine, torrent: TorrentState): boolean {
  if (!isKnown(torrent)) return !torrent.opening;
  const { jobsOut, makingEmptyFiles, admitting } = torrent.content;
  return jobsOut === 0 && !makingEmptyFiles && !admitting && isSynced(engine, torrent);
}

function goOnWithContent(engine: Engine, torrent: KnownTorrent, life: Checking | Whole): void {
  if (life.phase === 'checking') return goOnChecking(engine, torrent, life);
  // If a failed sync lost pieces, its error stops the torrent.
  if (torrent.content.possession.hasAllWanted) lookBeforeCompletion(engine, torrent, life);
}

function goOnChecking(engine: Engine, torrent: KnownTorrent, life: Checking): void {
  if (life.recordFirst) {
    life.step = 'saving';
    return saveLastRecord(engine, torrent);
  }
  // The record of the last run must be saved before anything new is written.
  if (torrent.lastRecordsOut > 0) return;
  settleAll(torrent.onStopped);
  lookAtFiles(engine, torrent, life);
}

export function onLastRecordSaved(
  engine: Engine,
  { torrent, answer }: Extract<Happening, { readonly type: 'last-record-saved' }>,
): void {
  noteFailedSave(engine, torrent, answer);
  torrent.lastRecordsOut--;
  const { life } = torrent;
  if (torrent.lastRecordsOut > 0) return;
  if (life.phase === 'metadata' || life.phase === 'downloading') return;
  if (life.phase === 'checking' && life.step === 'settling') return goOn(engine, torrent);
  if (life.step !== 'saving') return;
  switch (life.phase) {
    case 'checking':
      life.step = 'settling';
      life.recordFirst = false;
      if (isKnown(torrent)) beginRun(engine, torrent);
      return;
    case 'paused':
    case 'failed':
      life.step = 'rest';
      engine.turn.stats.add(torrent);
      return settleAll(torrent.onStopped);
    case 'closed':
      settleAll(torrent.onStopped);
      return goOnRemoving(engine, torrent, life, answer.error === undefined);
    case 'seeding':
    case 'complete':
      return; // Its record is saved as `record-saved`.
  }
}

export function onLooked(
  engine: Engine,
  looked: Extract<Happening, { readonly type: 'looked' }>,
): void {
  const { torrent, occasion } = looked;
  if (!judgeLook(engine, looked)) return;
  if (occasion === 'start') check(engine, torrent);
  else saveCompletion(engine, torrent);
}
