// The interface of a storage back end: a module that is named by a StorageRef and loaded in each
// thread that uses it, because an object with methods cannot be sent. docs/STORAGE.md defines which
// calls may overlap, and what must be durable when.
import type { FileIdentity, FilePlace, KnownFile, StorageRef } from '../messages/storage';

type Awaitable<T> = T | Promise<T>;

/** Used in verify workers: writes verified data, and reads it back for rechecks and `create`. */
export interface StorageWriter {
  /**
   * Writes the chunks contiguously from `offsetBytes`. A missing file and its folders are created;
   * the file is never truncated. The chunks are views of shared memory that is valid only until the
   * write returns.
   */
  write(path: string, offsetBytes: number, chunks: readonly Uint8Array[]): Awaitable<void>;
  /**
   * Fills `target` from `offsetBytes`; returns the number of bytes read: fewer at the end, 0 if the
   * file is missing.
   */
  read(path: string, offsetBytes: number, target: Uint8Array): Awaitable<number>;
  /**
   * Makes every write to these files that has returned durable, from any thread, together with
   * their folders. A path that does not exist is skipped.
   */
  sync(paths: readonly string[]): Awaitable<void>;
  /** Creates these files, empty, and their folders; an existing file is left unchanged. */
  createEmpty(paths: readonly string[]): Awaitable<void>;
  /**
   * Optional. Called before a job with the known files that the next writes may use. Only the
   * built-in `files` needs it: it refuses to write to another file under such a name.
   */
  expect?(known: readonly KnownFile[]): void;
  /**
   * Optional. The state of the file that `write` uses, through its handle; created if missing. With
   * `identify` and `find`, changes by other programs are noticed; only the built-in `files` needs
   * them.
   */
  identify?(path: string): Awaitable<FileIdentity>;
  /** Optional. The regular file that has this name now; undefined if there is none. */
  find?(path: string): Awaitable<FileIdentity | undefined>;
  /** Closes every handle. No other call follows: a later job opens another writer. */
  close(): Awaitable<void>;
}

/** Used in peer threads, for uploads. */
export interface StorageReader {
  /**
   * Fills the targets, one after the other, from `offsetBytes` on; resolves to the number of bytes
   * read: fewer at the end, 0 if the file is missing. At most 16 targets, 256 KiB in total.
   */
  read(path: string, offsetBytes: number, targets: readonly Uint8Array[]): Promise<number>;
  /** Waits for the reads in progress, then closes every handle; later reads are refused. */
  close(): Promise<void>;
}

/** Held until it is released or its engine has ended. */
export interface StorageLock {
  /** May be called again. */
  release(): Awaitable<void>;
}

/** A resume record as it was saved. */
export interface StoredRecord {
  readonly bytes: Uint8Array;
  /** Where it lies. Only the built-in `files` sets it. */
  readonly place?: FilePlace;
}

/** The present state of a stored file of the torrent. */
export interface StoredStat {
  readonly sizeBytes: number;
  /**
   * Time of its last change in nanoseconds since 1970, or any number that differs after each
   * change.
   */
  readonly mtimeNs: bigint;
}

/**
 * Used in the coordinator's thread: the state of one torrent between runs. With it a torrent
 * resumes without reading all data again, and no second engine works on it. Calls for one torrent
 * do not overlap, except for `stat`.
 */
export interface StorageState {
  /**
   * The first call: excludes every other engine, of any process, from the torrent. Rejects with an
   * error of code `output-locked` whose message names the holder. The lock of a killed engine must
   * not stay for ever.
   */
  lock(): Awaitable<StorageLock>;
  /**
   * The record that was saved last; undefined if there is none. One longer than `limitBytes` is not
   * used. An error of code `bad-resume` means that the record exists and cannot be read: all data
   * is then checked.
   */
  load(limitBytes: number): Awaitable<StoredRecord | undefined>;
  /**
   * Replaces the record by the result of `encode`, completely or not at all, even in a crash; it is
   * durable when this returns.
   */
  save(encode: (place?: FilePlace) => Uint8Array): Awaitable<void>;
  /**
   * Optional, only together with `saveInfo`. Returns the info dictionary that was saved last; undefined if there
   * is none, or it is longer than `limitBytes`. May be called before `lock`. Without these two, the metadata of a
   * magnet link is fetched from peers in each run.
   */
  loadInfo?(limitBytes: number): Awaitable<Uint8Array | undefined>;
  /** Optional. Saves the info dictionary of a torrent that was added by a magnet link. Durable when it returns. */
  saveInfo?(info: Uint8Array): Awaitable<void>;
  /** Deletes the record and the info dictionary, if they exist. */
  remove(): Awaitable<void>;
  /** The state of each of these paths, in their order; undefined for one that does not exist. */
  stat(paths: readonly string[]): Awaitable<readonly (StoredStat | undefined)[]>;
  /** Optional. The last call: closes every connection and handle. */
  close?(): Awaitable<void>;
  /**
   * Set if the store is a folder of a file system that other programs use: its files are claimed,
   * admitted, and compared with how they were left. Only the built-in `files` has it.
   */
  readonly folder?: {
    /** The boot for which devices and inodes are valid. */
    readonly boot: string | undefined;
    /** See `file-systems.ts`. */
    keepsExactTimes(): Promise<boolean>;
  };
}

/** The exports of a storage module. */
export interface StorageModule {
  openWriter(ref: StorageRef): StorageWriter;
  openReader(ref: StorageRef): StorageReader;
  /**
   * Optional. `infoHash`: 40 hexadecimal digits, the same in every run. Without this export there
   * is neither a lock nor a record, and existing data is checked at each start.
   */
  openState?(ref: StorageRef, infoHash: string): Awaitable<StorageState>;
}
