// The resume record of one torrent: creates, evaluates and updates it, and stores it through the
// torrent's back end.
import type { Bitfield, ReadonlyBitfield } from '../bytes/bitfield';
import type { BencodeValue } from '../bencode/value';
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { NameMapping } from '../metainfo/names';
import type { FilePlace } from '../messages/storage';
import { decodeRecord, encodeRecord, layoutDigest, maxRecordBytes } from './resume-record';
import type { RecordShape, RecordedFile, ResumeRecord } from './resume-record';
import { judgeResume } from './resume-rules';
import type { PresentFile, ResumeShape, ResumeState } from './resume-rules';
import type { StorageState } from './storage';

export interface SaveOptions {
  /** True while more will be written, false for the last save of a clean close. */
  readonly open: boolean;
  /** The present time in milliseconds since 1970. */
  readonly savedAtMs: number;
  /** The state of the files after the last sync of each. */
  readonly files: readonly RecordedFile[];
}

/** What an earlier run left, and what exists now. */
export interface LoadedRecord extends ResumeState {
  /** One entry for each of the torrent's files. */
  readonly present: readonly PresentFile[];
  /** See `keepsExactTimes`. */
  readonly exactTimes: boolean;
}

/** The torrent of a record. */
export interface TorrentShape extends RecordShape {
  readonly infoHash: Uint8Array;
}

/**
 * Used instead of a boot id for a back end that is not a folder: its numbers do not change with a
 * restart, and no copying tool cuts its times.
 */
const NO_BOOT = 'store';
const NO_PLACE: FilePlace = { device: 0n, inode: 0n };

/** Requires the lock of its torrent. */
export class TorrentRecord {
  private readonly state: StorageState;
  private readonly shape: ResumeShape;
  private readonly names: NameMapping | undefined;
  /** Keys that later versions wrote into the loaded record. */
  private kept: ReadonlyMap<string, BencodeValue> = new Map();
  private lastSave: Promise<void> = Promise.resolve();

  constructor(state: StorageState, shape: TorrentShape, names?: NameMapping) {
    this.state = state;
    this.names = names;
    this.shape = { ...shape, layout: layoutDigest(shape) };
  }

  /** Loads what an earlier run left. Never throws because of the content of the record. */
  async load(): Promise<LoadedRecord> {
    const { folder } = this.state;
    const { record, place } = await this.read();
    const present = await this.look();
    const here = { boot: this.boot, place: folder ? place : NO_PLACE };
    const state = judgeResume(this.shape, record, present, here);
    if (typeof record === 'object' && state.status !== 'unusable') this.kept = record.kept;
    return { ...state, present, exactTimes: (await folder?.keepsExactTimes()) ?? false };
  }

  /** The present state of all files of the torrent, in order. */
  look(): Promise<PresentFile[]> {
    return this.stat(this.shape.files.map((file) => file.path));
  }

  /** The present state of some files. Throws what the back end throws. */
  async stat(paths: readonly string[]): Promise<PresentFile[]> {
    const found = await this.state.stat(paths);
    return paths.map((_, at) => {
      const file = found[at];
      return file && { ...NO_PLACE, ...file };
    });
  }

  /**
   * Replaces the record atomically. `have` must contain only pieces whose write returned before the
   * start of a finished file sync; it is copied before this returns. Saves never overlap.
   */
  save(have: ReadonlyBitfield, options: SaveOptions): Promise<void> {
    const copy = have.clone();
    const saved = this.lastSave.then(() => this.write(copy, options));
    this.lastSave = saved.catch(() => undefined); // The caller gets the error.
    return saved;
  }

  /** Deletes the record, after the saves in progress. */
  async remove(): Promise<void> {
    await this.lastSave;
    await this.state.remove();
  }

  private get boot(): string | undefined {
    const { folder } = this.state;
    return folder ? folder.boot : NO_BOOT;
  }

  /** The record, undefined if there is none, or a reason why it cannot be used. */
  private async read(): Promise<{
    readonly record: ResumeRecord | string | undefined;
    readonly place?: FilePlace | undefined;
  }> {
    const { pieceCount, files } = this.shape;
    const limitBytes = maxRecordBytes(pieceCount, files);
    try {
      const found = await this.state.load(limitBytes);
      if (found === undefined) return { record: undefined };
      const { bytes, place } = found;
      if (bytes.length > limitBytes) return { record: tooLong(bytes.length, limitBytes) };
      return { record: decodeRecord(bytes), place };
    } catch (error) {
      if (recordOf(error).code !== 'bad-resume') throw error;
      return { record: recordOf(error).message };
    }
  }

  private async write(have: Bitfield, { open, savedAtMs, files }: SaveOptions): Promise<void> {
    const { kept, names, boot } = this;
    const { infoHash, layout, pieceCount } = this.shape;
    const known = { infoHash, layout, pieceCount, have, open, files, savedAtMs, names, boot, kept };
    const { folder } = this.state;
    await this.state.save((place) => encodeRecord({ ...known, place: folder ? place : NO_PLACE }));
  }
}

export function tooLong(bytes: number, limitBytes: number): string {
  return `the resume record is ${bytes} bytes long, at most ${limitBytes} are due`;
}

/** The error for a record that exists and cannot be used. */
export function badRecord(why: string): MillraceError {
  return new MillraceError('bad-resume', why);
}
