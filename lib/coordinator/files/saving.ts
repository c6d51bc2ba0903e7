// Makes verified data durable: file syncs, one at a time per torrent, and the resume record, which
// may list only what a finished sync covers.

import { recordOf } from '../../errors/millrace-error';
import { recordedFiles } from './output-files';
import type { RecordOutlet } from '../outlets/disk';
import { ask } from '../engine';
import type { Engine } from '../engine';
import type { Answer, Happening, SyncOutcome } from '../happenings';
import { transfers } from '../torrent/life';
import { onChanges } from './lost-data';
import { wake } from '../rest';
import { isKnown } from '../state';
import type { KnownTorrent, TorrentState } from '../state';
import type { SyncedFile } from '../../messages/verify';
import { failTorrent } from '../torrent/stopping';

type Of<Type extends Happening['type']> = Extract<Happening, { readonly type: Type }>;

/**
 * Starts a sync after 2 s or 256 MiB of unsynced writes (`durability.ts`). Called on every tick.
 */
export function syncIfDue(engine: Engine, torrent: KnownTorrent): void {
  if (torrent.content.possession.durability.isDue(engine.nowMs())) startSync(engine, torrent);
}

/**
 * Whether everything that was written is synced; if not, a sync is running now. After a failed sync
 * (`durability.broken`), unsynced pieces count as lost instead.
 */
export function isSynced(engine: Engine, torrent: KnownTorrent): boolean {
  const { durability } = torrent.content.possession;
  startSync(engine, torrent);
  if (durability.syncing) return false;
  lose(torrent, durability.discard()); // Only a failed sync leaves any.
  return true;
}

/** Starts a sync of everything written so far, unless one is running. */
function startSync(engine: Engine, torrent: KnownTorrent): void {
  const batch = torrent.content.possession.durability.begin();
  if (!batch) return;
  torrent.content.watch?.beginSync(batch.paths);
  ask(engine, syncFiles(engine, torrent, batch.paths), (answer) => ({
    type: 'synced',
    torrent,
    batch,
    answer,
  }));
}

async function syncFiles(
  engine: Engine,
  { content: { storage, record, outputFiles } }: KnownTorrent,
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
  const { durability } = torrent.content.possession;
  wake(engine, torrent); // More may have been written meanwhile.
  const outcome = answer.error ? { error: answer.error, synced: [] } : answer.value;
  if (outcome.error) {
    durability.failed();
    lose(torrent, batch.pieces);
    lose(torrent, durability.discard());
  } else {
    durability.succeeded(batch);
    onChanges(engine, torrent, torrent.content.watch?.synced(outcome.synced) ?? []);
  }
  const error = outcome.error ?? outcome.statError;
  if (error && !engine.state.closing) failTorrent(engine, torrent, error);
  if (!error && isAtWork(torrent)) saveRecord(engine, torrent, 'progress');
  engine.happen({ type: 'go-on', torrent });
}

/**
 * More writes will follow, and no last record is being saved. A check that is killed continues from
 * these records.
 */
function isAtWork({ life }: KnownTorrent): boolean {
  if (life.phase === 'downloading') return true;
  return life.step === 'hashing' || life.step === 'admitting';
}

/** Creates the empty files, which no piece creates. */
export function makeEmptyFiles(engine: Engine, torrent: KnownTorrent): void {
  const paths = torrent.content.layout.files
    .filter((file) => file.lengthBytes === 0)
    .map((file) => file.path);
  if (paths.length === 0) return;
  torrent.content.makingEmptyFiles = true;
  const job = { type: 'create-empty' as const, storage: torrent.content.storage, paths };
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
  torrent.content.makingEmptyFiles = false;
  const error = answer.error ?? answer.value.error;
  // If the run has ended, the next one creates them again.
  if (error && transfers(torrent.life)) failTorrent(engine, torrent, error);
  else saveFirstRecord(engine, torrent);
  engine.happen({ type: 'go-on', torrent });
}

/**
 * Saves a record when a download has begun: from now on, pieces are written that no record lists.
 */
export function saveFirstRecord(engine: Engine, torrent: KnownTorrent): void {
  if (torrent.phase === 'downloading' && !torrent.content.makingEmptyFiles)
    saveRecord(engine, torrent, 'progress');
}

/** Asks a back end whose workers report no file states for the present ones. */
async function statSynced(record: RecordOutlet, paths: readonly string[]): Promise<SyncedFile[]> {
  const found = await record.stat(paths);
  return paths.map((path, at) => ({ path, now: found[at] }));
}

/**
 * Drops pieces that may not have reached the disk: the next run fetches them again or, if it does
 * not download, reads them again. Peers get no message, because the torrent stops and closes them.
 */
function lose(torrent: KnownTorrent, pieces: readonly number[]): void {
  for (const piece of pieces) {
    if (torrent.content.possession.lose(piece) && !torrent.options.download)
      torrent.content.toCheck.set(piece);
  }
}

/** Replaces the resume record during a run: it is marked `open`, because more may be written. */
export function saveRecord(
  engine: Engine,
  torrent: KnownTorrent,
  occasion: Of<'record-saved'>['occasion'],
): void {
  const { epoch } = torrent;
  const happening = { type: 'record-saved', torrent, epoch, occasion } as const;
  const { record } = torrent.content;
  if (!record) return engine.happen({ ...happening, answer: { value: undefined } });
  ask(engine, save(engine, torrent, record, true), (answer) => ({ ...happening, answer }));
}

/** Replaces the resume record at the end of a run. */
export function saveLastRecord(engine: Engine, torrent: TorrentState): void {
  torrent.lastRecordsOut++;
  const happening = { type: 'last-record-saved', torrent } as const;
  if (!isKnown(torrent) || !torrent.content.record)
    return engine.happen({ ...happening, answer: { value: undefined } });
  const { record, toCheck, watch, possession } = torrent.content;
  // An interrupted check, a touched file or a failed sync leaves good pieces that no record lists:
  // only a record marked `open` makes the next start look for them.
  const inDoubt = !toCheck.isEmpty() || (watch?.doubtful.size ?? 0) > 0;
  const open = inDoubt || possession.durability.broken;
  ask(engine, save(engine, torrent, record, open), (answer) => ({ ...happening, answer }));
}

async function save(
  engine: Engine,
  torrent: KnownTorrent,
  record: RecordOutlet,
  open: boolean,
): Promise<void> {
  await record.save(torrent.content.possession.durability.durable, {
    open,
    savedAtMs: engine.clock.wallMs(),
    files: recordedFiles(torrent),
  });
}

/** Logs a failed save. The previous record stays in place. */
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
