// PURE. How the files of a torrent looked when we last left them, and whether another program has
// touched them since. Our own writes also change sizes and times, so a time is compared only where
// the last write is known: after a job that ran alone, or a sync during which nothing was written.

import type { FileIdentity, FilePlace, KnownFile } from '../../messages/storage';
import type { SyncedFile, WrittenFile } from '../../messages/verify';
import type { RecordedFile } from '../../storage/resume-record';

/**
 * `missing`: no file has that name. `replaced`: another file has it. `cut`: shorter than we left
 * it. `grown`: longer than the torrent says; `filled`: the same for a file that is empty in the
 * torrent. `touched`: its time or length differs, or it is another file with the same time and
 * length: its data may still be right.
 */
export interface FileChange {
  readonly path: string;
  readonly kind: 'missing' | 'replaced' | 'cut' | 'grown' | 'filled' | 'touched';
}

interface Watched {
  /** As we left it; undefined while unknown. */
  left: FileIdentity | undefined;
  /** As the start or the last sync found it: the state in the resume record. */
  recorded: FileIdentity | undefined;
  /**
   * As last seen, if that differs from `recorded`: no sync has covered it yet, or another program
   * changed it. Its data does not count, but the record must identify the file as ours.
   */
  seen: FileIdentity | undefined;
  /** Where the file that is written to lies. */
  place: FilePlace | undefined;
  /** Its length is at least this: our writes never shorten a file. */
  minBytes: number;
  /** `minBytes` when the running sync began: the sync may have looked before later writes. */
  syncMinBytes: number;
  /** States seen by concurrent jobs, the latest ones. */
  atOnce: FileIdentity[];
  /** Jobs in flight that may write to it. */
  jobs: number;
  /** Jobs on it have overlapped, so the last state is unknown. */
  mixed: boolean;
  /** Nothing was written since the running sync began. */
  quiet: boolean;
}

/** States kept: two for each concurrent job, several times over. */
const MAX_SEEN_AT_ONCE = 32;

/** The files of a job, each with its minimum length when the job began. */
export type WriteTicket = ReadonlyMap<string, number>;

export class FileWatch {
  /** Files whose pieces must be read again before they count as good. */
  readonly doubtful = new Set<string>();
  /** Something was written or synced since the last look at all files. */
  dirty = false;
  /** When all files were last looked at. */
  lookedMs: number;
  /** A look at all files is under way. */
  looking = false;
  private readonly files = new Map<string, Watched>();
  private readonly exactTimes: boolean;

  /**
   * `present`: the files found at the start. `exactTimes`: a time that is read right after a write
   * stays valid (not so on network file systems, where the server sets another one when the data
   * arrives).
   */
  constructor(present: Iterable<RecordedFile>, exactTimes: boolean, nowMs: number) {
    this.exactTimes = exactTimes;
    this.lookedMs = nowMs;
    for (const { path, ...found } of present) this.accept(path, found);
  }

  /** The file states for the resume record. */
  recorded(): RecordedFile[] {
    const recorded: RecordedFile[] = [];
    for (const [path, { seen, recorded: synced }] of this.files) {
      const file = seen ?? synced;
      if (file !== undefined) recorded.push({ path, ...file });
    }
    return recorded;
  }

  /** Accepts the present state of the file; undefined: it does not exist. */
  accept(path: string, now: FileIdentity | undefined): void {
    const file = this.fileOf(path);
    file.left = now;
    file.recorded = now;
    file.seen = undefined;
    file.place = now;
    file.minBytes = now?.sizeBytes ?? 0;
  }

  /** A job that writes to these files starts. Pass the returned ticket to `end`. */
  begin(paths: Iterable<string>): WriteTicket {
    this.dirty = true;
    const ticket = new Map<string, number>();
    for (const path of paths) {
      const file = this.fileOf(path);
      ticket.set(path, file.minBytes);
      file.jobs++;
      if (file.jobs > 1) file.mixed = true;
      file.quiet = false;
    }
    return ticket;
  }

  /** Those of the files that exist: a job that is about to start may write to exactly these. */
  known(paths: Iterable<string>): KnownFile[] {
    const known: KnownFile[] = [];
    for (const path of paths) {
      const { place, left, jobs } = this.fileOf(path);
      if (place === undefined) continue;
      known.push({ path, inode: place.inode, ...(left && jobs === 0 && { left }) });
    }
    return known;
  }

  /**
   * A job has ended. `written`: the states it saw, undefined if the job was lost; `again`: an
   * earlier attempt had started on a worker that died.
   */
  end(
    ticket: WriteTicket,
    written: readonly WrittenFile[] | undefined,
    again: boolean,
  ): FileChange[] {
    const changes: FileChange[] = [];
    const seen = new Map(written?.map((file) => [file.path, file]));
    for (const [path, minBytes] of ticket) {
      const file = this.fileOf(path);
      const found = seen.get(path);
      const alone = !file.mixed && !again;
      if (found) {
        const then = alone ? file.left : undefined;
        const kinds = [
          kindOf({ place: file.place, minBytes }, found.before, then),
          kindAfter(found),
        ];
        if (this.exactTimes && file.mixed) {
          const cuts = [found.before, found.after].map((state) => shrank(file.atOnce, state));
          if (cuts.includes(true)) kinds.push('touched');
        }
        for (const kind of kinds) this.note(changes, path, kind);
        const isKnown = file.recorded !== undefined && file.seen === undefined;
        if (!kinds.includes('replaced') && !(isKnown && kinds.every((kind) => kind === undefined)))
          file.seen = found.after;
      }
      file.left = alone && this.exactTimes ? found?.after : undefined;
      file.place = found?.after ?? file.place;
      file.minBytes = Math.max(file.minBytes, found?.endBytes ?? 0, found?.after.sizeBytes ?? 0);
      file.jobs--;
      if (file.jobs > 0) continue;
      file.mixed = false;
      file.atOnce = [];
    }
    return changes;
  }

  /** A sync of these files starts. */
  beginSync(paths: Iterable<string>): void {
    this.dirty = true;
    for (const path of paths) {
      const file = this.fileOf(path);
      file.quiet = file.jobs === 0;
      file.syncMinBytes = file.minBytes;
    }
  }

  /** The sync has ended and found these files under their names. */
  synced(files: readonly SyncedFile[]): FileChange[] {
    const changes: FileChange[] = [];
    for (const { path, now } of files) {
      const file = this.fileOf(path);
      const minBytes = file.syncMinBytes;
      const kind = kindOf({ place: file.place, minBytes }, now, file.quiet ? file.left : undefined);
      this.note(changes, path, kind);
      if (kind === 'cut') file.seen = now;
      if (now === undefined || (kind !== undefined && kind !== 'touched')) continue;
      file.recorded = now;
      file.seen = undefined;
      file.place = now;
      file.minBytes = Math.max(file.minBytes, now.sizeBytes);
      if (file.quiet) file.left = now;
    }
    return changes;
  }

  /**
   * How a file differs from the state in which we left it, while nothing is written; undefined if
   * it does not.
   */
  compare(path: string, now: FileIdentity | undefined): FileChange | undefined {
    const file = this.fileOf(path);
    const kind = kindOf(file, now, file.left ?? file.recorded);
    if (kind === 'cut' || kind === 'touched') file.seen = now;
    return kind && { path, kind };
  }

  private note(changes: FileChange[], path: string, kind: FileChange['kind'] | undefined): void {
    if (kind === undefined) return;
    changes.push({ path, kind });
    this.doubtful.add(path);
  }

  private fileOf(path: string): Watched {
    let file = this.files.get(path);
    if (!file) {
      file = {
        left: undefined,
        recorded: undefined,
        seen: undefined,
        place: undefined,
        minBytes: 0,
        syncMinBytes: 0,
        atOnce: [],
        jobs: 0,
        mixed: false,
        quiet: false,
      };
      this.files.set(path, file);
    }
    return file;
  }
}

/**
 * Concurrent jobs end in any order, but modification times order what they saw: a file that got
 * shorter was cut between their writes, even if it has grown back. (A clock that was set back looks
 * the same; then the file is read once more than needed.)
 */
function shrank(earlier: FileIdentity[], seen: FileIdentity): boolean {
  const isCut = earlier.some(
    ({ sizeBytes, mtimeNs }) =>
      (seen.mtimeNs > mtimeNs && seen.sizeBytes < sizeBytes) ||
      (mtimeNs > seen.mtimeNs && sizeBytes < seen.sizeBytes),
  );
  earlier.push(seen);
  if (earlier.length > MAX_SEEN_AT_ONCE) earlier.shift();
  return isCut;
}

/** What happened to a file during a job, judged by its inode and length. */
function kindAfter({ before, after, endBytes }: WrittenFile): FileChange['kind'] | undefined {
  if (after.inode !== before.inode) return 'replaced';
  return after.sizeBytes < endBytes ? 'cut' : undefined;
}

/** `then`: the last known state, if none of our writes has followed it; else undefined. */
function kindOf(
  { place, minBytes }: Pick<Watched, 'place' | 'minBytes'>,
  now: FileIdentity | undefined,
  then: FileIdentity | undefined,
): FileChange['kind'] | undefined {
  if (now === undefined) return 'missing';
  const looksSame = then?.sizeBytes === now.sizeBytes && then.mtimeNs === now.mtimeNs;
  if (place !== undefined && place.inode !== now.inode) return looksSame ? 'touched' : 'replaced';
  if (now.sizeBytes < minBytes) return 'cut';
  return then !== undefined && !looksSame ? 'touched' : undefined;
}
