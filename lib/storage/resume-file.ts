// Reads and replaces the resume record of one torrent: `<output>/.millrace/<info hash>.resume`.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { Bitfield, ReadonlyBitfield } from '../bytes/bitfield';
import type { BencodeValue } from '../bencode/value';
import { MillraceError } from '../errors/millrace-error';
import { systemReason } from '../errors/system-error';
import type { NameMapping } from '../metainfo/names';
import type { FilePlace } from '../messages/storage';
import { bootId } from './boot-id';
import { keepsExactTimes } from './file-systems';
import { decodeRecord, encodeRecord, layoutDigest, maxRecordBytes } from './resume-record';
import type { RecordShape, RecordedFile, ResumeRecord } from './resume-record';
import { judgeResume } from './resume-rules';
import type { PresentFile, ResumeShape, ResumeState } from './resume-rules';
import { OPEN_TO_READ, openRegularAsync } from './open-regular';
import { makeStateFolder, stateFile, tempFile } from './state-folder';
import { identityOf, statFiles } from './stat-files';

export interface SaveOptions {
  /** True while more will be written, false for the last save of an orderly close. */
  readonly open: boolean;
  /** Now, in milliseconds since 1970. */
  readonly savedAtMs: number;
  /** What is known of the files, as of the last sync of each. */
  readonly files: readonly RecordedFile[];
}

/** What an earlier run left, and what is there now. */
export interface LoadedRecord extends ResumeState {
  /** Goes with the torrent's files. */
  readonly present: readonly PresentFile[];
  /** See `keepsExactTimes`. */
  readonly exactTimes: boolean;
}

/** A record, and where it lies. */
export interface FoundRecord {
  readonly record: ResumeRecord;
  readonly place: FilePlace;
}

/** The record of one torrent in one output folder. Needs the output's lock. */
export class ResumeFile {
  readonly path: string;
  private readonly root: string;
  private readonly shape: ResumeShape;
  private readonly names: NameMapping | undefined;
  /** What later versions wrote into the record that was loaded. */
  private kept: ReadonlyMap<string, BencodeValue> = new Map();
  private lastSave: Promise<void> = Promise.resolve();

  constructor(
    root: string,
    shape: RecordShape & { readonly infoHash: Uint8Array },
    names?: NameMapping,
  ) {
    this.root = root;
    this.names = names;
    this.shape = { ...shape, layout: layoutDigest(shape) };
    this.path = stateFile(root, shape.infoHash, 'resume');
  }

  /** What an earlier run left. Never raises because of what the record holds. */
  async load(): Promise<LoadedRecord> {
    const { pieceCount, files } = this.shape;
    const found = await readRecord(this.path, maxRecordBytes(pieceCount, files));
    const present = await this.look(() => undefined);
    const record = typeof found === 'string' ? found : found?.record;
    const state = judgeResume(this.shape, record, present, {
      boot: bootId(),
      place: typeof found === 'object' ? found.place : undefined,
    });
    if (typeof record === 'object' && state.status !== 'unusable') this.kept = record.kept;
    return { ...state, present, exactTimes: await keepsExactTimes(this.root) };
  }

  /** The torrent's files as they are now, in its order. Raises what the system says but "not there". */
  async look(
    onError: (stored: string, error: unknown) => undefined = unlessMissing,
  ): Promise<PresentFile[]> {
    const paths = this.shape.files.map((file) => file.path);
    const found = await statFiles(this.root, paths, { onError });
    return found.map((file) => (file?.kind === 'file' ? file : undefined));
  }

  /**
   * Replaces the record atomically. `have` must hold only pieces whose write returned before a file
   * sync began that has finished; it is copied before this returns. Saves never overlap.
   */
  save(have: ReadonlyBitfield, options: SaveOptions): Promise<void> {
    const copy = have.clone();
    const saved = this.lastSave.then(() => this.write(copy, options));
    this.lastSave = saved.catch(() => undefined); // its caller gets the error
    return saved;
  }

  /** Forgets everything, once the saves under way are done. */
  async remove(): Promise<void> {
    await this.lastSave;
    await fs.rm(this.path, { force: true });
  }

  private async write(have: Bitfield, options: SaveOptions): Promise<void> {
    const { infoHash, layout, pieceCount } = this.shape;
    const { open, savedAtMs, files } = options;
    const folder = path.dirname(this.path);
    makeStateFolder(this.root);
    // A name of its own, made exclusively: no link or file that waits there is written to.
    const temp = tempFile(this.path);
    const handle = await fs.open(temp, 'wx');
    try {
      try {
        const place = identityOf(await handle.stat({ bigint: true }));
        const { names } = this;
        const known = { infoHash, layout, pieceCount, have, open, files, savedAtMs, names };
        await handle.writeFile(encodeRecord({ ...known, boot: bootId(), place, kept: this.kept }));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await fs.rename(temp, this.path);
    } catch (error) {
      await fs.rm(temp, { force: true });
      throw error;
    }
    await syncFolder(folder);
  }
}

/** The record, undefined when there is none, or why it cannot be read. */
export async function readRecord(
  file: string,
  limitBytes: number,
): Promise<FoundRecord | string | undefined> {
  try {
    const handle = await openRegularAsync(file, OPEN_TO_READ, { followLink: false });
    try {
      const place = identityOf(await handle.stat({ bigint: true }));
      if (place.sizeBytes > limitBytes)
        return `the resume record is ${place.sizeBytes} bytes long, at most ${limitBytes} are due`;
      return { record: decodeRecord(await handle.readFile()), place };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof MillraceError) return error.message;
    return `the resume record cannot be read: ${systemReason(error)}`;
  }
}

/** Makes the rename durable; where folders cannot be synced (Windows) it is left to the system. */
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
