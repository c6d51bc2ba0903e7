// The beginning of a run, the first one or one after a pause: check what must be checked, create
// the empty files, then transfer.

import { beginCheck, checkOn } from './checking';
import type { Engine } from '../engine';
import { lookFor } from '../files/file-checks';
import type { Happening } from '../happenings';
import { beginFetch } from '../metadata/fetching';
import { joinSwarm } from '../swarm/joining';
import { enter, newCheck } from './life';
import { openLearnt } from './opening';
import type { Checking } from './life';
import { admitFiles, admitOn, needsAdmission } from '../files/output-files';
import { wake } from '../rest';
import { saveFirstRecord } from '../files/saving';
import { isKnown } from '../state';
import type { KnownTorrent, TorrentState } from '../state';
import { settleAll } from './stopping';
import { tickTorrent } from '../tick';
import { startTransfer } from './transferring';

type Of<Type extends Happening['type']> = Extract<Happening, { readonly type: Type }>;

/** A torrent was added. */
export function beginFirstRun(engine: Engine, { torrent, peers }: Of<'added'>): void {
  engine.state.torrents.set(torrent.id, torrent);
  for (const { host, port } of peers) torrent.book.add(host, port, engine.nowMs());
  wake(engine, torrent);
  if (isKnown(torrent)) engine.happen({ type: 'go-on', torrent });
  else findMetadata(engine, torrent);
}

/** Its content is not open: it joins its swarm, whose peers know what it consists of. */
function findMetadata(engine: Engine, torrent: TorrentState): void {
  settleAll(torrent.onStopped);
  joinSwarm(engine, torrent, { whole: false });
  if (torrent.learnt === undefined) beginFetch(engine, torrent);
  tickTorrent(engine, torrent);
  openLearnt(engine, torrent);
}

/** The user resumes a torrent after a pause or a failure. An interrupted check continues. */
export function resumeTorrent(engine: Engine, torrent: TorrentState): void {
  if (torrent.phase !== 'paused' && torrent.phase !== 'failed') return;
  if (isKnown(torrent)) {
    torrent.content.recheckedRuns = 0;
    enter(torrent, newCheck());
    return beginRun(engine, torrent);
  }
  enter(torrent, { phase: 'metadata' });
  torrent.epoch++;
  wake(engine, torrent);
  findMetadata(engine, torrent);
}

/**
 * Begins a run after the first one. Files may have been replaced since, so handles that are still
 * open are closed.
 */
export function beginRun(engine: Engine, torrent: KnownTorrent): void {
  torrent.epoch++;
  engine.verify.closeHandles();
  wake(engine, torrent);
  engine.turn.stats.add(torrent);
  engine.happen({ type: 'go-on', torrent });
}

/** The writes of the last run are settled: are the files as it left them? */
export function lookAtFiles(engine: Engine, torrent: KnownTorrent, life: Checking): void {
  torrent.content.possession.durability.mend();
  life.step = 'looking';
  // In the first run with its content, the record was loaded a moment ago.
  const isFirst = life.inSwarm || torrent.epoch === 0;
  if (!isFirst && torrent.content.watch) lookFor(engine, torrent, 'start');
  else check(engine, torrent);
}

/** The present state of the files is accepted. */
export function check(engine: Engine, torrent: KnownTorrent): void {
  const { life } = torrent;
  if (life.phase !== 'checking') return;
  life.step = 'hashing';
  engine.turn.stats.add(torrent);
  if (beginCheck(engine, torrent)) onCheckOver(engine, torrent);
}

export function onChecked(engine: Engine, checked: Of<'checked'>): void {
  if (checkOn(engine, checked)) onCheckOver(engine, checked.torrent);
}

/** Every piece to check was read. */
function onCheckOver(engine: Engine, torrent: KnownTorrent): void {
  const { life } = torrent;
  if (life.phase !== 'checking') return;
  life.step = 'admitting';
  if (!needsAdmission(torrent)) return transfer(engine, torrent);
  admitFiles(engine, torrent);
}

export function onAdmitted(engine: Engine, admitted: Of<'admitted'>): void {
  if (admitOn(engine, admitted)) transfer(engine, admitted.torrent);
}

/**
 * The check is over. If there was nothing to check, peers are dialled before the worker pool is
 * even up.
 */
function transfer(engine: Engine, torrent: KnownTorrent): void {
  startTransfer(engine, torrent);
  tickTorrent(engine, torrent);
  engine.turn.stats.add(torrent);
  saveFirstRecord(engine, torrent);
}
