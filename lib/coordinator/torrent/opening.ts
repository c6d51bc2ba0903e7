// The content of a torrent becomes known: everything that its storage needs is done in the order that
// harms nothing. Then the torrent has its content, and is checked.

import { Bitfield } from '../../bytes/bitfield';
import { toHex } from '../../bytes/hex';
import { recordOf } from '../../errors/millrace-error';
import type { StorageRef } from '../../messages/storage';
import { layoutOf } from '../../metainfo/layout';
import { MAX_METAINFO_BYTES } from '../../metainfo/limits';
import type { Metainfo } from '../../metainfo/metainfo';
import { infoForPeers, withSharedInfo } from '../../metainfo/shared-info';
import { Availability } from '../../picker/availability';
import type { OutputLook } from '../../storage/output-check';
import { stateFile } from '../../storage/state-folder';
import type { StorageLock, StorageState } from '../../storage/storage';
import { ask } from '../engine';
import type { Engine } from '../engine';
import { watchFiles } from '../files/file-checks';
import { endFetch } from '../metadata/fetch';
import { keepInfo } from '../metadata/stored';
import type { Happening } from '../happenings';
import { enter, newCheck } from './life';
import { claimOutput, releaseOutput } from '../files/output-files';
import { committedBytesOf } from '../pieces/pieces';
import { Possession } from '../pieces/possession';
import { wake } from '../rest';
import { isKnown } from '../state';
import type { Content, TorrentState } from '../state';
import { turnedOutPrivate } from '../swarm/private-torrent';
import { failTorrent } from './stopping';

type Of<Type extends Happening['type']> = Extract<Happening, { readonly type: Type }>;

/** The metainfo of a torrent was learnt. */
export function onMetainfo(engine: Engine, { torrent, metainfo }: Of<'metainfo'>): void {
  if (isKnown(torrent) || torrent.learnt !== undefined || torrent.phase === 'closed') return;
  if (Buffer.compare(metainfo.infoHash, torrent.infoHashBytes) !== 0) {
    const other = toHex(metainfo.infoHash);
    engine.log('warn', 'metainfo of another torrent was dropped', {
      torrent: torrent.infoHash,
      other,
    });
    return;
  }
  endFetch(torrent);
  torrent.learnt = withSharedInfo(metainfo);
  torrent.info = infoForPeers(torrent.learnt);
  for (const thread of torrent.openOn)
    engine.order(thread, { type: 'torrent-info', torrent: torrent.id, info: torrent.info });
  if (metainfo.private) turnedOutPrivate(engine, torrent);
  openLearnt(engine, torrent);
}

/** Opens what was learnt, unless the torrent is stopped: then its next run does. */
export function openLearnt(engine: Engine, torrent: TorrentState): void {
  const { learnt, opening, phase } = torrent;
  if (learnt === undefined || opening || phase !== 'metadata') return;
  torrent.opening = true;
  ask(engine, openContent(engine, torrent, learnt), (answer) => ({
    type: 'content-opened',
    torrent,
    answer,
  }));
}

/**
 * A torrent that was stopped meanwhile gets its content all the same: then everything is given back as it is
 * for others. After an error, the next run opens it again.
 */
export function onContentOpened(engine: Engine, { torrent, answer }: Of<'content-opened'>): void {
  torrent.opening = false;
  const metainfo = answer.error ? torrent.learnt : answer.value.metainfo;
  if (metainfo) engine.emit({ type: 'metadata', torrent: torrent.id, metainfo });
  if (answer.error) {
    if (!engine.state.closing) failTorrent(engine, torrent, answer.error);
  } else {
    const { pieceCount } = answer.value.layout;
    torrent.content = answer.value;
    torrent.learnt = undefined;
    for (const source of torrent.sources) source.bits = new Bitfield(pieceCount);
    if (torrent.phase === 'metadata') enter(torrent, newCheck({ inSwarm: true }));
    wake(engine, torrent);
    engine.turn.stats.add(torrent);
  }
  engine.happen({ type: 'go-on', torrent });
}

/** Locks the output and loads the record. On an error nothing is left behind. */
export async function openContent(
  engine: Engine,
  torrent: TorrentState,
  metainfo: Metainfo,
  stop?: AbortSignal,
): Promise<Content> {
  const storage = storageOf(torrent);
  const state = await engine.disk.openState(storage, torrent.infoHash);
  try {
    return await openWith(engine, torrent, metainfo, storage, state, stop);
  } catch (error) {
    await closeState(engine, torrent.infoHash, state);
    throw error;
  }
}

/** The info dictionary that an earlier run stored; undefined if there is none. */
export async function loadInfo(
  engine: Engine,
  torrent: TorrentState,
): Promise<Uint8Array | undefined> {
  const { infoHash } = torrent;
  const state = await engine.disk.openState(storageOf(torrent), infoHash);
  try {
    return await state?.loadInfo?.(MAX_METAINFO_BYTES);
  } finally {
    await closeState(engine, infoHash, state);
  }
}

/**
 * Deletes what earlier runs left of a torrent whose content is not open: its record, and the list of
 * the files that they made. Throws `output-locked` where another engine works on it.
 */
export async function forgetUnopened(engine: Engine, torrent: TorrentState): Promise<void> {
  const { infoHash, options } = torrent;
  const state = await engine.disk.openState(storageOf(torrent), infoHash);
  if (state === undefined) return;
  try {
    // A lock would make the folder.
    if (state.folder && !(await hasState(engine, torrent))) return;
    const lock = await state.lock();
    try {
      await state.remove();
      if (state.folder) engine.disk.forgetMade(madeFiles(torrent, options.output));
    } finally {
      await releaseLock(engine, infoHash, lock);
    }
  } finally {
    await closeState(engine, infoHash, state);
  }
}

async function hasState(engine: Engine, torrent: TorrentState): Promise<boolean> {
  const { output } = torrent.options;
  const files = (['resume', 'made', 'info'] as const).map((kind) =>
    stateFile('', torrent.infoHashBytes, kind),
  );
  const found = await engine.disk.statFiles(output, files);
  return found.some((file) => file !== undefined);
}

function madeFiles({ infoHashBytes }: TorrentState, output: string): string {
  return stateFile(output, infoHashBytes, 'made');
}

function storageOf({ id, infoHash, options }: TorrentState): StorageRef {
  return {
    module: options.storage?.module ?? 'files',
    key: `${id}:${infoHash}`,
    root: options.output,
    followLinks: options.followLinks,
    options: options.storage?.options,
  };
}

async function openWith(
  engine: Engine,
  torrent: TorrentState,
  unnamed: Metainfo,
  store: StorageRef,
  state: StorageState | undefined,
  stop: AbortSignal | undefined,
): Promise<Content> {
  const { id, infoHash, options } = torrent;
  const { output, download } = options;
  const isFolder = state?.folder !== undefined;
  const metainfo = isFolder ? await engine.disk.namesOnDisk(unnamed, output) : unnamed;
  const made = madeFiles(torrent, output);
  const storage = isFolder && download ? { ...store, made } : store;
  let look: OutputLook | undefined;
  if (isFolder)
    look = await engine.disk.checkOutput(output, layoutOf(metainfo).files, {
      force: options.force,
      followLinks: options.followLinks,
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
  let content: Content | undefined;
  try {
    lock = state ? await takeLock(state, download) : NO_LOCK;
    const held = { release: () => letGo(engine, infoHash, lock, state) };
    content = newContent(engine, metainfo, storage, state, held);
    const resume = await content.record?.load();
    if (torrent.learnt && lock !== NO_LOCK) await keepInfo(engine, torrent, state);
    if (look && resume) {
      const canWrite = lock !== NO_LOCK;
      content.outputFiles = await claimOutput(engine, torrent, content, look, resume, canWrite);
    }
    stop?.throwIfAborted();
    if (!resume) content.toCheck.setAll();
    else {
      content.watch = watchFiles(content, resume, engine.nowMs());
      addAll(content.toCheck, resume.recheck);
      if (options.recheck) addAll(content.toCheck, resume.have);
      else content.possession.trust(resume.have);
    }
    if (resume)
      engine.log('info', 'resume record', {
        torrent: infoHash,
        status: resume.status,
        reason: resume.reason,
      });
    return content;
  } catch (error) {
    engine.state.budget.unregister(id);
    if (content) releaseOutput(engine, torrent, content);
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

function newContent(
  engine: Engine,
  metainfo: Metainfo,
  storage: StorageRef,
  state: StorageState | undefined,
  lock: StorageLock,
): Content {
  const layout = layoutOf(metainfo);
  const { pieceCount, pieceLengthBytes, files, names } = layout;
  const shape = { infoHash: metainfo.infoHash, pieceCount, pieceLengthBytes, files };
  const possession = new Possession(layout, () => engine.random());
  return {
    metainfo,
    layout,
    storage,
    possession,
    availability: new Availability(possession.picker),
    superSeed: undefined,
    active: new Map(),
    open: new Set(),
    filled: [],
    jobsOut: 0,
    makingEmptyFiles: false,
    admitting: false,
    watch: undefined,
    recheckedRuns: 0,
    record: state && engine.disk.openRecord(state, shape, names),
    lock,
    outputFiles: undefined,
    toCheck: new Bitfield(pieceCount),
    checkedPieces: 0,
    checksOut: 0,
    piecesToCheck: 0,
    piecesFailed: 0,
    lastNewsMs: -Infinity,
    sharedAtMs: -Infinity,
  };
}
