// Lists the files for a torrent: those of a folder in the order of their names, with a rule for
// links and a list of everything that is left out.

import { isUtf8 } from 'node:buffer';
import type { BigIntStats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { MillraceError, recordOf } from '../errors/millrace-error';
import { systemAdvice, systemReason } from '../errors/system-error';
import type { FileIdentity } from '../messages/storage';
import { MAX_FILES } from '../metainfo/limits';
import { isPaddingName, isRecordsName, pathOf } from '../metainfo/paths';
import { kindOf } from '../storage/open-regular';
import { isInside } from '../storage/safe-path';
import { identityOf, statFiles } from '../storage/stat-files';

/**
 * Which symbolic links inside a folder are followed. `inside`: those that lead to something inside
 * it; `skip`: none; `follow`: all.
 */
export type LinkRule = 'inside' | 'skip' | 'follow';

/** A link that was followed. The torrent contains its target under the link's own path. */
export interface FollowedLink {
  /**
   * Relative to the parent folder of the source, components joined by `/`, like the files of the
   * torrent.
   */
  readonly path: string;
  /**
   * The target: relative to the parent folder of the source if it lies inside the source, else
   * absolute.
   */
  readonly target: string;
}

/** An entry of the folder that is not in the torrent. */
export interface SkippedEntry {
  /** As in `FollowedLink`. */
  readonly path: string;
  /** What it is, as a part of a sentence: "a link that leads to nothing". */
  readonly reason: string;
}

export interface ListedFile {
  /** Relative to the parent folder of the source: the first component is the name of the source. */
  readonly path: readonly string[];
  readonly lengthBytes: number;
  /** Its state when it was listed. */
  readonly identity: FileIdentity;
}

export interface Listed {
  readonly multiFile: boolean;
  readonly files: readonly ListedFile[];
  readonly followed: readonly FollowedLink[];
  readonly skipped: readonly SkippedEntry[];
}

/** Why a name is refused by `isPaddingName`, as a part of a sentence. */
const PADDING = 'a name that clients take for padding, which nobody stores';
/** Most links in a row on the way to a file: with two links in each folder that makes 2⁸ ways. */
const MAX_LINKS_ON_PATH = 8;
/** Most entries that are examined: three for each file of the largest torrent. */
const MAX_ENTRIES = 3 * MAX_FILES;

/**
 * Lists a file or folder. A folder is never entered from inside itself, so links cannot cause a
 * cycle. Throws `source-unreadable`, also for a name that is not UTF-8, and if no file is left.
 */
export async function listFiles(source: string, links: LinkRule): Promise<Listed> {
  const name = basename(source);
  if (isPaddingName(name)) throw unreadable(source, `it has ${PADDING}: rename it`);
  try {
    const found = await stat(source, { bigint: true });
    if (found.isFile()) {
      return { multiFile: false, files: [listed([name], found)], followed: [], skipped: [] };
    }
    if (!found.isDirectory()) throw unreadable(source, 'it is neither a file nor a folder');
    const walk = new Walk(source, await realpath(source), links);
    await walk.folder(source, [name], { realPaths: [walk.realSource], links: 0 });
    if (walk.files.length === 0) throw unreadable(source, nothingLeft(walk.skipped));
    return { multiFile: true, files: walk.files, followed: walk.followed, skipped: walk.skipped };
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw unreadable(source, whyOf(source, error));
  }
}

/** How a folder was reached. */
interface Way {
  /** The real paths of this folder and its parents, up to the source. */
  readonly realPaths: readonly string[];
  readonly links: number;
}

class Walk {
  readonly files: ListedFile[] = [];
  readonly followed: FollowedLink[] = [];
  readonly skipped: SkippedEntry[] = [];
  readonly realSource: string;
  readonly #source: string;
  readonly #links: LinkRule;
  #entries = 0;

  constructor(source: string, realSource: string, links: LinkRule) {
    this.#source = source;
    this.realSource = realSource;
    this.#links = links;
  }

  /** Adds everything below a folder. `path` is the path of the folder in the torrent. */
  async folder(full: string, path: readonly string[], way: Way): Promise<void> {
    const entries = await readdir(full, { withFileTypes: true, encoding: 'buffer' });
    // Names are read as bytes: decoded, a name that is not UTF-8 would denote another file, or
    // none.
    entries.sort((a, b) => Buffer.compare(a.name, b.name));
    for (const entry of entries) {
      if (++this.#entries > MAX_ENTRIES) {
        throw unreadable(this.#source, `it has more than ${MAX_ENTRIES} files, folders and links`);
      }
      if (!isUtf8(entry.name)) throw notUtf8(this.#source, path, entry.name);
      const name = entry.name.toString('utf8');
      const inner = [...path, name];
      if (isRecordsName(name)) this.#skip(inner, 'the records of Millrace');
      else if (isPaddingName(name)) this.#skip(inner, PADDING);
      else if (entry.isSymbolicLink()) await this.#link(join(full, name), inner, way);
      else await this.#take(join(full, name), inner, join(way.realPaths[0] ?? '', name), way);
    }
  }

  async #link(full: string, path: readonly string[], way: Way): Promise<void> {
    if (this.#links === 'skip') return this.#skip(path, 'a link');
    const real = await realpath(full).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ELOOP' || error.code === 'ENOTDIR') return;
      throw error;
    });
    if (real === undefined) return this.#skip(path, 'a link that leads to nothing');
    const inside = isInside(this.realSource, real);
    if (!inside && this.#links === 'inside') {
      return this.#skip(path, `a link that leads out of the folder, to ${real}`);
    }
    if (way.links === MAX_LINKS_ON_PATH) {
      return this.#skip(path, `a link behind ${MAX_LINKS_ON_PATH} others`);
    }
    const below = relative(this.realSource, real).split(sep);
    const target = inside ? [path[0], ...below].filter(Boolean).join('/') : real;
    const taken = await this.#take(full, path, real, { ...way, links: way.links + 1 });
    if (taken) this.followed.push({ path: path.join('/'), target });
  }

  /**
   * Adds a file or folder. Returns false if it is neither, or if the folder contains this entry.
   */
  async #take(
    full: string,
    path: readonly string[],
    real: string,
    { realPaths, links }: Way,
  ): Promise<boolean> {
    const found = await stat(full, { bigint: true });
    if (found.isFile()) {
      if (this.files.length === MAX_FILES) {
        throw unreadable(this.#source, `it holds more than ${MAX_FILES} files`);
      }
      this.files.push(listed(path, found));
      return true;
    }
    if (!found.isDirectory()) {
      this.#skip(path, kindOf(found));
      return false;
    }
    if (realPaths.includes(real)) {
      this.#skip(path, 'a folder that holds it, reached by a link');
      return false;
    }
    await this.folder(full, path, { realPaths: [real, ...realPaths], links });
    return true;
  }

  #skip(path: readonly string[], reason: string): void {
    this.skipped.push({ path: path.join('/'), reason });
  }
}

/** The reason, without repeating the path, and with advice for system errors. */
function whyOf(source: string, error: unknown): string {
  const { code, path } = error as NodeJS.ErrnoException;
  const why = path === source ? systemReason(error) : recordOf(error).message;
  return why + systemAdvice(code);
}

function listed(path: readonly string[], found: BigIntStats): ListedFile {
  const identity = identityOf(found);
  return { path, lengthBytes: identity.sizeBytes, identity };
}

/**
 * Throws `source-unreadable` if a file below `root` has changed since it was listed: the hashes
 * would then mix its old and its new content.
 */
export async function refuseChanged(root: string, files: readonly ListedFile[]): Promise<void> {
  const paths = files.map(pathOf);
  const stats = await statFiles(root, paths, { onError: () => undefined });
  const changed = files.findIndex(({ identity }, at) => !isSame(identity, stats[at]));
  if (changed < 0) return;
  throw unreadable(
    join(root, paths[changed] ?? ''),
    'it was changed, replaced or removed while it was hashed; try again when nothing writes to it',
  );
}

function isSame(then: FileIdentity, now: FileIdentity | undefined): boolean {
  return (
    now?.sizeBytes === then.sizeBytes &&
    now.mtimeNs === then.mtimeNs &&
    now.inode === then.inode &&
    now.device === then.device
  );
}

function nothingLeft(skipped: readonly SkippedEntry[]): string {
  const [first] = skipped;
  if (first === undefined) return 'it holds no file';
  const others = skipped.length === 1 ? '' : `, and ${skipped.length - 1} more`;
  return `it holds no file that can be taken: ${first.path} is ${first.reason}${others}`;
}

function notUtf8(source: string, folder: readonly string[], name: Uint8Array): MillraceError {
  const shown = Buffer.from(name)
    .toString('latin1')
    .replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return unreadable(
    source,
    `the name of ${[...folder, shown].join('/')} is not UTF-8, and names in a torrent are: rename it, ` +
      'or move it out of the folder',
  );
}

function unreadable(path: string, why: string): MillraceError {
  return new MillraceError('source-unreadable', `cannot make a torrent of ${path}: ${why}`);
}
