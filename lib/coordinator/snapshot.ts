// The figures of one moment, for the API.

import type { EngineStats, TorrentStats, TrackerStats } from '../messages/stats';
import { UNIT_LENGTH_BYTES } from '../memory/slab';
import { contentBytes } from '../metainfo/layout';
import type { TrackerSnapshot } from '../tracker/schedule';
import { engineAccount, torrentAccount } from './account/accounting';
import type { Engine } from './engine';
import { errorOf } from './torrent/life';
import { receivedBytes } from './state';
import { choosing } from './swarm/choking';
import { engineLimits } from './swarm/limits';
import type { TorrentState } from './state';

export function torrentStats(engine: Engine, torrent: TorrentState): TorrentStats {
  const nowMs = engine.nowMs();
  const { content } = torrent;
  let seeds = 0;
  let unchoking = 0;
  let unchoked = 0;
  let interested = 0;
  for (const peer of torrent.peers) {
    if (peer.isSeed) seeds++;
    if (!peer.choked) unchoking++;
    if (!peer.weChoke) unchoked++;
    if (peer.theyAreInterested) interested++;
  }
  const totalBytes = content && contentBytes(content.metainfo);
  const downloadBytesPerSec = torrent.downloadRate.bytesPerSec(nowMs);
  const doneBytes = content?.possession.doneBytes ?? 0;
  const leftBytes = (totalBytes ?? 0) - doneBytes;
  const known = torrent.phase === 'downloading' && downloadBytesPerSec > 0;
  const superSeeding = torrent.phase === 'seeding' && content?.superSeed !== undefined;
  return {
    phase: torrent.phase,
    metadata: content ? undefined : torrent.metadata,
    totalBytes,
    doneBytes,
    pieceCount: content?.metainfo.pieceCount,
    piecesDone: content?.possession.donePieces ?? 0,
    piecesChecked: content?.checkedPieces ?? 0,
    piecesToCheck: content?.piecesToCheck ?? 0,
    downloadedBytes: receivedBytes(torrent),
    uploadedBytes: torrent.uploadedBytes,
    wastedBytes: torrent.wastedBytes,
    downloadBytesPerSec,
    uploadBytesPerSec: torrent.uploadRate.bytesPerSec(nowMs),
    etaSec: known ? leftBytes / downloadBytesPerSec : undefined,
    peers: {
      connected: torrent.peers.size,
      seeds,
      dialing: torrent.dialing,
      known: torrent.book.known,
      unchoking,
    },
    addresses: torrent.book.counts,
    private: (content?.metainfo ?? torrent.learnt)?.private,
    uploads: { ...choosing(engine, torrent), unchoked, interested, superSeeding },
    piecesFailed: content?.piecesFailed ?? 0,
    memoryBytes: engine.state.budget.committedOf(torrent.id),
    trackers: torrent.schedule.snapshot().map((tracker): TrackerStats => ({
      url: tracker.url,
      status: statusOf(tracker),
      message: tracker.lastError?.message ?? tracker.warning,
      seeds: tracker.seeds,
      leechers: tracker.leechers,
      peers: tracker.peers ?? 0,
      nextAnnounceSec:
        tracker.nextAnnounceMs === undefined || !Number.isFinite(tracker.nextAnnounceMs)
          ? undefined
          : Math.max(0, Math.round((tracker.nextAnnounceMs - nowMs) / 1000)),
      externalIp: tracker.externalIp,
    })),
    limits: torrent.rates.inForce,
    account: torrentAccount(engine, torrent),
    error: errorOf(torrent.life),
  };
}

export function engineStats(engine: Engine): EngineStats {
  const { state } = engine;
  return {
    port: state.listenPort,
    peerThreads: state.settings.peerThreads,
    verifyThreads: state.settings.verifyThreads,
    memoryLimitBytes: state.budget.limitBytes,
    memoryCommittedBytes: state.budget.committedBytes,
    memoryQuarantinedBytes: state.slab.quarantinedUnits * UNIT_LENGTH_BYTES,
    connections: state.peers.size,
    limits: engineLimits(engine),
    threadRestarts: state.threadRestarts,
    peersClosed: Object.fromEntries(state.closed),
    peersRejected: Object.fromEntries(state.rejected),
    ipFilter: state.ipFilter && {
      ranges: state.ipFilter.ranges,
      addressesRefused: state.addressesRefused,
    },
    account: engineAccount(engine),
  };
}

/** Judged by its last reply, even while the next announce is in flight. */
function statusOf({ lastError, peers }: TrackerSnapshot): TrackerStats['status'] {
  if (lastError !== undefined) return 'failed';
  return peers === undefined ? 'waiting' : 'working';
}
