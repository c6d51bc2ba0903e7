// Which torrent uses which files of an output folder, for other engines and processes to see: a claim is
// a file beside the lock that lists them. Claims of one folder are read and made under its guard. Output
// folders inside one another are looked at after the claim is made: of two engines that add at the same
// time, at least one sees the other.
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { RECORDS_FOLDER } from '../metainfo/paths';
import { acquireGuard, notMade } from './lock';
import { isAlive, parseOwner, thisThread } from './lock-owner';
import { OPEN_TO_READ, openRegular } from './open-regular';

/** A torrent may have 64 MiB of metainfo at most, and its paths take a part of that. */
const MAX_CLAIM_BYTES = 64 * 1024 * 1024;
/** How the name of a claim ends: `<info hash>.<mark of its top name>.claim`. */
const CLAIM = '.claim';
/** Tells the claims of this thread from others: its torrents are kept apart by the engine itself. */
const THREAD_TOKEN = randomBytes(16).toString('hex');
/** In a claim's name for torrents with files behind links: these files may be of any torrent. */
const ANYWHERE = 'anywhere';

export interface ClaimRequest {
  /** Real path of the output folder. */
  readonly root: string;
  /** In hexadecimal. */
  readonly infoHash: string;
  readonly writes: boolean;
  /** Stored paths. */
  readonly files: readonly string[];
  /** Where the files really are, one for one. */
  readonly places: readonly string[];
  /** Some lie behind links below the root. */
  readonly hasLinks: boolean;
  /** Existing folders of the torrent below the root, as stored. */
  readonly folders: readonly string[];
  /** Brings names that the file system takes for one to one spelling. */
  readonly fold: (name: string) => string;
  /** Existing files that are not known to be ours, as stored. */
  readonly foreign: ReadonlySet<string>;
}

/** A running torrent that uses one of the files. */
export interface ClaimConflict {
  /** Real path. */
  readonly path: string;
  readonly name: string;
  readonly infoHash: string;
  readonly pid: number;
}

export interface Claim {
  /** Files that were foreign are ours from now on. */
  admit(): void;
  /** May be called again. */
  release(): void;
}

/** What a run that was killed had claimed: files made since then, and not foreign, are ours. */
export interface LeftClaim {
  readonly files: ReadonlySet<string>;
  /** When it was made, in nanoseconds since 1970, by the file system's clock. */
  readonly madeNs: bigint;
}

interface ClaimText {
  readonly owner: object;
  readonly infoHash: string;
  readonly writes: boolean;
  readonly files: readonly string[];
  readonly places?: readonly string[];
  /** Indexes into `files`. */
  readonly foreign: readonly number[];
}

/** Reads the claim that an earlier run of this torrent left behind. Needs the torrent's lock. */
export function leftClaim(root: string, infoHash: string): LeftClaim | undefined {
  for (const name of namesIn(root)) {
    if (!name.startsWith(infoHash) || !name.endsWith(CLAIM)) continue;
    const found = readClaim(path.join(root, RECORDS_FOLDER, name));
    if (found === undefined || !found.text.writes) continue;
    const foreign = new Set(found.text.foreign);
    const files = new Set(found.text.files.filter((_, at) => !foreign.has(at)));
    return { files, madeNs: found.madeNs };
  }
  return undefined;
}

/** Makes the claim, or returns the conflict that prevents it. Needs the torrent's lock. */
export async function claimFiles(request: ClaimRequest): Promise<Claim | ClaimConflict> {
  const guard = await acquireGuard(request.root);
  const places = new Places(request);
  let claim: Claim;
  try {
    const names = namesIn(request.root);
    const conflict = places.conflictIn(request.root, names, topOf(request.files));
    if (conflict !== undefined) return conflict;
    removeLeftovers(request, names);
    claim = writeClaim(request);
  } finally {
    guard.release();
  }
  const conflict = conflictNearby(request, places);
  if (conflict === undefined) return claim;
  claim.release();
  return conflict;
}

/** The conflict, if there is one, where no claim can be made (data on a read-only medium). */
export function findConflict(request: ClaimRequest): ClaimConflict | undefined {
  const places = new Places(request);
  return (
    places.conflictIn(request.root, namesIn(request.root), topOf(request.files)) ??
    conflictNearby(request, places)
  );
}

/** Folders that may be outputs whose torrents have files in common with this one's, its own root first. */
export function nearbyRoots(root: string, folders: readonly string[]): string[] {
  const roots = [root];
  for (let at = root; path.dirname(at) !== at; at = path.dirname(at)) roots.push(path.dirname(at));
  for (const folder of folders) roots.push(path.join(root, folder));
  return roots.filter((each) => isFolder(path.join(each, RECORDS_FOLDER)));
}

function conflictNearby(request: ClaimRequest, places: Places): ClaimConflict | undefined {
  for (const near of nearbyRoots(request.root, request.folders)) {
    if (near === request.root) continue;
    const isAbove = request.root.startsWith(near.endsWith(path.sep) ? near : near + path.sep);
    const below = isAbove ? path.relative(near, request.root).split(path.sep)[0] : undefined;
    const conflict = places.conflictIn(near, namesIn(near), below);
    if (conflict !== undefined) return conflict;
  }
  return undefined;
}

/** The files of a request, by where they really are; listed when a claim is there to compare with. */
class Places {
  private readonly request: ClaimRequest;
  private keys: Set<string> | undefined;

  constructor(request: ClaimRequest) {
    this.request = request;
  }

  /** `topName`: what all files have in common below that root; undefined where that is not known. */
  conflictIn(
    root: string,
    names: readonly string[],
    topName: string | undefined,
  ): ClaimConflict | undefined {
    const { infoHash, writes, hasLinks, fold } = this.request;
    const mark = !hasLinks && topName !== undefined ? markOf(topName) : undefined;
    for (const name of names) {
      if (!name.endsWith(CLAIM)) continue;
      const [, theirs = ''] = name.split('.');
      if (mark !== undefined && theirs !== mark && theirs !== ANYWHERE) continue;
      if (root === this.request.root && name.startsWith(infoHash)) continue;
      const text = readClaim(path.join(root, RECORDS_FOLDER, name))?.text;
      const owner = text && parseOwner(JSON.stringify(text.owner));
      if (!text || !owner || owner.token === THREAD_TOKEN || !(writes || text.writes)) continue;
      if (!isAlive(owner)) continue;
      for (const [at, file] of text.files.entries()) {
        const full = text.places?.[at] ?? path.join(root, file);
        if (!this.has(fold(full))) continue;
        return {
          path: full,
          name: topOf(text.files) ?? '',
          infoHash: text.infoHash,
          pid: owner.pid,
        };
      }
    }
    return undefined;
  }

  private has(key: string): boolean {
    const { places, fold } = this.request;
    this.keys ??= new Set(places.map(fold));
    return this.keys.has(key);
  }
}

function writeClaim(request: ClaimRequest): Claim {
  const { root, infoHash, writes, files, places, hasLinks, foreign } = request;
  const folder = path.join(root, RECORDS_FOLDER);
  const mark = hasLinks ? ANYWHERE : markOf(topOf(files) ?? '');
  const file = path.join(folder, `${infoHash}.${mark}${CLAIM}`);
  const owner = thisThread(THREAD_TOKEN);
  const put = (strangers: ReadonlySet<string>): void => {
    const indexes = files.flatMap((stored, at) => (strangers.has(stored) ? [at] : []));
    const text: ClaimText = { owner, infoHash, writes, files, foreign: indexes };
    const temp = `${file}.${randomBytes(8).toString('hex')}.tmp`;
    try {
      fs.writeFileSync(temp, JSON.stringify(hasLinks ? { ...text, places } : text), { flag: 'wx' });
      fs.renameSync(temp, file);
    } catch (error) {
      fs.rmSync(temp, { force: true });
      throw notMade(file, error);
    }
  };
  put(foreign);
  return {
    admit: () => {
      if (foreign.size > 0) put(new Set());
    },
    release: () => fs.rmSync(file, { force: true }),
  };
}

/** Claims of earlier runs, and what runs that were killed were just writing. */
function removeLeftovers({ root, infoHash }: ClaimRequest, names: readonly string[]): void {
  for (const name of names) {
    if (!name.startsWith(`${infoHash}.`)) continue;
    if (!/\.claim$|\.(resume|claim)\.[0-9a-f]+\.tmp$/.test(name)) continue;
    const file = path.join(root, RECORDS_FOLDER, name);
    try {
      fs.unlinkSync(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw notMade(file, error);
    }
  }
}

function namesIn(root: string): string[] {
  try {
    return fs.readdirSync(path.join(root, RECORDS_FOLDER));
  } catch {
    return []; // not there, or not ours to read
  }
}

/** Undefined for anything that is no claim. */
function readClaim(file: string): { text: ClaimText; madeNs: bigint } | undefined {
  try {
    const fd = openRegular(file, OPEN_TO_READ, { followLink: false });
    try {
      const { size, mtimeNs } = fs.fstatSync(fd, { bigint: true });
      if (size > MAX_CLAIM_BYTES) return undefined;
      const text: unknown = JSON.parse(fs.readFileSync(fd, 'utf8'));
      return isClaim(text) ? { text, madeNs: mtimeNs } : undefined;
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

function isClaim(value: unknown): value is ClaimText {
  if (typeof value !== 'object' || value === null) return false;
  const { owner, infoHash, writes, files, places, foreign } = value as Record<string, unknown>;
  return (
    typeof owner === 'object' &&
    typeof infoHash === 'string' &&
    typeof writes === 'boolean' &&
    isList(files, 'string') &&
    (places === undefined || isList(places, 'string')) &&
    isList(foreign, 'number')
  );
}

function isList(value: unknown, type: 'string' | 'number'): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === type);
}

/** The name that all files of a torrent begin with, short enough for a file's name. */
function markOf(name: string): string {
  const spelling = name.normalize('NFC').toLowerCase();
  return createHash('sha1').update(spelling).digest('hex').slice(0, 16);
}

function topOf(files: readonly string[]): string | undefined {
  return files[0]?.split('/')[0];
}

function isFolder(folder: string): boolean {
  try {
    return fs.lstatSync(folder).isDirectory();
  } catch {
    return false;
  }
}
