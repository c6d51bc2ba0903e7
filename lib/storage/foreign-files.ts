// Existing files that no record of ours lists: decides whether they may be written to.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { toHex } from '../bytes/hex';
import { isZero } from '../bytes/compare';
import type { FileIdentity } from '../messages/storage';
import { RECORDS_FOLDER } from '../metainfo/paths';
import { bootId } from './boot-id';
import { nearbyRoots } from './claims';
import { OPEN_TO_READ, openRegularAsync } from './open-regular';
import { readRecord } from './files-state';
import { inodesCount, isAsRecorded } from './resume-rules';

/** Longest record: 256 KiB of pieces, 40 MiB of other keys, and the files of a torrent. */
const MAX_RECORD_BYTES = 128 * 1024 * 1024;
/** Length of a read when searching for a byte that is not zero. */
const BLANK_READ_BYTES = 1024 * 1024;

export interface ForeignFile {
  /** Real path. */
  readonly path: string;
  readonly identity: FileIdentity;
}

/** A torrent that is not running and whose record lists the file. */
export interface RecordedOwner {
  readonly path: string;
  readonly name: string;
  readonly infoHash: string;
  readonly record: string;
}

/** Whether the file, or that part of it, contains only zeros or nothing. */
export async function isBlank(file: string, offsetBytes = 0, endBytes?: number): Promise<boolean> {
  const handle = await openRegularAsync(file, OPEN_TO_READ);
  try {
    // The number of allocated blocks is not enough: some file systems update it late.
    const { size } = await handle.stat();
    const end = Math.min(size, endBytes ?? size);
    const buffer = Buffer.alloc(Math.min(Math.max(end - offsetBytes, 0), BLANK_READ_BYTES));
    for (let at = offsetBytes; at < end;) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end - at), at);
      if (bytesRead === 0) break;
      if (!isZero(buffer.subarray(0, bytesRead))) return false;
      at += bytesRead;
    }
    return true;
  } finally {
    await handle.close();
  }
}

/**
 * The torrent whose record lists one of these files in its present state. A record whose file has
 * changed claims nothing. `ownRecord`: the path of the asking torrent's record.
 */
export async function recordedOwner(
  files: readonly ForeignFile[],
  ownRecord: string,
  root: string,
  folders: readonly string[],
): Promise<RecordedOwner | undefined> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const byInode = new Map(files.map((file) => [inodeKey(file.identity), file]));
  const boot = bootId();
  for (const near of nearbyRoots(root, folders)) {
    const folder = path.join(near, RECORDS_FOLDER);
    for (const name of await fs.readdir(folder).catch((): string[] => [])) {
      const file = path.join(folder, name);
      if (!name.endsWith('.resume') || file === ownRecord) continue;
      const found = await readRecord(file, MAX_RECORD_BYTES);
      if (typeof found !== 'object') continue; // Without a readable record there is no claim.
      const { record, place } = found;
      const inodes = inodesCount(record, { boot, place });
      for (const then of record.files) {
        if (then.foreign === true) continue;
        const hit =
          byPath.get(path.join(near, then.path)) ??
          (inodes ? byInode.get(inodeKey(then)) : undefined);
        if (hit === undefined || !isAsRecorded(record, then, hit.identity, inodes)) continue;
        const infoHash = toHex(record.infoHash);
        return { path: hit.path, name: then.path.split('/')[0] ?? '', infoHash, record: file };
      }
    }
  }
  return undefined;
}

/** Identifies a file on disk by its inode, independent of its name. */
export function inodeKey({ device, inode }: Pick<FileIdentity, 'device' | 'inode'>): string {
  return `${device}:${inode}`;
}
