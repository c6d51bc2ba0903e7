// From the check to the transfer, and from the last piece to a complete torrent. How a run begins
// is in `starting.ts`, how it ends in `stopping.ts`.

import { advised } from '../errors/millrace-error';
import type { ErrorRecord } from '../errors/millrace-error';
import { AnnounceSchedule } from '../tracker/schedule';
import { accountLastSync, openAccount } from './accounting';
import type { Engine } from './engine';
import { enter } from './life';
import { closeIfUseless, updateInterest } from './peer-orders';
import { makeEmptyFiles } from './saving';
import { receivedBytes } from './state';
import type { TorrentState } from './state';
import { failTorrent } from './stopping';
import { PATIENCE_MS, announceIfDue } from './trackers';

/** The check is over, or was not needed: downloads what is missing, or seeds. */
export function startTransfer(engine: Engine, torrent: TorrentState): void {
  const nowMs = engine.nowMs();
  torrent.downloadedAtStart = receivedBytes(torrent);
  torrent.uploadedAtStart = torrent.uploadedBytes;
  const { hasAll, hasAllWanted } = torrent.possession;
  // Data that was complete before is not fetched again unasked: the user may have changed it on
  // purpose.
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
  if (torrent.download) makeEmptyFiles(engine, torrent);
  if (hasAllWanted) return becomeWhole(engine, torrent);
  enter(torrent, { phase: 'downloading' });
  openAccount(engine, torrent);
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

/** Opens the torrent on a peer thread. */
export function openOn(engine: Engine, torrent: TorrentState, thread: number): void {
  // A torrent that is complete and does not seed is open on no thread.
  if (torrent.phase === 'complete') return;
  // A thread that is down gets the order after its restart.
  if (torrent.openOn.has(thread) || engine.state.downThreads.has(thread)) return;
  torrent.openOn.add(thread);
  const { metainfo } = torrent;
  engine.order(thread, {
    type: 'open-torrent',
    torrent: {
      torrent: torrent.id,
      infoHash: metainfo.infoHash,
      content: {
        pieceCount: metainfo.pieceCount,
        pieceLengthBytes: metainfo.pieceLengthBytes,
        totalLengthBytes: metainfo.totalLengthBytes,
        have: torrent.possession.haveBuffer,
        storage: torrent.storage,
        files: torrent.layout.files,
      },
    },
  });
}

/**
 * Once every wanted piece is verified: syncs, saves, emits `complete`, announces it; then seeds or
 * stops.
 */
export function finishIfWhole(engine: Engine, torrent: TorrentState): void {
  if (torrent.phase === 'downloading' && torrent.possession.hasAllWanted)
    becomeWhole(engine, torrent);
}

function becomeWhole(engine: Engine, torrent: TorrentState): void {
  enter(torrent, { phase: torrent.seed ? 'seeding' : 'complete', step: 'settling' });
  accountLastSync(engine, torrent);
  engine.state.budget.setActive(torrent.id, false);
  if (torrent.possession.hasAll) torrent.schedule.completed(engine.nowMs());
  announceIfDue(engine, torrent);
  for (const peer of [...torrent.peers]) {
    updateInterest(engine, peer);
    if (torrent.seed) closeIfUseless(engine, peer);
  }
  engine.happen({ type: 'go-on', torrent });
}
