// Adds torrents: everything that needs, in an order in which every failure can be undone.

import { Bitfield } from '../bytes/bitfield';
import { toHex } from '../bytes/hex';
import { TokenBucket } from '../choke/token-bucket';
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { AddRequest } from '../messages/control';
import type { StorageRef } from '../messages/storage';
import { layoutOf } from '../metainfo/layout';
import type { Layout } from '../metainfo/layout';
import type { NameMapping } from '../metainfo/names';
import { Availability } from '../picker/availability';
import type { OutputLook } from '../storage/output-check';
import { stateFile } from '../storage/state-folder';
import type { StorageLock, StorageState } from '../storage/storage';
import { AnnounceSchedule } from '../tracker/schedule';
import { newAccount } from './account';
import { claimOutput, releaseOutput } from './output-files';
import { AddressBook } from './address-book';
import type { Engine } from './engine';
import { committedBytesOf } from './pieces';
import { newLife } from './life';
import { Possession } from './possession';
import { RateMeter } from './rate-meter';
import { watchFiles } from './file-checks';
import { removed } from './removing';
import type { TorrentState } from './state';

/**
 * Rechokes between ticks. Each peer that joins a new swarm causes one. Peers that keep changing
 * their interest get twenty a second: in a torrent of 200 peers that costs 1 ms per second.
 */
const RECHOKES = { perSec: 20, burst: 50 };

/**
 * Adds a torrent. Resolves when its output is locked and its record loaded, to the mapping that
 * names its files there; the rest follows in the background. If the signal fires before that,
 * rejects with its reason and leaves nothing behind.
 */
export async function addTorrent(
  engine: Engine,
  id: number,
  wanted: AddRequest,
  stop?: AbortSignal,
): Promise<NameMapping | undefined> {
  const infoHash = toHex(wanted.metainfo.infoHash);
  for (const other of engine.state.torrents.values()) {
    if (other.infoHash !== infoHash) continue;
    // A torrent that is being removed may be added again: wait for the end of the removal.
    if (other.phase === 'closed') await removed(other).catch(() => undefined);
    else {
      throw new MillraceError(
        'already-added',
        `torrent ${wanted.metainfo.name} (${infoHash}) was already added to this engine`,
      );
    }
  }
  if (engine.state.adding.has(infoHash))
    throw new MillraceError('already-added', `torrent ${infoHash} is being added`);
  engine.state.adding.add(infoHash);
  try {
    const storage = storageOf(id, infoHash, wanted);
    const state = await engine.disk.openState(storage, infoHash);
    try {
      return await addWith(engine, id, wanted, infoHash, storage, state, stop);
    } catch (error) {
      await closeState(engine, infoHash, state);
      throw error;
    }
  } finally {
    engine.state.adding.delete(infoHash);
  }
}

function storageOf(id: number, infoHash: string, request: AddRequest): StorageRef {
  return {
    module: request.storage?.module ?? 'files',
    key: `${id}:${infoHash}`,
    root: request.output,
    followLinks: request.followLinks,
    options: request.storage?.options,
  };
}

async function addWith(
  engine: Engine,
  id: number,
  wanted: AddRequest,
  infoHash: string,
  store: StorageRef,
  state: StorageState | undefined,
  stop: AbortSignal | undefined,
): Promise<NameMapping | undefined> {
  const { output, download } = wanted;
  const isFolder = state?.folder !== undefined;
  const metainfo = isFolder
    ? await engine.disk.namesOnDisk(wanted.metainfo, output)
    : wanted.metainfo;
  const request = { ...wanted, metainfo };
  const layout = layoutOf(metainfo);
  const made = stateFile(output, metainfo.infoHash, 'made');
  const storage = isFolder && download ? { ...store, made } : store;
  let look: OutputLook | undefined;
  if (isFolder)
    look = await engine.disk.checkOutput(output, layout.files, {
      force: request.force,
      followLinks: request.followLinks,
      readOnly: !download,
    });
  stop?.throwIfAborted();
  const budget = engine.state.budget.register(id, {
    pieceLengthBytes: committedBytesOf(metainfo.pieceLengthBytes),
  });
  if (budget.grown) {
    engine.log('info', 'the memory budget grew for long pieces', {
      torrent: infoHash,
      limitBytes: budget.limitBytes,
    });
  }
  let lock: StorageLock | undefined;
  let torrent: TorrentState | undefined;
  try {
    lock = state ? await takeLock(state, download) : NO_LOCK;
    const held = { release: () => letGo(engine, infoHash, lock, state) };
    torrent = newTorrent(engine, id, request, layout, infoHash, storage, state, held);
    const resume = await torrent.record?.load();
    if (look && resume) {
      const canWrite = lock !== NO_LOCK;
      torrent.outputFiles = await claimOutput(engine, torrent, request, look, resume, canWrite);
    }
    stop?.throwIfAborted();
    if (!resume) torrent.toCheck.setAll();
    else {
      torrent.watch = watchFiles(torrent, resume, engine.nowMs());
      addAll(torrent.toCheck, resume.recheck);
      if (request.recheck) addAll(torrent.toCheck, resume.have);
      else torrent.possession.trust(resume.have);
    }
    if (resume)
      engine.log('info', 'resume record', {
        torrent: infoHash,
        status: resume.status,
        reason: resume.reason,
      });
    engine.happen({ type: 'added', torrent, peers: request.peers });
    return metainfo.names;
  } catch (error) {
    engine.state.budget.unregister(id);
    if (torrent) releaseOutput(engine, torrent);
    await releaseLock(engine, infoHash, lock);
    throw error;
  }
}

const NO_LOCK: StorageLock = { release: () => undefined };

/** Data that is only served may lie where nothing can be written, not even a lock. */
async function takeLock(state: StorageState, download: boolean): Promise<StorageLock> {
  try {
    return await state.lock();
  } catch (error) {
    const { code } = recordOf(error);
    if (!download && code === 'output-not-writable') return NO_LOCK;
    throw error;
  }
}

/** Releases a back end. An error there must not keep the torrent. */
async function letGo(
  engine: Engine,
  infoHash: string,
  lock: StorageLock | undefined,
  state: StorageState | undefined,
): Promise<void> {
  await releaseLock(engine, infoHash, lock);
  await closeState(engine, infoHash, state);
}

async function releaseLock(
  engine: Engine,
  torrent: string,
  lock: StorageLock | undefined,
): Promise<void> {
  try {
    await lock?.release();
  } catch (error) {
    const { message } = recordOf(error);
    engine.log('warn', 'a lock could not be released', { torrent, error: message });
  }
}

async function closeState(
  engine: Engine,
  torrent: string,
  state: StorageState | undefined,
): Promise<void> {
  try {
    await state?.close?.();
  } catch (error) {
    const { message } = recordOf(error);
    engine.log('warn', 'a storage back end could not be closed', { torrent, error: message });
  }
}

function addAll(target: Bitfield, source: Bitfield): void {
  for (let piece = source.nextSet(0); piece !== -1; piece = source.nextSet(piece + 1))
    target.set(piece);
}

function newTorrent(
  engine: Engine,
  id: number,
  request: AddRequest,
  layout: Layout,
  infoHash: string,
  storage: StorageRef,
  state: StorageState | undefined,
  lock: StorageLock,
): TorrentState {
  const { metainfo, output } = request;
  const { pieceCount, pieceLengthBytes, files, names } = layout;
  const shape = { infoHash: metainfo.infoHash, pieceCount, pieceLengthBytes, files };
  const random = (): number => engine.random();
  const possession = new Possession(layout, random);
  return {
    id,
    metainfo,
    infoHash,
    layout,
    geometry: layout.geometry,
    storage,
    output,
    download: request.download,
    seed: request.seed,
    announceToAll: request.announceToAll,
    life: newLife(),
    get phase() {
      return this.life.phase;
    },
    possession,
    availability: new Availability(possession.picker),
    active: new Map(),
    open: new Set(),
    filled: [],
    jobsOut: 0,
    sources: new Set(),
    peers: new Set(),
    onPeersGone: [],
    book: new AddressBook({ random }),
    schedule: new AnnounceSchedule({ tiers: [], random, nowMs: engine.nowMs() }),
    announcing: new Set(),
    trackersHadNews: false,
    lastAnnounces: undefined,
    dialing: 0,
    waitingDials: new Set(),
    makingEmptyFiles: false,
    admitting: false,
    announceKey: Math.floor(random() * 2 ** 32),
    downloadedAtStart: 0,
    uploadedAtStart: 0,
    lastRecordsOut: 0,
    onStopped: [],
    onRemoved: [],
    watch: undefined,
    recheckedRuns: 0,
    record: state && engine.disk.openRecord(state, shape, names),
    lock,
    outputFiles: undefined,
    openOn: new Set(),
    toCheck: new Bitfield(metainfo.pieceCount),
    checkedPieces: 0,
    checksOut: 0,
    piecesToCheck: 0,
    fetchedBytes: 0,
    downloadedBytes: 0,
    uploadedBytes: 0,
    wastedBytes: 0,
    piecesFailed: 0,
    downloadRate: new RateMeter(),
    uploadRate: new RateMeter(),
    account: newAccount(),
    lastNewsMs: -Infinity,
    rechokes: new TokenBucket(RECHOKES),
    lastProgressMs: engine.nowMs(),
    completeSent: false,
    restUntilMs: Infinity,
    epoch: 0,
  };
}
