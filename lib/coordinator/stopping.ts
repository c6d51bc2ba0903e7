// How a run ends: peers closed, memory given back, trackers left, and what was verified made durable; and how
// whatever waits for the disk goes on once it has answered.

import type { CloseReason } from '../messages/close-reasons';
import { closeAccount } from './accounting';
import type { Engine } from './engine';
import { giveUpDials } from './dialing';
import { stopAnnouncing } from './farewell';
import { lookBeforeCompletion } from './completing';
import type { Happening } from './happenings';
import { enter } from './life';
import type { Checking, Closed, Stopped } from './life';
import { closePeer } from './peer-orders';
import { verifyAllFilled } from './on-piece';
import { evictAll } from './eviction';
import { goOnRemoving } from './removing';
import { wake } from './rest';
import { noteFailedSave, saveLastRecord, isSynced } from './saving';
import { beginRun, lookAtFiles } from './starting';
import type { TorrentState } from './state';

/** Ends the run: stops all traffic at once, and makes durable what was verified. */
export function endRun(
  engine: Engine,
  torrent: TorrentState,
  next: Checking | Stopped | Closed,
): void {
  enter(torrent, next);
  torrent.epoch++;
  wake(engine, torrent);
  closeAccount(engine, torrent);
  engine.state.budget.setActive(torrent.id, false);
  closePeers(engine, torrent, next.phase === 'failed' ? 'torrent-failed' : 'torrent-closed');
  if (next.phase !== 'failed') verifyAllFilled(engine, torrent);
  evictAll(engine, torrent);
  giveUpDials(torrent);
  stopAnnouncing(engine, torrent);
  if (torrent.watch) torrent.watch.looking = false;
  engine.turn.stats.add(torrent);
  goOn(engine, torrent);
}

/** Closes every connection of the torrent, on all threads, and their files. */
export function closePeers(engine: Engine, torrent: TorrentState, reason: CloseReason): void {
  for (const peer of [...torrent.peers]) closePeer(engine, peer, reason);
  for (const thread of torrent.openOn)
    engine.order(thread, { type: 'close-torrent', torrent: torrent.id, reason });
  torrent.openOn.clear();
}

/** A disk or a worker has answered: what waited for it goes on. */
export function goOn(engine: Engine, torrent: TorrentState): void {
  const { life } = torrent;
  if (life.phase === 'downloading' || life.step !== 'settling') return;
  // Pieces that are being written belong into the record: after it, they would make it doubtful.
  if (torrent.jobsOut > 0 || torrent.makingEmptyFiles) return;
  if (!isSynced(engine, torrent)) return;
  switch (life.phase) {
    case 'checking':
      return goOnChecking(engine, torrent, life);
    case 'seeding':
    case 'complete':
      // What a failed sync lost is told by its error.
      if (torrent.possession.hasAllWanted) lookBeforeCompletion(engine, torrent, life);
      return;
    case 'paused':
    case 'failed':
    case 'closed':
      life.step = 'saving';
      return saveLastRecord(engine, torrent);
  }
}

function goOnChecking(engine: Engine, torrent: TorrentState, life: Checking): void {
  if (life.recordFirst) {
    life.step = 'saving';
    return saveLastRecord(engine, torrent);
  }
  // The record of the last run says that nothing follows it.
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
  if (life.phase === 'checking' && life.step === 'settling') return goOn(engine, torrent);
  if (life.phase === 'downloading' || life.step !== 'saving') return;
  switch (life.phase) {
    case 'checking':
      life.step = 'settling';
      life.recordFirst = false;
      return beginRun(engine, torrent);
    case 'paused':
    case 'failed':
      life.step = 'rest';
      engine.turn.stats.add(torrent);
      return settleAll(torrent.onStopped);
    case 'closed':
      settleAll(torrent.onStopped);
      return goOnRemoving(engine, torrent, life);
    case 'seeding':
    case 'complete':
      return; // It saves a record of another kind.
  }
}

/** Resolves when a stop has taken effect, or its torrent goes on. */
export function stopped(torrent: TorrentState): Promise<void> {
  const { life } = torrent;
  if (life.phase !== 'closed' && !(life.phase === 'paused' && life.step !== 'rest'))
    return Promise.resolve();
  if (life.phase === 'closed' && life.step === 'gone') return Promise.resolve();
  return new Promise((resolve) => torrent.onStopped.push(resolve));
}

/** Tells everybody who waits. */
export function settleAll(waiting: (() => void)[]): void {
  for (const tell of waiting.splice(0)) tell();
}
