// Checks the output folder before a download starts, so that problems are reported at once with the
// name of the file, and existing data is not harmed.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { MillraceError, advised } from '../errors/millrace-error';
import { systemAdvice, systemReason } from '../errors/system-error';
import type { StoredFile } from '../messages/storage';
import { RECORDS_FOLDER, isRecordsName } from '../metainfo/paths';
import { kindOf } from './open-regular';
import { cutInside, linkInPath, resolveBelow } from './safe-path';
import { makeStateFolder, tempFile } from './state-folder';
import { statFiles } from './stat-files';
import type { FileStat } from './stat-files';

export interface OutputCheckOptions {
  /**
   * Accept files that are longer than the torrent says (`cutLonger`). Default false: they are
   * refused.
   */
  readonly force?: boolean;
  /** Only look: the folder must exist and need not be writable (seeding). Default false. */
  readonly readOnly?: boolean;
  /** Write through symbolic links below the output folder instead of refusing. Default false. */
  readonly followLinks?: boolean;
}

/** The state of the output before a torrent is added. */
export interface OutputLook {
  /** Real path of the output folder. */
  readonly root: string;
  /** One entry for each file; undefined for a file that does not exist. */
  readonly stats: readonly (FileStat | undefined)[];
  /** Existing folders of the torrent below the root, by stored path. */
  readonly folders: readonly string[];
  /** The real path of each file. */
  readonly places: readonly string[];
  /** Some files lie behind links below the root. */
  readonly hasLinks: boolean;
  /** Maps names that the file system treats as equal to one spelling. */
  readonly fold: (name: string) => string;
}

/**
 * Creates the output folder, verifies that it can be written to, and examines every file. Changes
 * nothing else. Throws `output-not-writable`, `output-conflict` (a folder where a file is needed,
 * or the reverse), `link-in-path` or `file-too-large`.
 */
export async function checkOutput(
  root: string,
  files: readonly StoredFile[],
  options: OutputCheckOptions = {},
): Promise<OutputLook> {
  for (const file of files) {
    resolveBelow(root, file.path);
    if (file.path.split('/').some(isRecordsName)) {
      throw conflict(
        root,
        `the torrent has a file ${file.path}, where Millrace keeps its own state`,
      );
    }
  }
  if (options.readOnly !== true) await proveWritable(root);
  const paths = files.map((file) => file.path);
  const blocked: string[] = [];
  const links: string[] = [];
  const folders: string[] = [];
  const stats = await statFiles(root, paths, {
    onError: (stored, error) => {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOTDIR') throw notWritable(path.join(root, stored), error);
      blocked.push(stored);
    },
    onLink: (link) => links.push(link),
    onFolder: (folder) => folders.push(folder),
  });
  const mayFollow = options.readOnly === true || options.followLinks === true;
  if (links[0] !== undefined && !mayFollow) throw linkInPath(links[0]);
  if (blocked[0] !== undefined) throw await blockedFolder(root, blocked[0]);
  for (const [at, file] of files.entries()) {
    const found = stats[at];
    if (found === undefined) continue;
    const full = path.join(root, file.path);
    if (found.kind !== 'file') {
      const kind = kindOf(await fs.stat(full));
      throw conflict(full, `${full} is ${kind}, and the torrent has a file of that name`);
    }
    if (found.sizeBytes <= file.lengthBytes || options.readOnly === true) continue;
    if (options.force !== true) throw tooLarge(full, found.sizeBytes, file.lengthBytes);
  }
  const real = await fs.realpath(root).catch(() => path.resolve(root));
  const hasLinks = links.length > 0;
  const places = hasLinks ? await realPaths(real, paths) : paths.map((at) => path.join(real, at));
  const fold = (await ignoresCase(real)) ? foldCase : asIs;
  return { root: real, stats, folders, places, hasLinks, fold };
}

/**
 * Cuts existing files that are longer than the torrent says, and returns their paths. `root`: the
 * real path of the output.
 */
export async function cutLonger(
  root: string,
  files: readonly StoredFile[],
  followLinks: boolean,
): Promise<string[]> {
  const paths = files.map((file) => file.path);
  const stats = await statFiles(root, paths);
  const cut: string[] = [];
  for (const [at, { path: stored, lengthBytes }] of files.entries()) {
    if ((stats[at]?.sizeBytes ?? 0) <= lengthBytes) continue;
    cutInside(root, stored, lengthBytes, followLinks);
    cut.push(stored);
  }
  return cut;
}

/** The real paths, with links resolved; a path that does not exist is returned unchanged. */
async function realPaths(root: string, paths: readonly string[]): Promise<string[]> {
  const known = new Map<string, Promise<string>>([['.', Promise.resolve(root)]]);
  const realOf = (stored: string): Promise<string> => {
    let real = known.get(stored);
    if (real === undefined) {
      real = fs
        .realpath(path.join(root, stored))
        .catch(async () => path.join(await realOf(path.dirname(stored)), path.basename(stored)));
      known.set(stored, real);
    }
    return real;
  };
  return Promise.all(paths.map(realOf));
}

/** Tested with the state folder, the only name below the root that certainly exists. */
async function ignoresCase(root: string): Promise<boolean> {
  const look = (name: string) => fs.lstat(path.join(root, name)).catch(() => undefined);
  const other = await look(RECORDS_FOLDER.toUpperCase());
  return other !== undefined && other.ino === (await look(RECORDS_FOLDER))?.ino;
}

const asIs = (name: string): string => name;
const foldCase = (name: string): string => name.normalize('NFC').toLowerCase();

async function proveWritable(root: string): Promise<void> {
  const state = path.join(root, RECORDS_FOLDER);
  const probe = tempFile(path.join(state, 'probe'));
  try {
    makeStateFolder(root);
    await fs.access(root, fs.constants.W_OK);
    await fs.writeFile(probe, '', { flag: 'wx' });
    await fs.rm(probe);
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw notWritable(root, error);
  }
}

/** The error for a path component that is a file where a folder is needed. */
async function blockedFolder(root: string, stored: string): Promise<MillraceError> {
  let folder = root;
  for (const component of stored.split('/')) {
    folder = path.join(folder, component);
    const found = await fs.stat(folder).catch(() => undefined);
    if (found !== undefined && !found.isDirectory()) break;
  }
  return conflict(folder, `${folder} is a file, and the torrent needs a folder of that name`);
}

function notWritable(root: string, error: unknown): MillraceError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  const why =
    code === 'EEXIST' || code === 'ENOTDIR'
      ? 'a file is in its way; move it away, or use another folder'
      : systemReason(error) + systemAdvice(code);
  return new MillraceError(
    'output-not-writable',
    `the output folder ${root} cannot be used: ${why}`,
    {
      path: root,
      cause: code,
    },
  );
}

function conflict(full: string, sentence: string): MillraceError {
  return new MillraceError('output-conflict', sentence, { path: full });
}

function tooLarge(full: string, sizeBytes: number, lengthBytes: number): MillraceError {
  return advised(
    'file-too-large',
    `${full} has ${sizeBytes} bytes, ${lengthBytes} in the torrent`,
    'it is cut only if you allow it, by the option force',
    { path: full, sizeBytes, lengthBytes },
  );
}
