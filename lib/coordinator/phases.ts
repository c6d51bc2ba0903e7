// The life of a torrent: from checking to downloading to seeding, aside into paused or failed and
// back. Each transition is one function; only the end, `closed`, is set in `torrents.ts`.

import { advised, recordOf } from '../errors/millrace-error';
import type { ErrorRecord } from '../errors/millrace-error';
import type { CloseReason } from '../messages/close-reasons';
import { AnnounceSchedule } from '../tracker/schedule';
import { accountLastSync, closeAccount, openAccount } from './accounting';
import type { Engine } from './engine';
import { filesAreAsLeft } from './file-checks';
import { closePeer, closeIfUseless, updateInterest } from './peer-orders';
import { verifyAllFilled } from './on-piece';
import { evictAll } from './eviction';
import { wake } from './rest';
import { saveRecord, syncNow } from './saving';
import { withRemedy } from './remedies';
import { beginRun } from './starting';
import { leaveTrackers, stopAnnouncing } from './farewell';
import { PATIENCE_MS, announceIfDue } from './trackers';
import { receivedBytes } from './state';
import type { TorrentState } from './state';

/** The check is over (or was not needed): go for what is missing, or seed. */
export function startTransfer(engine: Engine, torrent: TorrentState): void {
  const nowMs = engine.nowMs();
  torrent.error = undefined;
  torrent.phase = 'downloading';
  torrent.downloadedAtStart = receivedBytes(torrent);
  torrent.uploadedAtStart = torrent.uploadedBytes;
  const { hasAll, hasAllWanted } = torrent.possession;
  // What was complete once is not fetched again unasked: its user may have changed it on purpose.
  if (!hasAllWanted && (!torrent.download || torrent.completeSent))
    return failTorrent(engine, torrent, notWhole(torrent));
  const quiet = hasAllWanted && !torrent.seed;
  torrent.schedule = new AnnounceSchedule({
    tiers: quiet ? [] : torrent.metainfo.trackers,
    random: () => engine.random(),
    nowMs,
    startedComplete: hasAll,
    announceToAll: torrent.announceToAll,
    patienceMs: PATIENCE_MS,
  });
  torrent.book.forgetFailures(nowMs);
  if (!quiet) openOnAll(engine, torrent);
  if (!hasAllWanted) openAccount(engine, torrent);
  finishIfWhole(engine, torrent);
}

function notWhole({ possession, metainfo, output, completeSent }: TorrentState): ErrorRecord {
  return advised(
    completeSent ? 'data-changed' : 'not-whole',
    `${possession.missingWantedPieces} of ${metainfo.pieceCount} pieces in ${output} are missing or wrong`,
    'list them by verifyTorrent(), repair them by add() with the option download',
  ).toRecord();
}

function openOnAll(engine: Engine, torrent: TorrentState): void {
  const { peerThreads } = engine.state.settings;
  for (let thread = 0; thread < peerThreads; thread++) openOn(engine, torrent, thread);
}

/** Tells a peer thread of the torrent. */
export function openOn(engine: Engine, torrent: TorrentState, thread: number): void {
  // A torrent that is complete and does not seed is open on no thread.
  if (torrent.phase === 'seeding' && !torrent.seed) return;
  // A thread that is down gets the order when it is up again.
  if (torrent.openOn.has(thread) || engine.state.downThreads.has(thread)) return;
  torrent.openOn.add(thread);
  const { metainfo } = torrent;
  engine.order(thread, {
    type: 'open-torrent',
    torrent: {
      torrent: torrent.id,
      infoHash: metainfo.infoHash,
      pieceCount: metainfo.pieceCount,
      pieceLengthBytes: metainfo.pieceLengthBytes,
      totalLengthBytes: metainfo.totalLengthBytes,
      have: torrent.possession.haveBuffer,
      storage: torrent.storage,
      files: torrent.layout.files,
    },
  });
}

/** When every wanted piece is verified: syncs, saves, emits `complete`, announces it; then seeds or leaves. */
export function finishIfWhole(engine: Engine, torrent: TorrentState): void {
  if (torrent.phase !== 'downloading' || !torrent.possession.hasAllWanted) return;
  torrent.phase = 'seeding';
  accountLastSync(engine, torrent);
  engine.state.budget.setActive(torrent.id, false);
  if (torrent.possession.hasAll) torrent.schedule.completed(engine.nowMs());
  announceIfDue(engine, torrent);
  for (const peer of [...torrent.peers]) {
    updateInterest(engine, peer);
    if (torrent.seed) closeIfUseless(engine, peer);
  }
  const { run } = torrent;
  // Later than this very call, which may come before the first run has begun to make them.
  Promise.resolve()
    .then(() => torrent.emptied)
    .then(() => syncNow(engine, torrent))
    .then(async () => {
      if (torrent.run !== run || torrent.phase !== 'seeding') return;
      if (!(await filesAreAsLeft(engine, torrent))) return;
      await saveRecord(engine, torrent, true);
      if (torrent.run !== run || torrent.phase !== 'seeding') return;
      if (!torrent.seed) stopPeers(engine, torrent, 'torrent-closed');
      closeAccount(engine, torrent);
      engine.turn.stats.add(torrent);
      engine.endTurn();
      // Once: not again for a whole torrent that was paused and resumed.
      if (!torrent.completeSent) engine.emit({ type: 'complete', torrent: torrent.id });
      torrent.completeSent = true;
      torrent.recheckedRuns = 0;
      if (!torrent.seed) await leaveTrackers(engine, torrent);
    })
    .catch((error: unknown) =>
      engine.log('error', 'completion failed', { error: recordOf(error).message }),
    );
}

/**
 * The user's pause: closes peers, gives memory back, announces `stopped`, keeps what is verified. Resolves
 * once all that is done; further calls wait for the same pause.
 */
export async function pauseTorrent(engine: Engine, torrent: TorrentState): Promise<void> {
  if (torrent.phase === 'closed') return torrent.removal;
  if (torrent.phase !== 'paused') {
    torrent.phase = 'paused';
    torrent.pausing = quiesce(engine, torrent);
  }
  await torrent.pausing;
}

/** An error that only the user can mend (disk full, no permission): as a pause, with its reason. */
export function failTorrent(engine: Engine, torrent: TorrentState, cause: ErrorRecord): void {
  if (torrent.phase === 'failed' || torrent.phase === 'closed' || torrent.phase === 'paused')
    return;
  const error = withRemedy(torrent, cause);
  torrent.phase = 'failed';
  torrent.completeSent = false; // After a resume the app waits for a new `complete`.
  torrent.error = { code: error.code, message: error.message };
  engine.log('error', 'torrent stopped', {
    torrent: torrent.infoHash,
    code: error.code,
    error: error.message,
  });
  torrent.pausing = quiesce(engine, torrent);
  // At once, with the figures that say `failed`: a later error might reach an app that has resumed by then.
  engine.emit({ type: 'error', torrent: torrent.id, error });
  torrent.pausing
    .catch((failure: unknown) =>
      engine.log('error', 'stopping a torrent failed', { error: recordOf(failure).message }),
    )
    .finally(() => {
      engine.turn.stats.add(torrent);
      engine.endTurn();
    });
}

/** Goes on after a pause or a failure, with the check if that was interrupted. */
export function resumeTorrent(engine: Engine, torrent: TorrentState): void {
  if (torrent.phase !== 'paused' && torrent.phase !== 'failed') return;
  torrent.error = undefined;
  torrent.recheckedRuns = 0;
  startOver(engine, torrent);
  engine.endTurn();
}

/** Another program touched files that may still be right: everything stops until they were read. */
export async function recheckRun(engine: Engine, torrent: TorrentState): Promise<void> {
  torrent.phase = 'checking';
  const quiet = quiesce(engine, torrent);
  const { run } = torrent;
  await quiet;
  // Paused, failed or removed meanwhile: whatever comes next looks at the files itself.
  if (torrent.run !== run) return;
  startOver(engine, torrent);
  engine.endTurn();
}

/** A new run, from the check on. Its files may be others by now than those of handles still open. */
function startOver(engine: Engine, torrent: TorrentState): void {
  torrent.run++;
  engine.verify.closeHandles();
  torrent.phase = 'checking';
  beginRun(engine, torrent);
}

/** Stops all traffic and makes durable what was verified. */
export async function quiesce(engine: Engine, torrent: TorrentState): Promise<void> {
  const run = ++torrent.run;
  wake(engine, torrent);
  closeAccount(engine, torrent);
  engine.state.budget.setActive(torrent.id, false);
  stopPeers(engine, torrent, torrent.phase === 'failed' ? 'torrent-failed' : 'torrent-closed');
  if (torrent.phase !== 'failed') verifyAllFilled(engine, torrent);
  evictAll(engine, torrent);
  stopAnnouncing(engine, torrent);
  engine.turn.stats.add(torrent);
  engine.endTurn();
  // Pieces that are being written belong into the record: after it, they would make it doubtful.
  await Promise.allSettled([...torrent.verifyJobs, torrent.emptied]);
  await syncNow(engine, torrent);
  if (torrent.run !== run) return; // Resumed or removed meanwhile: the record is no longer ours.
  // An interrupted check, a touched file and a failed sync leave good pieces that are in no record: only
  // an open record has them looked at.
  const { toCheck, watch } = torrent;
  const { durability } = torrent.possession;
  const inDoubt = !toCheck.isEmpty() || (watch?.doubtful.size ?? 0) > 0;
  const open = inDoubt || durability.unsynced > 0 || durability.broken;
  await saveRecord(engine, torrent, open);
}

/** Closes every connection of the torrent, on all threads, and their files. */
function stopPeers(engine: Engine, torrent: TorrentState, reason: CloseReason): void {
  for (const peer of [...torrent.peers]) closePeer(engine, peer, reason);
  for (const thread of torrent.openOn)
    engine.order(thread, { type: 'close-torrent', torrent: torrent.id, reason });
  torrent.openOn.clear();
}
