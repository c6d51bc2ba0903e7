// PURE. How the files of a torrent looked when we last left them, and whether another program touched
// them since. Our own writes change sizes and times, too, so a time is judged only where it is known
// which write came last: by one job at a time, or by a sync during which nothing was written.

import type { FileIdentity, FilePlace, KnownFile } from '../messages/storage';
import type { SyncedFile, WrittenFile } from '../messages/verify';
import type { RecordedFile } from '../storage/resume-record';

/**
 * `missing`: no file has that name. `replaced`: another one has. `cut`: it is shorter than we left it.
 * `grown`: it is longer than the torrent says; `filled`: and that is not a byte. `touched`: its time or length differs, or it is a copy
 * that equals it in both: what it holds may still be right.
 */
export interface FileChange {
  readonly path: string;
  readonly kind: 'missing' | 'replaced' | 'cut' | 'grown' | 'filled' | 'touched';
}

interface Watched {
  /** As we left it; undefined while that is not known. */
  left: FileIdentity | undefined;
  /** As the start or the last sync found it: what the resume record says. */
  recorded: FileIdentity | undefined;
  /**
   * As it was last seen, where that is not what `recorded` says: no sync has covered it yet, or another
   * program changed it. Nothing in it counts, but the record must know the file for ours.
   */
  seen: FileIdentity | undefined;
  /** Where the file lies that is written to. */
  place: FilePlace | undefined;
  /** It was at least this long: our writes never cut a file. */
  minBytes: number;
  /** The same when the sync that is out began: it may have looked before later writes came. */
  syncMinBytes: number;
  /** How jobs that were out at once have seen it, the last ones. */
  atOnce: FileIdentity[];
  /** Jobs that may be writing to it. */
  jobs: number;
  /** Two of them were out at once: which one left the file last is not known. */
  mixed: boolean;
  /** Nothing was written since the sync that is out began. */
  quiet: boolean;
}

/** Two states for each of the jobs that can be out, a few times over. */
const MAX_SEEN_AT_ONCE = 32;

/** The files of a job, each with the length that it had at least when the job began. */
export type WriteTicket = ReadonlyMap<string, number>;

export class FileWatch {
  /** Files whose pieces must be read again before they may be called good. */
  readonly doubtful = new Set<string>();
  /** Something was written or synced since the last look at all files. */
  dirty = false;
  /** When all files were last looked at. */
  lookedMs: number;
  /** A look at all files is under way. */
  looking = false;
  readonly #files = new Map<string, Watched>();
  readonly #exactTimes: boolean;

  /**
   * `present`: the files found at the start. `exactTimes`: a time read right after a write stays (it
   * does not on network file systems, where the server sets another when the data arrives).
   */
  constructor(present: Iterable<RecordedFile>, exactTimes: boolean, nowMs: number) {
    this.#exactTimes = exactTimes;
    this.lookedMs = nowMs;
    for (const { path, ...found } of present) this.accept(path, found);
  }

  /** What the resume record is to say. */
  recorded(): RecordedFile[] {
    const recorded: RecordedFile[] = [];
    for (const [path, { seen, recorded: synced }] of this.#files) {
      const file = seen ?? synced;
      if (file !== undefined) recorded.push({ path, ...file });
    }
    return recorded;
  }

  /** From now on the file is to be as it is now; undefined: there is none. */
  accept(path: string, now: FileIdentity | undefined): void {
    const file = this.#fileOf(path);
    file.left = now;
    file.recorded = now;
    file.seen = undefined;
    file.place = now;
    file.minBytes = now?.sizeBytes ?? 0;
  }

  /** A job that writes to these files is handed out; `end` takes what this returns. */
  begin(paths: Iterable<string>): WriteTicket {
    this.dirty = true;
    const ticket = new Map<string, number>();
    for (const path of paths) {
      const file = this.#fileOf(path);
      ticket.set(path, file.minBytes);
      file.jobs++;
      if (file.jobs > 1) file.mixed = true;
      file.quiet = false;
    }
    return ticket;
  }

  /** Those of the files that were seen: a job that is about to begin may write to these very ones. */
  known(paths: Iterable<string>): KnownFile[] {
    const known: KnownFile[] = [];
    for (const path of paths) {
      const { place, left, jobs } = this.#fileOf(path);
      if (place === undefined) continue;
      known.push({ path, inode: place.inode, ...(left && jobs === 0 && { left }) });
    }
    return known;
  }

  /**
   * The job is over. `written`: what it saw, undefined when it was lost; `again`: it had begun before,
   * on a worker that died.
   */
  end(
    ticket: WriteTicket,
    written: readonly WrittenFile[] | undefined,
    again: boolean,
  ): FileChange[] {
    const changes: FileChange[] = [];
    const seen = new Map(written?.map((file) => [file.path, file]));
    for (const [path, minBytes] of ticket) {
      const file = this.#fileOf(path);
      const found = seen.get(path);
      const alone = !file.mixed && !again;
      if (found) {
        const then = alone ? file.left : undefined;
        const kinds = [
          kindOf({ place: file.place, minBytes }, found.before, then),
          kindAfter(found),
        ];
        if (this.#exactTimes && file.mixed) {
          const cuts = [found.before, found.after].map((state) => shrank(file.atOnce, state));
          if (cuts.includes(true)) kinds.push('touched');
        }
        for (const kind of kinds) this.#note(changes, path, kind);
        const isKnown = file.recorded !== undefined && file.seen === undefined;
        if (!kinds.includes('replaced') && !(isKnown && kinds.every((kind) => kind === undefined)))
          file.seen = found.after;
      }
      file.left = alone && this.#exactTimes ? found?.after : undefined;
      file.place = found?.after ?? file.place;
      file.minBytes = Math.max(file.minBytes, found?.endBytes ?? 0, found?.after.sizeBytes ?? 0);
      file.jobs--;
      if (file.jobs > 0) continue;
      file.mixed = false;
      file.atOnce = [];
    }
    return changes;
  }

  /** A sync of these files is handed out. */
  beginSync(paths: Iterable<string>): void {
    this.dirty = true;
    for (const path of paths) {
      const file = this.#fileOf(path);
      file.quiet = file.jobs === 0;
      file.syncMinBytes = file.minBytes;
    }
  }

  /** The sync is over, and found these files by their names. */
  synced(files: readonly SyncedFile[]): FileChange[] {
    const changes: FileChange[] = [];
    for (const { path, now } of files) {
      const file = this.#fileOf(path);
      const minBytes = file.syncMinBytes;
      const kind = kindOf({ place: file.place, minBytes }, now, file.quiet ? file.left : undefined);
      this.#note(changes, path, kind);
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

  /** How a file differs from what we left, while nothing is written; undefined where it does not. */
  compare(path: string, now: FileIdentity | undefined): FileChange | undefined {
    const file = this.#fileOf(path);
    const kind = kindOf(file, now, file.left ?? file.recorded);
    if (kind === 'cut' || kind === 'touched') file.seen = now;
    return kind && { path, kind };
  }

  #note(changes: FileChange[], path: string, kind: FileChange['kind'] | undefined): void {
    if (kind === undefined) return;
    changes.push({ path, kind });
    this.doubtful.add(path);
  }

  #fileOf(path: string): Watched {
    let file = this.#files.get(path);
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
      this.#files.set(path, file);
    }
    return file;
  }
}

/**
 * Jobs that are out at once end in any order, but times say in which they saw the file: one that became
 * shorter was cut between their writes, even if it is as long again. (A clock that was set back says the
 * same: then it is read once more than needed.)
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

/** What became of a file in the course of a job: its handle and its length say. */
function kindAfter({ before, after, endBytes, cut }: WrittenFile): FileChange['kind'] | undefined {
  if (after.inode !== before.inode) return 'replaced';
  return cut === true || after.sizeBytes < endBytes ? 'cut' : undefined;
}

/** `then`: as nothing of ours has changed it since; undefined where that is not known. */
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
