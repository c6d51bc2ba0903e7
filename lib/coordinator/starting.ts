// The beginning of a run, the first one or the one after a pause: check what is to be checked, create
// what no piece will ever write, then transfer.

import { recordOf } from '../errors/millrace-error';
import { admitFiles, needsAdmission } from './output-files';
import { checkPieces } from './checking';
import type { Engine } from './engine';
import { takeFilesAsTheyAre } from './file-checks';
import { failTorrent, startTransfer } from './phases';
import { wake } from './rest';
import { saveRecord } from './saving';
import type { TorrentState } from './state';
import { tickTorrent } from './tick';

/** Starts the run; what goes wrong later fails the torrent. */
export function beginRun(engine: Engine, torrent: TorrentState): void {
  begin(engine, torrent).catch((error: unknown) =>
    engine.log('error', 'a torrent could not be started', { error: recordOf(error).message }),
  );
}

async function begin(engine: Engine, torrent: TorrentState): Promise<void> {
  const { run } = torrent;
  wake(engine, torrent);
  if (run > 0) {
    // Pieces that the last run still writes may be lost by the failure of a sync that it has seen.
    await torrent.pausing?.catch(() => undefined);
    if (torrent.run !== run) return;
  }
  torrent.possession.durability.mend();
  if (run > 0 && torrent.watch) {
    try {
      await takeFilesAsTheyAre(engine, torrent);
    } catch (error) {
      if (torrent.run === run) failTorrent(engine, torrent, recordOf(error));
    }
    if (torrent.run !== run) return;
  }
  const checked = checkPieces(engine, torrent);
  engine.turn.stats.add(torrent);
  if (!(await checked)) return;
  if (needsAdmission(torrent) && !(await admitFiles(engine, torrent))) return;
  // Without data to check, peers are dialled before the pool is even up.
  startTransfer(engine, torrent);
  tickTorrent(engine, torrent);
  engine.turn.stats.add(torrent);
  engine.endTurn();
  if (torrent.download) torrent.emptied = createEmptyFiles(engine, torrent);
  await torrent.emptied;
  if (torrent.run === run && !torrent.possession.hasAllWanted && torrent.download)
    await saveRecord(engine, torrent, true);
}

async function createEmptyFiles(engine: Engine, torrent: TorrentState): Promise<void> {
  const paths = torrent.layout.files
    .filter((file) => file.lengthBytes === 0)
    .map((file) => file.path);
  if (paths.length === 0) return;
  const { run } = torrent;
  const { error } = await engine.verify
    .submit({ type: 'create-empty', storage: torrent.storage, paths }, 'live')
    .catch((cause: unknown) => ({ error: recordOf(cause) }));
  if (error && torrent.run === run) failTorrent(engine, torrent, error);
}
