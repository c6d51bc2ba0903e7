// Which torrent uses which files of an output folder, visible to other engines and processes: a
// claim is a file beside the lock that lists them. Claims of one folder are read and created under
// its guard. Nested output folders are checked after the claim is created: of two engines that add
// at the same time, at least one sees the other.
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { RECORDS_FOLDER } from '../metainfo/paths';
import { ClaimReader, writeClaim } from './claim-file';
import type { ClaimedFile } from './claim-file';
import { removeLitter } from './litter';
import { acquireGuard, notMade } from './lock';
import { isAlive, parseOwner, thisThread } from './lock-owner';
import { tempFile } from './state-folder';

/** The ending of a claim's name: `<info hash>.<mark of its top name>.claim`. */
const CLAIM = '.claim';
/**
 * Distinguishes the claims of this thread from others: its own torrents are kept apart by the
 * engine itself.
 */
const THREAD_TOKEN = randomBytes(16).toString('hex');
/**
 * Used as the mark of torrents with files behind links, because these may conflict with any
 * torrent.
 */
const ANYWHERE = 'anywhere';

export interface ClaimRequest {
  /** Real path of the output folder. */
  readonly root: string;
  /** In hexadecimal. */
  readonly infoHash: string;
  readonly writes: boolean;
  /** By stored path. */
  readonly files: readonly string[];
  /** The real path of each file. */
  readonly places: readonly string[];
  /** Some files lie behind links below the root. */
  readonly hasLinks: boolean;
  /** Existing folders of the torrent below the root, by stored path. */
  readonly folders: readonly string[];
  /** Maps names that the file system treats as equal to one spelling. */
  readonly fold: (name: string) => string;
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
  /** May be called again. */
  release(): void;
}

/** Creates the claim, or returns the conflict that prevents it. Requires the torrent's lock. */
export async function claimFiles(request: ClaimRequest): Promise<Claim | ClaimConflict> {
  const guard = await acquireGuard(request.root);
  const places = new Places(request);
  let claim: Claim;
  try {
    const names = namesIn(request.root);
    const conflict = await places.conflictIn(request.root, names, topOf(request.files));
    if (conflict !== undefined) return conflict;
    removeLeftovers(request, names);
    removeLitter(path.join(request.root, RECORDS_FOLDER), names);
    claim = await makeClaim(request);
  } finally {
    guard.release();
  }
  const conflict = await conflictNearby(request, places);
  if (conflict === undefined) return claim;
  claim.release();
  return conflict;
}

/** Returns the conflict, if any, where no claim can be created (data on a read-only medium). */
export async function findConflict(request: ClaimRequest): Promise<ClaimConflict | undefined> {
  const { root, files } = request;
  const places = new Places(request);
  return (
    (await places.conflictIn(root, namesIn(root), topOf(files))) ?? conflictNearby(request, places)
  );
}

/** Folders that may be outputs of torrents with common files, starting with the root itself. */
export function nearbyRoots(root: string, folders: readonly string[]): string[] {
  const roots = [root];
  for (let at = root; path.dirname(at) !== at; at = path.dirname(at)) roots.push(path.dirname(at));
  for (const folder of folders) roots.push(path.join(root, folder));
  return roots.filter((each) => isFolder(path.join(each, RECORDS_FOLDER)));
}

async function conflictNearby(
  request: ClaimRequest,
  places: Places,
): Promise<ClaimConflict | undefined> {
  for (const near of nearbyRoots(request.root, request.folders)) {
    if (near === request.root) continue;
    const isAbove = request.root.startsWith(near.endsWith(path.sep) ? near : near + path.sep);
    const below = isAbove ? path.relative(near, request.root).split(path.sep)[0] : undefined;
    const conflict = await places.conflictIn(near, namesIn(near), below);
    if (conflict !== undefined) return conflict;
  }
  return undefined;
}

/** The files of a request by real path; listed only when there is a claim to compare with. */
class Places {
  private readonly request: ClaimRequest;
  private keys: Set<string> | undefined;

  constructor(request: ClaimRequest) {
    this.request = request;
  }

  /** `topName`: the first component of all files below that root; undefined if unknown. */
  async conflictIn(
    root: string,
    names: readonly string[],
    topName: string | undefined,
  ): Promise<ClaimConflict | undefined> {
    const { infoHash, hasLinks } = this.request;
    const mark = !hasLinks && topName !== undefined ? markOf(topName) : undefined;
    for (const name of names) {
      if (!name.endsWith(CLAIM)) continue;
      const [, theirs = ''] = name.split('.');
      if (mark !== undefined && theirs !== mark && theirs !== ANYWHERE) continue;
      if (root === this.request.root && name.startsWith(infoHash)) continue;
      const file = path.join(root, RECORDS_FOLDER, name);
      const conflict = await ClaimReader.read(file, (claim) => this.conflictWith(claim, root));
      if (conflict !== undefined) return conflict;
    }
    return undefined;
  }

  private async conflictWith(claim: ClaimReader, root: string): Promise<ClaimConflict | undefined> {
    const { writes, fold } = this.request;
    const { head } = claim;
    const owner = parseOwner(JSON.stringify(head.owner));
    if (!owner || owner.token === THREAD_TOKEN || !(writes || head.writes)) return undefined;
    if (!isAlive(owner)) return undefined;
    for await (const files of claim.files()) {
      for (const { path: stored, place } of files) {
        const full = place ?? path.join(root, stored);
        if (!this.has(fold(full))) continue;
        const name = topOf([stored]) ?? '';
        return { path: full, name, infoHash: head.infoHash, pid: owner.pid };
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

async function makeClaim(request: ClaimRequest): Promise<Claim> {
  const { root, infoHash, writes, files, places, hasLinks } = request;
  const folder = path.join(root, RECORDS_FOLDER);
  const mark = hasLinks ? ANYWHERE : markOf(topOf(files) ?? '');
  const file = path.join(folder, `${infoHash}.${mark}${CLAIM}`);
  const owner = thisThread(THREAD_TOKEN);
  const claimed = files.map((stored, at): ClaimedFile => {
    const place = hasLinks && places[at] !== path.join(root, stored) ? places[at] : undefined;
    return { path: stored, place };
  });
  const temp = tempFile(file);
  try {
    await writeClaim(temp, { owner, infoHash, writes }, claimed);
    fs.renameSync(temp, file);
  } catch (error) {
    fs.rmSync(temp, { force: true });
    throw notMade(file, error);
  }
  return { release: () => fs.rmSync(file, { force: true }) };
}

/** Removes claims of earlier runs, and temporary files of killed processes. */
function removeLeftovers({ root, infoHash }: ClaimRequest, names: readonly string[]): void {
  for (const name of names) {
    if (!name.startsWith(`${infoHash}.`)) continue;
    if (!/\.claim$|\.(resume|claim)\.[0-9a-f.]+\.tmp$/.test(name)) continue;
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
    return []; // It does not exist, or we may not read it.
  }
}

/** A mark for the name that all files of a torrent begin with, short enough for a file name. */
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
