// Which existing files a torrent may write to. When it is added, its files are claimed against
// other torrents. After the check, when their contents are known, those that no record of ours
// lists are admitted or refused. Until then nothing is written, created or cut.

import { recordOf } from '../../errors/millrace-error';
import type { ErrorRecord } from '../../errors/millrace-error';
import type { Claim, ClaimConflict, ClaimRequest } from '../../storage/claims';
import { inodeKey } from '../../storage/foreign-files';
import type { ForeignFile } from '../../storage/foreign-files';
import { entryOf } from '../../storage/made-files';
import { stateFile } from '../../storage/state-folder';
import type { OutputLook } from '../../storage/output-check';
import type { RecordedFile } from '../../storage/resume-record';
import type { ResumeState } from '../../storage/resume-rules';
import type { Disk } from '../outlets/disk';
import { ask } from '../engine';
import type { Engine } from '../engine';
import type { Happening, Seen } from '../happenings';
import { elsewhere, inUse, notOurs, ownedBy, twice } from './output-errors';
import type { Named } from './output-errors';
import type { Content, KnownTorrent, OutputFiles, TorrentState } from '../state';
import { failTorrent } from '../torrent/stopping';

/**
 * Claims the files of a torrent that is being added. Throws `output-conflict` with the name of the
 * torrent that has them.
 */
export async function claimOutput(
  engine: Engine,
  torrent: TorrentState,
  content: Content,
  look: OutputLook,
  resume: ResumeState,
  canWrite: boolean,
): Promise<OutputFiles> {
  const { id, infoHash } = torrent;
  const { download, adopt } = torrent.options;
  const { metainfo, storage } = content;
  const { files } = content.layout;
  const paths = files.map(({ path }) => path);
  const { stats, places, fold } = look;
  const used = places.map((place, at) => {
    const found = stats[at];
    return {
      path: fold(place),
      inode: found === undefined ? undefined : inodeKey(found),
    };
  });
  const user = { id, name: metainfo.name, infoHash };
  const conflict = engine.state.paths.claim(user, used, download);
  if (conflict?.user === user) throw twice(conflict.path, user);
  if (conflict !== undefined) throw inUse(conflict.path, conflict.user, user, 'this engine');
  const foreign = foreignFiles(
    paths,
    look,
    resume,
    storage.made === undefined ? new Set() : await engine.disk.readMade(storage.made),
  );
  const claimed: ClaimRequest = { ...look, infoHash, writes: download, files: paths };
  const taken = await (canWrite
    ? engine.disk.claimFiles(claimed)
    : engine.disk.findConflict(claimed));
  if (taken !== undefined && isConflict(taken))
    throw inUse(taken.path, taken, user, `process ${taken.pid}`);
  const toCut = files.some(({ lengthBytes }, at) => (stats[at]?.sizeBytes ?? 0) > lengthBytes);
  return { look, adopt, foreign, toCut: toCut && download, claim: taken };
}

function isConflict(taken: Claim | ClaimConflict): taken is ClaimConflict {
  return 'pid' in taken;
}

function foreignFiles(
  paths: readonly string[],
  { stats }: OutputLook,
  resume: ResumeState,
  made: ReadonlySet<string>,
): Set<string> {
  const foreign = new Set<string>();
  for (const [at, path] of paths.entries()) {
    const found = stats[at];
    if (found === undefined || found.sizeBytes === 0 || resume.ours.has(path)) continue;
    // Left by a run of ours that was killed before it could save a record.
    if (made.has(entryOf(path, found))) continue;
    foreign.add(path);
  }
  return foreign;
}

/** Whether `admitFiles` has anything to do. */
export function needsAdmission({
  options: { download },
  content: { outputFiles },
}: KnownTorrent): boolean {
  if (!download || outputFiles === undefined) return false;
  return outputFiles.foreign.size > 0 || outputFiles.toCut;
}

/**
 * After the check: may the foreign files be written to? If so, they count as ours from now on, and
 * those that are too long are cut. If not, the torrent fails. Each step starts only if its run
 * still lasts.
 */
export function admitFiles(engine: Engine, torrent: KnownTorrent): void {
  const { epoch } = torrent;
  const { outputFiles } = torrent.content;
  if (!outputFiles) return;
  ask(engine, judgeForeign(engine, torrent, outputFiles), (answer) => ({
    type: 'judged',
    torrent,
    epoch,
    answer,
  }));
}

type Of<Type extends Happening['type']> = Extract<Happening, { readonly type: Type }>;

export function onJudged(engine: Engine, { torrent, answer }: Of<'judged'>): void {
  const { outputFiles } = torrent.content;
  if (answer.error) refuse(engine, torrent, answer.error);
  else if (outputFiles)
    change(engine, torrent, 'noted', noteAdmitted(engine, torrent, outputFiles));
}

function refuse(engine: Engine, torrent: KnownTorrent, error: ErrorRecord): void {
  if (!engine.state.closing) failTorrent(engine, torrent, error);
}

/**
 * Changes files. Whatever follows the run waits for this, because it must see the files as this
 * leaves them.
 */
function change(
  engine: Engine,
  torrent: KnownTorrent,
  step: Of<'admitted'>['step'],
  work: Promise<Seen>,
): void {
  torrent.content.admitting = true;
  ask(engine, work, (answer) => ({ type: 'admitted', torrent, step, answer }));
}

/**
 * Takes the next step of the admission, or notes the end of a step whose run is over. Returns true
 * after the last step.
 */
export function admitOn(engine: Engine, { torrent, step, answer }: Of<'admitted'>): boolean {
  const { life } = torrent;
  const { outputFiles, watch } = torrent.content;
  if (!outputFiles) return false;
  torrent.content.admitting = false;
  if (!answer.error) for (const [path, now] of answer.value) watch?.accept(path, now);
  // A later run waits for this step before it reaches `admitting`, so here it is still the same
  // run.
  if (life.phase !== 'checking' || life.step !== 'admitting') {
    engine.happen({ type: 'go-on', torrent });
    return false;
  }
  if (answer.error) {
    refuse(engine, torrent, answer.error);
    return false;
  }
  if (step === 'noted' && outputFiles.toCut) {
    change(engine, torrent, 'cut', cut(engine, torrent, outputFiles));
    return false;
  }
  outputFiles.foreign.clear();
  outputFiles.toCut = false;
  return true;
}

/**
 * Notes the files as ours on disk: if this run is killed, the next one may continue to write to
 * them.
 */
async function noteAdmitted(
  { disk }: Engine,
  { content: { storage } }: KnownTorrent,
  { look, foreign }: OutputFiles,
): Promise<Seen> {
  if (storage.made === undefined || foreign.size === 0) return [];
  const paths = [...foreign];
  const found = await disk.statFiles(look.root, paths);
  disk.noteMade(
    storage.made,
    paths.flatMap((path, at) => {
      const file = found[at];
      return file === undefined ? [] : entryOf(path, file);
    }),
  );
  return [];
}

async function cut({ disk }: Engine, torrent: KnownTorrent, { look }: OutputFiles): Promise<Seen> {
  const { storage, record, layout } = torrent.content;
  const { files } = layout;
  const shorter = new Set(await disk.cutLonger(look.root, files, storage.followLinks ?? false));
  const present = (await record?.look()) ?? [];
  return files.flatMap(({ path }, at) => (shorter.has(path) ? [[path, present[at]] as const] : []));
}

/** Another program has replaced a file: it is checked again before it is written to. */
export function disown(torrent: KnownTorrent, path: string): void {
  torrent.content.outputFiles?.foreign.add(path);
}

/**
 * Throws `output-conflict`, `link-in-path` or `file-not-ours` for the first file that must not be
 * written to.
 */
async function judgeForeign(
  { disk }: Engine,
  torrent: KnownTorrent,
  files: OutputFiles,
): Promise<void> {
  const written = await toBeWritten(disk, torrent, files);
  if (written.length === 0) return;
  const { root, folders } = files.look;
  const own = stateFile(torrent.options.output, torrent.content.metainfo.infoHash, 'resume');
  const owner = await disk.recordedOwner(written, own, root, folders);
  if (owner !== undefined) throw ownedBy(owner, userOf(torrent));
  if (torrent.content.storage.followLinks !== true) refuseHardLinks(written, files.look, torrent);
  if (files.adopt) return;
  for (const file of written) {
    if (await holdsGoodBytes(disk, torrent, file)) continue;
    if (await disk.isBlank(file.path)) continue;
    throw notOurs(file.path, userOf(torrent));
  }
}

/** A foreign file that would be changed. */
interface WrittenFile extends ForeignFile {
  /** Its index in the torrent. */
  readonly at: number;
  /** Number of its hard links. */
  readonly names: number;
}

/**
 * A file with names outside the torrent would change under those names too: the user has not asked
 * for that, just as for a write through a symbolic link. Several names within the torrent may be
 * one file.
 */
function refuseHardLinks(
  written: readonly WrittenFile[],
  { stats }: OutputLook,
  torrent: KnownTorrent,
): void {
  for (const { path, identity, names } of written) {
    if (names === 1) continue;
    const key = inodeKey(identity);
    const own = stats.filter((found) => found !== undefined && inodeKey(found) === key).length;
    if (names > own) throw elsewhere(path, names - own, userOf(torrent));
  }
}

/** Foreign files that still exist and would be changed, by a missing piece or by a cut. */
async function toBeWritten(
  disk: Disk,
  torrent: KnownTorrent,
  { foreign, look }: OutputFiles,
): Promise<WrittenFile[]> {
  const { layout, possession } = torrent.content;
  const { have } = possession;
  const files = layout.files
    .map((file, at) => ({ ...file, at }))
    .filter(({ path }) => foreign.has(path));
  const stats = await disk.statFiles(
    look.root,
    files.map(({ path }) => path),
  );
  return files.flatMap(({ path, lengthBytes, at }, index) => {
    const found = stats[index];
    if (found === undefined) return [];
    const { first, end } = layout.piecesOfFile(at);
    let piece = first;
    while (piece < end && have.get(piece)) piece++;
    if (piece === end && found.sizeBytes <= lengthBytes) return [];
    return [{ path: look.places[at] ?? path, identity: found, names: found.names, at }];
  });
}

/**
 * Whether a good piece proves that a file belongs to this torrent. A piece of zeros does not: every
 * disk image has some. (A file of zeros alone is accepted as blank before this is tested.)
 */
async function holdsGoodBytes(
  disk: Disk,
  { content: { layout, possession } }: KnownTorrent,
  { path, at }: WrittenFile,
): Promise<boolean> {
  const { have } = possession;
  const { first, end } = layout.piecesOfFile(at);
  const stored = layout.files[at]?.path;
  for (
    let piece = have.nextSet(first);
    piece !== -1 && piece < end;
    piece = have.nextSet(piece + 1)
  )
    for (const { path: spanPath, offsetBytes, lengthBytes } of layout.spansOfPiece(piece))
      if (
        spanPath === stored &&
        !(await disk.isBlank(path, offsetBytes, offsetBytes + lengthBytes))
      )
        return true;
  return false;
}

/**
 * The file states for the record. Files not known to be ours are marked: their good pieces need not
 * be read again, but the mark gives no right to write to them. A file whose pieces are all durable
 * becomes ours.
 */
export function recordedFiles(torrent: KnownTorrent): RecordedFile[] {
  const files = torrent.content.watch?.recorded() ?? [];
  const foreign = torrent.content.outputFiles?.foreign;
  if (foreign === undefined || foreign.size === 0) return files;
  const { layout, possession } = torrent.content;
  const { durable } = possession.durability;
  for (const [at, { path }] of layout.files.entries()) {
    if (!foreign.has(path)) continue;
    const { first, end } = layout.piecesOfFile(at);
    let piece = first;
    while (piece < end && durable.get(piece)) piece++;
    if (piece === end) foreign.delete(path);
  }
  return files.map((file) => (foreign.has(file.path) ? { ...file, foreign: true } : file));
}

/**
 * Releases the files when the torrent is removed or could not be added. A claim that stays behind,
 * because the disk no longer accepts writes, is void once this process has ended.
 */
export function releaseOutput(
  engine: Engine,
  torrent: TorrentState,
  content = torrent.content,
): void {
  engine.state.paths.release(torrent.id);
  try {
    content?.outputFiles?.claim?.release();
  } catch (error) {
    engine.log('warn', 'a claim of files could not be released', {
      torrent: torrent.infoHash,
      error: recordOf(error).message,
    });
  }
}

function userOf({ infoHash, content }: KnownTorrent): Named {
  return { name: content.metainfo.name, infoHash };
}
