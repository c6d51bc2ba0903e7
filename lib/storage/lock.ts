// Excludes a second engine, in this process or another, from the same torrent in the same output.
//
// A lock is a file that is linked into place complete, so that no reader sees a part of one. A
// stale lock is replaced under a second lock whose name is derived from the stale one's content:
// only its holder may replace the stale lock, if that still has the same content. So two processes
// that find the same stale lock cannot both win, and neither can remove the other's fresh one.
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '../errors/millrace-error';
import { systemAdvice, systemReason } from '../errors/system-error';
import { RECORDS_FOLDER } from '../metainfo/paths';
import { isAlive, parseOwner, thisThread } from './lock-owner';
import { OPEN_TO_READ, openRegular } from './open-regular';
import { makeStateFolder, stateFile, tempFile } from './state-folder';

/** Longest lock file: one has some 150 bytes, and a longer file is not a lock. */
const MAX_LOCK_BYTES = 4096;
/** Deepest nesting of take-overs: each level is an owner that died while it took over a lock. */
const MAX_DEPTH = 4;
/** Most attempts to take a lock that other processes keep taking and releasing. */
const MAX_ROUNDS = 100;

export interface OutputLock {
  /** Removes the lock if it is still ours. May be called again. */
  release(): void;
}

/**
 * Takes the lock of a torrent in an output folder for the calling thread, until it ends. Throws
 * `output-locked` if the owner is alive, `output-not-writable` if the file cannot be created. Two
 * machines that share the folder do not see each other's locks.
 */
export function acquireLock(root: string, infoHash: Uint8Array): OutputLock {
  const file = stateFile(root, infoHash, 'lock');
  const content = JSON.stringify(thisThread(randomBytes(16).toString('hex')));
  try {
    makeStateFolder(root);
    own(file, content, 0);
  } catch (error) {
    throw notMade(file, error);
  }
  return { release: () => removeOwn(file, content) };
}

/** Interval between attempts to take a guard: it is held for a few milliseconds. */
const GUARD_RETRY_MS = 5;
/** How long to wait for a guard. */
const GUARD_PATIENCE_MS = 10_000;

/**
 * Takes the guard of an output folder, under which its claims are read and created. Waits for other
 * holders, so it must be held only for a few reads. Throws what `acquireLock` throws.
 */
export async function acquireGuard(root: string): Promise<OutputLock> {
  const file = path.join(root, RECORDS_FOLDER, 'claims.lock');
  const content = JSON.stringify(thisThread(randomBytes(16).toString('hex')));
  for (let waitedMs = 0; ; waitedMs += GUARD_RETRY_MS) {
    try {
      own(file, content, 0);
      return { release: () => removeOwn(file, content) };
    } catch (error) {
      const isHeld = error instanceof MillraceError && error.code === 'output-locked';
      if (!isHeld) throw notMade(file, error);
      if (waitedMs >= GUARD_PATIENCE_MS) throw error;
    }
    await sleep(GUARD_RETRY_MS);
  }
}

/** Takes `file` for us, or throws `output-locked`. */
function own(file: string, content: string, depth: number): void {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (linkInto(file, content)) return;
    const found = readLock(file);
    if (found === undefined) continue; // It was released in between.
    const owner = parseOwner(found);
    if (owner !== undefined && isAlive(owner)) throw lockedBy(file, owner.pid);
    if (depth === MAX_DEPTH) break;
    const guard = takeOverGuard(file, found);
    own(guard, content, depth + 1);
    try {
      if (readLock(file) !== found) continue; // Another process took it over first.
      const temp = writeTemp(file, content);
      fs.renameSync(temp, file);
      return;
    } finally {
      removeOwn(guard, content);
    }
  }
  throw lockedBy(file, 0);
}

/** The second lock, under which a lock with that content may be replaced. */
function takeOverGuard(file: string, content: string): string {
  return `${file}.${createHash('sha1').update(content).digest('hex').slice(0, 16)}`;
}

/**
 * Removes remains of a take-over whose process was killed. A lock's content is random and never
 * recurs, so the guard of any content but the present one protects nothing.
 */
export function removeTakeOverGuards(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const [, lock] = /^(.+\.lock(?:\.[0-9a-f]{16})*)\.[0-9a-f]{16}$/.exec(name) ?? [];
    if (lock === undefined) continue;
    const file = path.join(folder, lock);
    const present = readLock(file);
    const guard = path.join(folder, name);
    if (present === undefined || takeOverGuard(file, present) !== guard)
      fs.rmSync(guard, { force: true });
  }
}

/** Puts a complete new lock file at `file`; false if there is one already. */
function linkInto(file: string, content: string): boolean {
  const temp = writeTemp(file, content);
  try {
    fs.linkSync(temp, file);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)) throw error;
    return createInto(file, content);
  } finally {
    fs.rmSync(temp, { force: true });
  }
}

/**
 * For file systems without hard links (FAT): equally exclusive, but the content is written a moment
 * later.
 */
function createInto(file: string, content: string): boolean {
  try {
    fs.writeFileSync(file, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function writeTemp(file: string, content: string): string {
  const temp = tempFile(file);
  fs.writeFileSync(temp, content, { flag: 'wx' });
  return temp;
}

function readLock(file: string): string | undefined {
  let fd: number;
  try {
    fd = openRegular(file, OPEN_TO_READ, { followLink: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const buffer = Buffer.alloc(MAX_LOCK_BYTES);
    return buffer.toString('utf8', 0, fs.readSync(fd, buffer));
  } finally {
    fs.closeSync(fd);
  }
}

function removeOwn(file: string, content: string): void {
  // The lock of a living owner is never replaced, so a lock that is ours stays ours until it is
  // removed.
  if (readLock(file) === content) fs.rmSync(file, { force: true });
}

export function notMade(file: string, error: unknown): MillraceError {
  if (error instanceof MillraceError && error.code !== 'not-a-regular-file') return error;
  const { code } = error as NodeJS.ErrnoException;
  return new MillraceError(
    'output-not-writable',
    `${file} cannot be made: ${systemReason(error)}${systemAdvice(code)}`,
    { path: file, ...(code !== undefined && { cause: code }) },
  );
}

function lockedBy(file: string, pid: number): MillraceError {
  const holder = pid === process.pid ? 'this process' : `process ${pid}`;
  return new MillraceError(
    'output-locked',
    pid === 0
      ? `several processes are trying to take the lock ${file} at once; try again`
      : `${holder} (pid ${pid}) is already working on this torrent in this output folder; stop it, ` +
          `use another output folder, or, if it is surely gone, delete ${file}`,
    { path: file, pid },
  );
}
