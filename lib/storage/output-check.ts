// Looks at the output folder before a download starts, so that what cannot work is said at once and
// by name, and nothing that is already there is harmed.
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { MillraceError } from '../errors/millrace-error';
import type { StoredFile } from '../messages/storage';
import { isRecordsName } from '../metainfo/paths';
import { kindOf } from './open-regular';
import { cutInside, linkInPath, resolveBelow } from './safe-path';
import { STATE_FOLDER, makeStateFolder } from './state-folder';
import { identityOf, statFiles } from './stat-files';
import type { FileStat } from './stat-files';

export interface OutputCheckOptions {
  /** Cut files that are longer than the torrent says, instead of refusing. Default false. */
  readonly force?: boolean;
  /** Only look: the folder must be there and need not be writable (seeding). Default false. */
  readonly readOnly?: boolean;
  /** Write through symbolic links below the output folder, instead of refusing. Default false. */
  readonly followLinks?: boolean;
}

/**
 * Makes the output folder, proves that it can be written, and stats every file: the result goes
 * with `files`, undefined for those that do not exist. Raises `output-not-writable`,
 * `output-conflict` (a folder where a file is needed, or the reverse) or `file-too-large`.
 */
export async function checkOutput(
  root: string,
  files: readonly StoredFile[],
  options: OutputCheckOptions = {},
): Promise<(FileStat | undefined)[]> {
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
  const stats = await statFiles(
    root,
    paths,
    (stored, error) => {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOTDIR') throw notWritable(path.join(root, stored), error);
      blocked.push(stored);
      return undefined;
    },
    (link) => links.push(link),
  );
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
    cutInside(await fs.realpath(root), file.path, file.lengthBytes, options.followLinks ?? false);
    stats[at] = { ...identityOf(await fs.stat(full, { bigint: true })), kind: 'file' };
  }
  return stats;
}

async function proveWritable(root: string): Promise<void> {
  const state = path.join(root, STATE_FOLDER);
  const probe = path.join(state, `${randomBytes(8).toString('hex')}.tmp`);
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

/** Names the component that is a file although folders are to be below it. */
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
    code === 'EEXIST' || code === 'ENOTDIR' ? 'a file is in its way' : (error as Error).message;
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
  return new MillraceError(
    'file-too-large',
    `${full} has ${sizeBytes} bytes, ${lengthBytes} in the torrent; it is never truncated without --force`,
    { path: full, sizeBytes, lengthBytes },
  );
}
