// The beginning of a run, the first one or the one after a pause: check what is to be checked, create
// what no piece will ever write, then transfer.

import { admitFiles, needsAdmission } from './output-files';
import { beginCheck } from './checking';
import type { Engine } from './engine';
import { lookFor } from './file-checks';
import type { Happening } from './happenings';
import type { Checking } from './life';
import { startTransfer } from './phases';
import { wake } from './rest';
import { saveFirstRecord } from './saving';
import type { TorrentState } from './state';
import { goOn } from './stopping';
import { tickTorrent } from './tick';

/** A torrent was added. */
export function beginFirstRun(
  engine: Engine,
  { torrent, peers }: Extract<Happening, { readonly type: 'added' }>,
): void {
  engine.state.torrents.set(torrent.id, torrent);
  for (const { host, port } of peers) torrent.book.add(host, port, engine.nowMs());
  wake(engine, torrent);
  goOn(engine, torrent);
}

/** A run after the first one, from the check on. Its files may be others by now than those of handles still open. */
export function beginRun(engine: Engine, torrent: TorrentState): void {
  torrent.epoch++;
  engine.verify.closeHandles();
  wake(engine, torrent);
  engine.turn.stats.add(torrent);
  goOn(engine, torrent);
}

/** What the last run wrote is settled: are the files as it left them? */
export function lookAtFiles(engine: Engine, torrent: TorrentState, life: Checking): void {
  torrent.possession.durability.mend();
  life.step = 'looking';
  if (torrent.epoch > 0 && torrent.watch) lookFor(engine, torrent, 'start');
  else check(engine, torrent);
}

/** The files are taken as they are. */
export function check(engine: Engine, torrent: TorrentState): void {
  const { life } = torrent;
  if (life.phase !== 'checking') return;
  life.step = 'hashing';
  engine.turn.stats.add(torrent);
  beginCheck(engine, torrent);
}

/** Everything was read. */
export function onCheckOver(engine: Engine, torrent: TorrentState): void {
  const { life } = torrent;
  if (life.phase !== 'checking') return;
  life.step = 'admitting';
  if (!needsAdmission(torrent)) return transfer(engine, torrent);
  admitFiles(engine, torrent);
}

/** The check is over. Without data to check, peers are dialled before the pool is even up. */
export function transfer(engine: Engine, torrent: TorrentState): void {
  startTransfer(engine, torrent);
  tickTorrent(engine, torrent);
  engine.turn.stats.add(torrent);
  if (!torrent.makingEmptyFiles) saveFirstRecord(engine, torrent);
}
