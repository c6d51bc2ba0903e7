// Existing files that are not ours by record: what speaks for and against writing to them.
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

/** Longer files are no records: 256 KiB of pieces, 40 MiB of other keys, and the files of a torrent. */
const MAX_RECORD_BYTES = 128 * 1024 * 1024;
/** Read at a time when looking for a byte that is not zero. */
const BLANK_READ_BYTES = 1024 * 1024;

export interface ForeignFile {
  /** Real path. */
  readonly path: string;
  readonly identity: FileIdentity;
}

/** A torrent that is not running and whose record has the file. */
export interface RecordedOwner {
  readonly path: string;
  readonly name: string;
  readonly infoHash: string;
  readonly record: string;
}

/** True when the file, or that part of it, holds nothing: it is empty, or all its bytes are zero. */
export async function isBlank(file: string, offsetBytes = 0, endBytes?: number): Promise<boolean> {
  const handle = await openRegularAsync(file, OPEN_TO_READ);
  try {
    // How many blocks it takes says too little: some file systems count them late.
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
 * The torrent in whose record one of these files stands, as it is now. A record whose file changed since
 * claims nothing. `ownRecord`: the path of the record of the torrent that asks.
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
      if (typeof found !== 'object') continue; // none, or none that can be read: it claims nothing
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

/** Identifies a file on disk by its inode, under any of its names. */
export function inodeKey({ device, inode }: Pick<FileIdentity, 'device' | 'inode'>): string {
  return `${device}:${inode}`;
}
