// Keeps the accounts. On every tick, and when a download begins or ends, the time since the last
// look is charged to what limited it, for the torrent and for the engine.

import { SESSION_LIMIT } from '../../messages/account';
import type { TransferAccount } from '../../messages/account';
import type { ThreadLoad } from './account';
import type { Engine } from '../engine';
import { limitAt, waitsForVerify } from './limit';
import { isKnown } from '../state';
import type { KnownTorrent, TorrentState } from '../state';

/** The download begins, or resumes after a pause. */
export function openAccount(engine: Engine, { account }: TorrentState): void {
  account.chargedMs = engine.nowMs();
  account.limit = 'peers';
  account.memoryRefused = false;
}

/** The download is over, or interrupted. */
export function closeAccount(engine: Engine, torrent: TorrentState): void {
  charge(engine, torrent);
  torrent.account.chargedMs = undefined;
}

/** Every piece is written. What remains is the last sync, which is charged as writing. */
export function accountLastSync(engine: Engine, torrent: TorrentState): void {
  charge(engine, torrent);
  torrent.account.limit = 'memory';
  torrent.account.behind = 'write';
}

/**
 * Looks at the torrent on each of its ticks, and charges the time since the last one to the result.
 */
export function keepAccount(engine: Engine, torrent: TorrentState): void {
  if (torrent.phase === 'downloading' && isKnown(torrent)) look(engine, torrent);
  charge(engine, torrent);
}

/**
 * A torrent at rest has no ticks: its time is charged, to the last limit, when the rest ends or its
 * account is read.
 */
export function chargeRest(engine: Engine, torrent: TorrentState): void {
  if (torrent.restUntilMs !== undefined) charge(engine, torrent);
}

function charge(engine: Engine, { account }: TorrentState): void {
  if (account.chargedMs === undefined) return;
  const nowMs = engine.nowMs();
  const sec = Math.max(0, nowMs - account.chargedMs) / 1000;
  account.chargedMs = nowMs;
  const total = engine.state.account;
  for (const sums of [account.sums, total]) {
    sums.charge(account.limit, sec, account.behind);
    sums.attribute(total);
  }
}

function look(engine: Engine, torrent: KnownTorrent): void {
  const { state } = engine;
  const { account } = torrent;
  let sources = 0;
  let open = 0;
  let heldBack = 0;
  let starved = 0;
  let bytesInFlight = 0;
  let bytesIn = 0;
  let bytesInAtDepth = 0;
  let busy = state.loopBusy;
  for (const source of torrent.sources) {
    if (source.closing || source.usefulPieces === 0) continue;
    sources++;
    if (source.choked) continue;
    open++;
    bytesInFlight += source.bytesInFlight;
    bytesIn += source.bytesInLately;
    if (source.limit === SESSION_LIMIT.rate) heldBack++;
    if (source.limit === SESSION_LIMIT.leases) starved++;
    if (source.limit === SESSION_LIMIT.depth) bytesInAtDepth += source.bytesInLately;
    busy = Math.max(busy, busyShare(state.threadLoads[source.thread], engine.nowMs()));
  }
  const moment = {
    missingPieces: torrent.content.possession.missingWantedPieces,
    verifyingPieces: verifyQueueOf(torrent).pieces,
    sources,
    open,
    heldBack,
    starved,
    bytesInFlight,
    bytesIn,
    bytesInAtDepth,
    memoryRefused: account.memoryRefused,
    busy,
    processBusy: state.processBusy,
  };
  account.limit = limitAt(moment);
  account.memoryRefused = false;
  if (account.limit === 'memory')
    account.behind = waitsForVerify(moment) ? 'verify' : behindFullMemory(engine);
}

/** A thread that reports four times a second and is silent for this long counts as fully busy. */
const SILENCE_MS = 600;

function busyShare(load: ThreadLoad | undefined, nowMs: number): number {
  if (load === undefined) return 0;
  return load.goesOn && nowMs - load.reportedMs > SILENCE_MS ? 1 : load.busy;
}

/**
 * `verify` if at least half of the memory is full pieces, which wait for hash and disk; else peers
 * are still filling it.
 */
function behindFullMemory({ state }: Engine): 'verify' | 'fill' {
  let bytes = 0;
  for (const torrent of state.torrents.values()) bytes += verifyQueueOf(torrent).bytes;
  return 2 * bytes >= state.budget.committedBytes ? 'verify' : 'fill';
}

function verifyQueueOf({ content }: TorrentState): TransferAccount['verifyQueue'] {
  let pieces = 0;
  let bytes = 0;
  for (const piece of content?.active.values() ?? []) {
    if (!piece.verifying) continue;
    pieces++;
    bytes += piece.lengthBytes;
  }
  return { pieces, bytes, jobs: content?.jobsOut ?? 0 };
}

/** Notes a finished verify job of downloaded pieces. */
export function noteJob(
  engine: Engine,
  torrent: TorrentState,
  { hashMs, storageMs }: { readonly hashMs: number; readonly storageMs: number },
): void {
  torrent.account.sums.noteJob(hashMs, storageMs);
  engine.state.account.noteJob(hashMs, storageMs);
}

export function torrentAccount(engine: Engine, torrent: TorrentState): TransferAccount {
  chargeRest(engine, torrent);
  let bytesInFlight = 0;
  // After the download, the sources' last reports are out of date.
  const sources = torrent.phase === 'downloading' ? torrent.sources : [];
  for (const source of sources) bytesInFlight += source.bytesInFlight;
  return torrent.account.sums.snapshot({ bytesInFlight, verifyQueue: verifyQueueOf(torrent) });
}

export function engineAccount(engine: Engine): TransferAccount {
  const { state } = engine;
  let bytesInFlight = 0;
  for (const source of state.sources.values())
    if (source.torrent.phase === 'downloading') bytesInFlight += source.bytesInFlight;
  const verifyQueue = { pieces: 0, bytes: 0, jobs: 0 };
  for (const torrent of state.torrents.values()) {
    chargeRest(engine, torrent);
    const own = verifyQueueOf(torrent);
    verifyQueue.pieces += own.pieces;
    verifyQueue.bytes += own.bytes;
    verifyQueue.jobs += own.jobs;
  }
  return state.account.snapshot({ bytesInFlight, verifyQueue });
}
