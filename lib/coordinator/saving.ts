// Making verified data durable: file syncs, one at a time per torrent, and the resume record that
// may name only what a finished sync covers.

import { recordOf } from '../errors/millrace-error';
import type { ErrorRecord } from '../errors/millrace-error';
import { recordedFiles } from './output-files';
import type { SyncBatch } from './durability';
import type { RecordOutlet } from './disk';
import type { Engine } from './engine';
import { onChanges } from './lost-data';
import { failTorrent } from './phases';
import { wake } from './rest';
import type { TorrentState } from './state';
import type { SyncedFile, VerifyResult } from '../messages/verify';

/** Starts a sync if the rule of 2 s or 256 MiB says so. Called on every tick. */
export function syncIfDue(engine: Engine, torrent: TorrentState): void {
  if (!torrent.possession.durability.isDue(engine.nowMs())) return;
  const { run } = torrent;
  runSync(engine, torrent)
    .then(() => {
      // The record that a pause or a removal saved says that nothing follows it.
      return torrent.run === run ? saveRecord(engine, torrent, true) : undefined;
    })
    .catch((error: unknown) =>
      engine.log('error', 'a file sync failed', { error: recordOf(error).message }),
    );
}

/**
 * Syncs until nothing that was written is left unsynced. After a failed sync (`durability.broken`)
 * what is left is lost instead.
 */
export async function syncNow(engine: Engine, torrent: TorrentState): Promise<void> {
  const { durability } = torrent.possession;
  while (durability.syncing || (durability.unsynced > 0 && !durability.broken)) {
    if (torrent.syncUnderWay) await torrent.syncUnderWay;
    else await runSync(engine, torrent);
  }
  if (durability.broken) lose(torrent, durability.discard());
}

/** One sync of all that was written so far. False when it failed; the torrent has then stopped. */
function runSync(engine: Engine, torrent: TorrentState): Promise<boolean> {
  const batch = torrent.possession.durability.begin();
  if (!batch) return Promise.resolve(true);
  const done = syncFiles(engine, torrent, batch).finally(() => (torrent.syncUnderWay = undefined));
  torrent.syncUnderWay = done;
  return done;
}

async function syncFiles(
  engine: Engine,
  torrent: TorrentState,
  batch: SyncBatch,
): Promise<boolean> {
  let error: ErrorRecord | undefined;
  let result: VerifyResult | undefined;
  torrent.watch?.beginSync(batch.paths);
  try {
    result = await engine.verify.submit(
      { type: 'sync', storage: torrent.storage, paths: batch.paths },
      'sync',
    );
    error = result.error;
  } catch (cause) {
    error = recordOf(cause);
  }
  wake(engine, torrent); // more may have been written meanwhile
  if (!error) {
    let synced = result?.synced ?? [];
    let failure: ErrorRecord | undefined;
    if (torrent.record && !torrent.outputFiles) {
      try {
        synced = await statSynced(torrent.record, batch.paths);
      } catch (cause) {
        failure = recordOf(cause);
      }
    }
    torrent.possession.durability.succeeded(batch);
    onChanges(engine, torrent, torrent.watch?.synced(synced) ?? []);
    if (failure && !engine.state.closing) failTorrent(engine, torrent, failure);
    return true;
  }
  torrent.possession.durability.failed();
  lose(torrent, batch.pieces);
  lose(torrent, torrent.possession.durability.discard());
  if (!engine.state.closing) failTorrent(engine, torrent, error);
  return false;
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

/** Replaces the resume record. `open`: more may be written after it. A failure is logged, no more. */
export async function saveRecord(
  engine: Engine,
  torrent: TorrentState,
  open: boolean,
): Promise<void> {
  if (!torrent.record) return;
  try {
    await torrent.record.save(torrent.possession.durability.durable, {
      open,
      savedAtMs: engine.clock.wallMs(),
      files: recordedFiles(torrent),
    });
  } catch (error) {
    engine.log('warn', 'the resume record could not be saved', {
      torrent: torrent.infoHash,
      error: recordOf(error).message,
    });
  }
}
