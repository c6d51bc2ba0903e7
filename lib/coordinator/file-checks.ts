// Looks at all files of a torrent while nothing is written: before it is called complete, while it
// seeds, and when it goes on after a pause or an error.

import type { LoadedRecord } from '../storage/torrent-record';
import type { PresentFile } from '../storage/resume-rules';
import type { FileIdentity } from '../messages/storage';
import { disown } from './output-files';
import { ask } from './engine';
import type { Engine } from './engine';
import type { Happening } from './happenings';
import { FileWatch } from './file-watch';
import type { FileChange } from './file-watch';
import { failChanged, loseFiles, onChanges } from './lost-data';
import type { TorrentState } from './state';
import { failTorrent, recheckRun } from './stopping';

/** A seed's files are looked at this often while it has peers, and with every announce … */
const LOOK_INTERVAL_MS = 30_000;
/** … but no more than a hundred files a second: a look at one costs some 20 µs of a core. */
const LOOK_INTERVAL_MS_PER_FILE = 10;
/** Touched files are read again up to three times; after that something keeps writing to them. */
const MAX_RECHECKED_RUNS = 3;

/** Notes how the files look at the start. */
export function watchFiles(
  { layout }: TorrentState,
  { present, exactTimes }: LoadedRecord,
  nowMs: number,
): FileWatch {
  const files = layout.files.flatMap((file, at) => {
    const now = present[at];
    return now && file.lengthBytes > 0 ? [{ path: file.path, ...now }] : [];
  });
  return new FileWatch(files, exactTimes, nowMs);
}

/** Whether a look comes before completion: something may have touched the files since they were seen. */
export function needsLook({ download, watch }: TorrentState): boolean {
  // Where we wrote nothing, reads and later looks find what is gone.
  return download && watch !== undefined && (watch.dirty || watch.doubtful.size > 0);
}

type Looked = Extract<Happening, { readonly type: 'looked' }>;

export function lookFor(engine: Engine, torrent: TorrentState, occasion: Looked['occasion']): void {
  const { epoch } = torrent;
  ask(engine, torrent.record?.look() ?? Promise.resolve([]), (answer) => ({
    type: 'looked',
    torrent,
    epoch,
    occasion,
    answer,
  }));
}

/** The files were looked at. True where the torrent waited for that and may go on. */
export function judgeLook(engine: Engine, { torrent, occasion, answer }: Looked): boolean {
  const { watch } = torrent;
  if (!watch) return false;
  if (occasion === 'seeding') {
    watch.lookedMs = engine.nowMs();
    watch.looking = false;
    if (answer.error)
      engine.log('warn', 'the files of a seed could not be looked at', {
        error: answer.error.message,
      });
    else settle(engine, torrent, watch, compareAll(torrent, watch, answer.value));
    return false;
  }
  if (answer.error) {
    failTorrent(engine, torrent, answer.error);
    return false;
  }
  if (occasion === 'start') {
    takeFilesAsTheyAre(engine, torrent, watch, answer.value);
    return true;
  }
  return settle(engine, torrent, watch, compareAll(torrent, watch, answer.value));
}

/** A torrent that serves: looks at its files when that is due. */
export function watchSeed(engine: Engine, torrent: TorrentState): void {
  const { watch } = torrent;
  if (torrent.phase !== 'seeding' || !torrent.completeSent) return;
  // Nobody but us changes what lies in no folder.
  if (torrent.outputFiles === undefined) return;
  if (!watch || watch.looking || engine.nowMs() < nextLookMs(torrent, watch)) return;
  watch.looking = true;
  lookFor(engine, torrent, 'seeding');
}

function nextLookMs({ layout }: TorrentState, watch: FileWatch): number {
  const intervalMs = LOOK_INTERVAL_MS_PER_FILE * layout.files.length;
  return watch.lookedMs + Math.max(LOOK_INTERVAL_MS, intervalMs);
}

/**
 * A run after the first one begins: files that are not as they were left hold nothing that is had,
 * and are taken as they are now, to be read again; what another program has put there is not ours.
 */
function takeFilesAsTheyAre(
  engine: Engine,
  torrent: TorrentState,
  watch: FileWatch,
  present: readonly PresentFile[],
): void {
  for (const [path, now] of withPaths(torrent, present)) {
    const change = watch.compare(path, now);
    if (!change && !watch.doubtful.has(path)) continue;
    watch.doubtful.add(path);
    watch.accept(path, now);
    if (change?.kind === 'replaced') disown(torrent, path);
  }
  loseFiles(torrent, watch.doubtful);
  watch.doubtful.clear();
  watch.lookedMs = engine.nowMs();
}

function compareAll(
  torrent: TorrentState,
  watch: FileWatch,
  present: readonly PresentFile[],
): FileChange[] {
  const changes: FileChange[] = [];
  for (const [path, now, lengthBytes] of withPaths(torrent, present)) {
    const change = watch.compare(path, now);
    const isLonger = now !== undefined && now.sizeBytes > lengthBytes;
    // What is only served may have been longer from the start.
    if (isLonger && (change ? change.kind === 'touched' : torrent.download))
      changes.push({ path, kind: lengthBytes === 0 ? 'filled' : 'grown' });
    else if (change) changes.push(change);
  }
  return changes;
}

/** The torrent's files; those without a byte where they are not so. */
function* withPaths(
  { layout }: TorrentState,
  present: readonly (FileIdentity | undefined)[],
): Generator<readonly [string, FileIdentity | undefined, number]> {
  for (const [at, file] of layout.files.entries()) {
    const now = present[at];
    if (file.lengthBytes > 0 || now === undefined || now.sizeBytes > 0)
      yield [file.path, now, file.lengthBytes];
  }
}

/** Acts on what was found. True when all files are as they were left. */
function settle(
  engine: Engine,
  torrent: TorrentState,
  watch: FileWatch,
  changes: readonly FileChange[],
): boolean {
  onChanges(engine, torrent, changes);
  if (torrent.phase === 'failed') return false;
  const [doubtful] = watch.doubtful;
  if (doubtful === undefined) {
    watch.dirty = false;
    watch.lookedMs = engine.nowMs();
    return true;
  }
  if (torrent.recheckedRuns >= MAX_RECHECKED_RUNS) {
    failChanged(engine, torrent, { path: doubtful, kind: 'touched' });
    return false;
  }
  torrent.recheckedRuns++;
  recheckRun(engine, torrent);
  return false;
}
