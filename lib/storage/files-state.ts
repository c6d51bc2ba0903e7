// The state of the built-in `files` between runs, in the output folder: a lock, a resume record, and the
// metadata of a magnet link: `.millrace/<info hash>.lock`, `.resume` and `.info`.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { systemReason } from '../errors/system-error';
import type { FilePlace } from '../messages/storage';
import { bootId } from './boot-id';
import { keepsExactTimes } from './file-systems';
import { acquireLock } from './lock';
import type { OutputLock } from './lock';
import { OPEN_TO_READ, openRegularAsync } from './open-regular';
import { decodeRecord } from './resume-record';
import type { ResumeRecord } from './resume-record';
import type { PresentFile } from './resume-rules';
import { makeStateFolder, stateFile, tempFile } from './state-folder';
import { identityOf, statFiles } from './stat-files';
import type { StorageState, StoredRecord } from './storage';
import { badRecord, tooLong } from './torrent-record';
import { MillraceError } from '../errors/millrace-error';

/** A record, and where it lies. */
export interface FoundRecord {
  readonly record: ResumeRecord;
  readonly place: FilePlace;
}

export class FilesState implements StorageState {
  readonly folder: NonNullable<StorageState['folder']>;
  readonly recordPath: string;
  private readonly infoPath: string;
  private readonly root: string;
  private readonly infoHash: Uint8Array;

  constructor(root: string, infoHash: Uint8Array) {
    this.root = root;
    this.infoHash = infoHash;
    this.recordPath = stateFile(root, infoHash, 'resume');
    this.infoPath = stateFile(root, infoHash, 'info');
    this.folder = { boot: bootId(), keepsExactTimes: () => keepsExactTimes(root) };
  }

  lock(): OutputLock {
    return acquireLock(this.root, this.infoHash);
  }

  load(limitBytes: number): Promise<StoredRecord | undefined> {
    return readBytes(this.recordPath, limitBytes);
  }

  /** Throws every system error except "not found". */
  async stat(paths: readonly string[]): Promise<PresentFile[]> {
    const found = await statFiles(this.root, paths, { onError: unlessMissing });
    return found.map((file) => (file?.kind === 'file' ? file : undefined));
  }

  save(encode: (place: FilePlace) => Uint8Array): Promise<void> {
    return this.replace(this.recordPath, encode);
  }

  /** A damaged file is detected by the info hash, and an unreadable one is fetched again. */
  async loadInfo(limitBytes: number): Promise<Uint8Array | undefined> {
    return (await readBytes(this.infoPath, limitBytes))?.bytes;
  }

  saveInfo(info: Uint8Array): Promise<void> {
    return this.replace(this.infoPath, () => info);
  }

  async remove(): Promise<void> {
    await fs.rm(this.recordPath, { force: true });
    await fs.rm(this.infoPath, { force: true });
  }

  private async replace(file: string, encode: (place: FilePlace) => Uint8Array): Promise<void> {
    makeStateFolder(this.root);
    // A unique name, created exclusively, so that no existing link or file is written to.
    const temp = tempFile(file);
    const handle = await fs.open(temp, 'wx');
    try {
      try {
        await handle.writeFile(encode(identityOf(await handle.stat({ bigint: true }))));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await fs.rename(temp, file);
    } catch (error) {
      await fs.rm(temp, { force: true });
      throw error;
    }
    await syncFolder(path.dirname(file));
  }
}

/** The record, undefined if there is none, or a reason why it cannot be used. */
export async function readRecord(
  file: string,
  limitBytes: number,
): Promise<FoundRecord | string | undefined> {
  try {
    const found = await readBytes(file, limitBytes);
    return found && { record: decodeRecord(found.bytes), place: found.place };
  } catch (error) {
    return (error as Error).message;
  }
}

/** Undefined if there is no record; throws `bad-resume` for an unreadable one. */
async function readBytes(
  file: string,
  limitBytes: number,
): Promise<(StoredRecord & { readonly place: FilePlace }) | undefined> {
  try {
    const handle = await openRegularAsync(file, OPEN_TO_READ, { followLink: false });
    try {
      const place = identityOf(await handle.stat({ bigint: true }));
      if (place.sizeBytes > limitBytes) throw badRecord(tooLong(place.sizeBytes, limitBytes));
      return { bytes: await handle.readFile(), place };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof MillraceError) throw badRecord(error.message);
    throw badRecord(`the resume record cannot be read: ${systemReason(error)}`);
  }
}

/**
 * Makes the rename durable; where folders cannot be synced (Windows), that is left to the system.
 */
async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r').catch(() => undefined);
  try {
    await handle?.sync().catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EIO' || error.code === 'ENOSPC') throw error;
    });
  } finally {
    await handle?.close();
  }
}

function unlessMissing(_stored: string, error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error;
}
