// Making verified data durable: file syncs, one at a time per torrent, and the resume record that
// may name only what a finished sync covers.

import { recordOf } from '../errors/millrace-error';
import { recordedFiles } from './output-files';
import type { RecordOutlet } from './disk';
import { ask } from './engine';
import type { Engine } from './engine';
import type { Answer, Happening, SyncOutcome } from './happenings';
import { transfers } from './life';
import { onChanges } from './lost-data';
import { wake } from './rest';
import type { TorrentState } from './state';
import type { SyncedFile } from '../messages/verify';
import { failTorrent } from './stopping';

type Of<Type extends Happening['type']> = Extract<Happening, { readonly type: Type }>;

/** Starts a sync if the rule of 2 s or 256 MiB says so. Called on every tick. */
export function syncIfDue(engine: Engine, torrent: TorrentState): void {
  if (torrent.possession.durability.isDue(engine.nowMs())) startSync(engine, torrent);
}

/**
 * Whether nothing that was written is left unsynced; if something is, a sync of it is out. After a failed sync
 * (`durability.broken`) what is left is lost instead.
 */
export function isSynced(engine: Engine, torrent: TorrentState): boolean {
  const { durability } = torrent.possession;
  if (durability.unsynced > 0 && !durability.broken) startSync(engine, torrent);
  if (durability.syncing) return false;
  if (durability.broken) lose(torrent, durability.discard());
  return true;
}

/** A sync of all that was written so far, unless one is out. */
function startSync(engine: Engine, torrent: TorrentState): void {
  const batch = torrent.possession.durability.begin();
  if (!batch) return;
  torrent.watch?.beginSync(batch.paths);
  ask(engine, syncFiles(engine, torrent, batch.paths), (answer) => ({
    type: 'synced',
    torrent,
    batch,
    answer,
  }));
}

async function syncFiles(
  engine: Engine,
  { storage, record, outputFiles }: TorrentState,
  paths: readonly string[],
): Promise<SyncOutcome> {
  const { error, synced = [] } = await engine.verify.submit(
    { type: 'sync', storage, paths },
    'sync',
  );
  if (error || !record || outputFiles) return { error, synced };
  try {
    return { synced: await statSynced(record, paths) };
  } catch (cause) {
    return { synced, statError: recordOf(cause) };
  }
}

export function onSynced(engine: Engine, { torrent, batch, answer }: Of<'synced'>): void {
  const { durability } = torrent.possession;
  wake(engine, torrent); // more may have been written meanwhile
  const outcome = answer.error ? { error: answer.error, synced: [] } : answer.value;
  if (outcome.error) {
    durability.failed();
    lose(torrent, batch.pieces);
    lose(torrent, durability.discard());
  } else {
    durability.succeeded(batch);
    onChanges(engine, torrent, torrent.watch?.synced(outcome.synced) ?? []);
  }
  const error = outcome.error ?? outcome.statError;
  if (error && !engine.state.closing) failTorrent(engine, torrent, error);
  if (!error && isAtWork(torrent)) saveRecord(engine, torrent, 'progress');
  engine.happen({ type: 'go-on', torrent });
}

/** Its records say that more follows, and nobody waits for the last one. A check that is killed goes on from them. */
function isAtWork({ life }: TorrentState): boolean {
  switch (life.phase) {
    case 'checking':
      return life.step === 'hashing' || life.step === 'admitting';
    case 'downloading':
      return true;
    case 'seeding':
    case 'complete':
      return life.step === 'told';
    case 'paused':
    case 'failed':
    case 'closed':
      return false;
  }
}

/** Has the files without a byte made, which no piece makes. */
export function makeEmptyFiles(engine: Engine, torrent: TorrentState): void {
  const paths = torrent.layout.files
    .filter((file) => file.lengthBytes === 0)
    .map((file) => file.path);
  if (paths.length === 0) return;
  torrent.makingEmptyFiles = true;
  const job = { type: 'create-empty' as const, storage: torrent.storage, paths };
  ask(engine, engine.verify.submit(job, 'live'), (answer) => ({
    type: 'empty-files-made',
    torrent,
    answer,
  }));
}

export function onEmptyFilesMade(
  engine: Engine,
  { torrent, answer }: Of<'empty-files-made'>,
): void {
  torrent.makingEmptyFiles = false;
  const error = answer.error ?? answer.value.error;
  // A run that has ended makes them again when it goes on.
  if (error && transfers(torrent.life)) failTorrent(engine, torrent, error);
  else saveFirstRecord(engine, torrent);
  engine.happen({ type: 'go-on', torrent });
}

/** A download has begun: from now on pieces are written that no record names. */
export function saveFirstRecord(engine: Engine, torrent: TorrentState): void {
  if (torrent.phase === 'downloading' && !torrent.makingEmptyFiles)
    saveRecord(engine, torrent, 'progress');
}

/** Asks a back end whose workers know no files how it has them now. */
async function statSynced(record: RecordOutlet, paths: readonly string[]): Promise<SyncedFile[]> {
  const found = await record.stat(paths);
  return paths.map((path, at) => ({ path, now: found[at] }));
}

/**
 * Pieces that may never have reached the disk are not had any more: the next run fetches them again,
 * or, where nothing is fetched, reads them again. Peers get no message: the torrent stops, and closes them.
 */
function lose(torrent: TorrentState, pieces: readonly number[]): void {
  for (const piece of pieces) {
    if (torrent.possession.lose(piece) && !torrent.download) torrent.toCheck.set(piece);
  }
}

/** Replaces the resume record by one after which more may be written. */
export function saveRecord(
  engine: Engine,
  torrent: TorrentState,
  occasion: Of<'record-saved'>['occasion'],
): void {
  const { epoch } = torrent;
  const happening = { type: 'record-saved', torrent, epoch, occasion } as const;
  if (!torrent.record) return engine.happen({ ...happening, answer: { value: undefined } });
  ask(engine, save(engine, torrent, true), (answer) => ({ ...happening, answer }));
}

/** Replaces the resume record by the one with which a run ends. */
export function saveLastRecord(engine: Engine, torrent: TorrentState): void {
  torrent.lastRecordsOut++;
  const happening = { type: 'last-record-saved', torrent } as const;
  if (!torrent.record) return engine.happen({ ...happening, answer: { value: undefined } });
  // An interrupted check, a touched file and a failed sync leave good pieces that are in no record: only
  // an open record has them looked at.
  const { toCheck, watch } = torrent;
  const { durability } = torrent.possession;
  const inDoubt = !toCheck.isEmpty() || (watch?.doubtful.size ?? 0) > 0;
  const open = inDoubt || durability.unsynced > 0 || durability.broken;
  ask(engine, save(engine, torrent, open), (answer) => ({ ...happening, answer }));
}

async function save(engine: Engine, torrent: TorrentState, open: boolean): Promise<void> {
  await torrent.record?.save(torrent.possession.durability.durable, {
    open,
    savedAtMs: engine.clock.wallMs(),
    files: recordedFiles(torrent),
  });
}

/** Then the one before it is kept. */
export function noteFailedSave(
  engine: Engine,
  { infoHash }: TorrentState,
  { error }: Answer<void>,
): void {
  if (error)
    engine.log('warn', 'the resume record could not be saved', {
      torrent: infoHash,
      error: error.message,
    });
}
