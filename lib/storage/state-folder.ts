// Where Millrace stores its state of an output: one folder beside the data, so that a torrent's own
// folder contains only the torrent.
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { toHex } from '../bytes/hex';
import { MillraceError } from '../errors/millrace-error';
import { RECORDS_FOLDER } from '../metainfo/paths';
import { kindOf } from './open-regular';
import { makeFolders } from './safe-path';

/** `<output>/.millrace/<info hash in hex>.<kind>` */
export function stateFile(
  root: string,
  infoHash: Uint8Array,
  kind: 'lock' | 'resume' | 'made' | 'info',
): string {
  return path.join(root, RECORDS_FOLDER, `${toHex(infoHash)}.${kind}`);
}

/**
 * A temporary name for a file that will be renamed to `file`; it contains the id of the process.
 */
export function tempFile(file: string): string {
  return `${file}.${process.pid}.${randomBytes(8).toString('hex')}.tmp`;
}

/** The process that created a temporary file, from its name; undefined for any other file. */
export function makerOf(name: string): number | undefined {
  const [, pid] = /\.([1-9][0-9]{0,9})\.[0-9a-f]{16}\.tmp$/.exec(name) ?? [];
  return pid === undefined ? undefined : Number(pid);
}

/**
 * Creates the state folder, and the output folder around it. A link in its place is refused,
 * because another output may keep its records and locks there.
 */
export function makeStateFolder(root: string): void {
  const folder = path.join(root, RECORDS_FOLDER);
  makeFolders(root);
  try {
    fs.mkdirSync(folder);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = fs.lstatSync(folder);
  if (found.isDirectory()) return;
  throw new MillraceError(
    'output-not-writable',
    `${folder} is ${kindOf(found)}, and Millrace keeps its records there in a folder of its own: ` +
      'move it away, or use another output folder',
    { path: folder },
  );
}
