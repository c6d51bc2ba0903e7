// From the last verified piece to `complete`: everything is synced, the files are as we left them,
// and a record of them is saved.

import { closeAccount } from '../account/accounting';
import type { Engine } from '../engine';
import { finishAnnouncing } from '../swarm/last-announces';
import { lookFor, needsLook } from '../files/file-checks';
import type { Happening } from '../happenings';
import type { Whole } from './life';
import { noteFailedSave, saveRecord } from '../files/saving';
import type { KnownTorrent } from '../state';
import { closePeers } from './stopping';

/** Everything that was written is synced. */
export function lookBeforeCompletion(engine: Engine, torrent: KnownTorrent, life: Whole): void {
  life.step = 'looking';
  if (needsLook(torrent)) lookFor(engine, torrent, 'completion');
  else saveCompletion(engine, torrent);
}

/** The files are as we left them. */
export function saveCompletion(engine: Engine, torrent: KnownTorrent): void {
  const { life } = torrent;
  if (life.phase !== 'seeding' && life.phase !== 'complete') return;
  life.step = 'saving';
  saveRecord(engine, torrent, 'completion');
}

export function onRecordSaved(
  engine: Engine,
  { torrent, occasion, answer }: Extract<Happening, { readonly type: 'record-saved' }>,
): void {
  noteFailedSave(engine, torrent, answer);
  if (occasion === 'completion') emitComplete(engine, torrent);
}

/** The record is saved: emits `complete`. */
function emitComplete(engine: Engine, torrent: KnownTorrent): void {
  const { life } = torrent;
  if (life.phase !== 'seeding' && life.phase !== 'complete') return;
  life.step = 'reported';
  if (!torrent.options.seed) closePeers(engine, torrent, 'torrent-closed');
  closeAccount(engine, torrent);
  engine.turn.stats.add(torrent);
  // Once only: not again when a complete torrent was paused and resumed.
  if (!torrent.completeSent) engine.emit({ type: 'complete', torrent: torrent.id });
  torrent.completeSent = true;
  torrent.content.recheckedRuns = 0;
  if (!torrent.options.seed) finishAnnouncing(engine, torrent);
}
