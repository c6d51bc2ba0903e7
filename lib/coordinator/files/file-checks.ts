// Compares all files of a torrent with how we left them, while nothing is written: before it is
// reported complete, while it seeds, and when it resumes after a pause or an error.

import type { LoadedRecord } from '../../storage/torrent-record';
import type { PresentFile } from '../../storage/resume-rules';
import type { FileIdentity } from '../../messages/storage';
import { disown } from './output-files';
import { ask } from '../engine';
import type { Engine } from '../engine';
import type { Happening } from '../happenings';
import { FileWatch } from './file-watch';
import type { FileChange } from './file-watch';
import { failChanged, loseFiles, onChanges } from './lost-data';
import type { Content, KnownTorrent } from '../state';
import { failTorrent, recheckRun } from '../torrent/stopping';

/** How often a seed's files are looked at. */
const LOOK_INTERVAL_MS = 30_000;
/**
 * The interval grows with the number of files, to at most 100 files a second: a look at one costs
 * some 20 µs.
 */
const LOOK_INTERVAL_MS_PER_FILE = 10;
/**
 * Touched files are read again up to three times; after that, another program keeps writing to
 * them.
 */
const MAX_RECHECKED_RUNS = 3;

/** Notes the state of the files at the start. */
export function watchFiles(
  { layout }: Content,
  { present, exactTimes }: LoadedRecord,
  nowMs: number,
): FileWatch {
  const files = layout.files.flatMap((file, at) => {
    const now = present[at];
    return now && file.lengthBytes > 0 ? [{ path: file.path, ...now }] : [];
  });
  return new FileWatch(files, exactTimes, nowMs);
}

/**
 * Whether the files must be compared before completion: they may have been touched since the last
 * look.
 */
export function needsLook({ options: { download }, content: { watch } }: KnownTorrent): boolean {
  // Where we wrote nothing, reads and later looks find what is missing.
  return download && watch?.dirty === true;
}

type Looked = Extract<Happening, { readonly type: 'looked' }>;

export function lookFor(engine: Engine, torrent: KnownTorrent, occasion: Looked['occasion']): void {
  const { epoch } = torrent;
  ask(engine, torrent.content.record?.look() ?? Promise.resolve([]), (answer) => ({
    type: 'looked',
    torrent,
    epoch,
    occasion,
    answer,
  }));
}

/** Handles the result of a look. Returns true if the torrent waited for it and may continue. */
export function judgeLook(engine: Engine, { torrent, occasion, answer }: Looked): boolean {
  const { watch } = torrent.content;
  if (!watch) return false;
  if (occasion === 'seeding') {
    watch.lookedMs = engine.nowMs();
    watch.looking = false;
    if (answer.error)
      engine.log('warn', 'the files of a seed could not be looked at', {
        torrent: torrent.infoHash,
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

/** Looks at the files of a seeding torrent when that is due. */
export function watchSeed(engine: Engine, torrent: KnownTorrent): void {
  const { watch } = torrent.content;
  if (torrent.phase !== 'seeding' || !torrent.completeSent) return;
  // Storage without an output folder is changed by nobody else.
  if (torrent.content.outputFiles === undefined) return;
  if (!watch || watch.looking || engine.nowMs() < nextLookMs(torrent.content, watch)) return;
  watch.looking = true;
  lookFor(engine, torrent, 'seeding');
}

function nextLookMs({ layout }: Content, watch: FileWatch): number {
  const intervalMs = LOOK_INTERVAL_MS_PER_FILE * layout.files.length;
  return watch.lookedMs + Math.max(LOOK_INTERVAL_MS, intervalMs);
}

/**
 * A later run begins: files that differ from how we left them count as lost. Their present state is
 * accepted and read again; files that replaced ours are not ours.
 */
function takeFilesAsTheyAre(
  engine: Engine,
  torrent: KnownTorrent,
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
  torrent: KnownTorrent,
  watch: FileWatch,
  present: readonly PresentFile[],
): FileChange[] {
  const changes: FileChange[] = [];
  for (const [path, now, lengthBytes] of withPaths(torrent, present)) {
    const change = watch.compare(path, now);
    const isLonger = now !== undefined && now.sizeBytes > lengthBytes;
    // Files that are only served may have been longer from the start.
    if (isLonger && (change ? change.kind === 'touched' : torrent.options.download))
      changes.push({ path, kind: lengthBytes === 0 ? 'filled' : 'grown' });
    else if (change) changes.push(change);
  }
  return changes;
}

/**
 * The torrent's files. Empty ones are included if we make them, and they are missing or not empty.
 */
function* withPaths(
  { content: { layout }, options: { download } }: KnownTorrent,
  present: readonly (FileIdentity | undefined)[],
): Generator<readonly [string, FileIdentity | undefined, number]> {
  for (const [at, file] of layout.files.entries()) {
    const now = present[at];
    if (file.lengthBytes > 0 || (download && now?.sizeBytes !== 0))
      yield [file.path, now, file.lengthBytes];
  }
}

/** Acts on the changes found. Returns true if all files are as we left them. */
function settle(
  engine: Engine,
  torrent: KnownTorrent,
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
  if (torrent.content.recheckedRuns >= MAX_RECHECKED_RUNS) {
    failChanged(engine, torrent, { path: doubtful, kind: 'touched' });
    return false;
  }
  torrent.content.recheckedRuns++;
  recheckRun(engine, torrent);
  return false;
}
