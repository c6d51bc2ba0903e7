// What a storage back end must offer. A back end is a module, named by a StorageRef and loaded in
// the thread that uses it, because an object with methods cannot cross threads. docs/STORAGE.md says which
// calls may overlap, and what must be durable when.
import type { FileIdentity, FilePlace, KnownFile, StorageRef } from '../messages/storage';

type Awaitable<T> = T | Promise<T>;

/** Used inside verify workers: writes what was verified, reads it back for rechecks and `create`. */
export interface StorageWriter {
  /**
   * Writes the chunks back to back from `offsetBytes`. The file and its folders are made when
   * missing; it is never truncated. The chunks are views of shared memory that is valid only until
   * the write returns.
   */
  write(path: string, offsetBytes: number, chunks: readonly Uint8Array[]): Awaitable<void>;
  /** Fills `target` from `offsetBytes`; returns the bytes read: fewer at the end, 0 if missing. */
  read(path: string, offsetBytes: number, target: Uint8Array): Awaitable<number>;
  /**
   * Makes every write to these files that has returned durable, whichever thread made it, and with
   * it the folders that hold them. A path that does not exist is passed over.
   */
  sync(paths: readonly string[]): Awaitable<void>;
  /** Creates these files, empty, and their folders; an existing file stays as it is. */
  createEmpty(paths: readonly string[]): Awaitable<void>;
  /**
   * What is known of files that the next writes may go to, before a job. Only the built-in `files` needs
   * it: it refuses to write to another file that has taken such a name.
   */
  expect?(known: readonly KnownFile[]): void;
  /**
   * The file that `write` writes to, by the handle that it uses; made when missing. `identify` and `find`
   * notice what other programs do to files; only the built-in `files` needs them.
   */
  identify?(path: string): Awaitable<FileIdentity>;
  /** The regular file that bears this name now; undefined if there is none. */
  find?(path: string): Awaitable<FileIdentity | undefined>;
  /** Lets go of every handle. The writer may be used again: it reopens what it needs. */
  close(): Awaitable<void>;
}

/** Used inside peer threads, for uploads. */
export interface StorageReader {
  /**
   * Fills the targets, one after the other, from `offsetBytes` on; resolves to the bytes read: fewer
   * at the end, 0 if missing. Up to 16 targets, 256 KiB in all.
   */
  read(path: string, offsetBytes: number, targets: readonly Uint8Array[]): Promise<number>;
  /** Waits for the reads under way, then lets go of every handle; later reads are refused. */
  close(): Promise<void>;
}

/** Held until it is released, or its engine is gone. */
export interface StorageLock {
  /** May be called again. */
  release(): Awaitable<void>;
}

/** A resume record as it was saved. */
export interface StoredRecord {
  readonly bytes: Uint8Array;
  /** Where it lies. Only the built-in `files` says that. */
  readonly place?: FilePlace;
}

/** A file of the torrent as the store has it now. */
export interface StoredStat {
  readonly sizeBytes: number;
  /** When it was last changed, nanoseconds since 1970; or any number that each change replaces by a new one. */
  readonly mtimeNs: bigint;
}

/**
 * Used inside the coordinator's thread: what the back end remembers of one torrent between runs. With it the
 * torrent resumes without reading everything again, and no second engine works on it. No two calls of one
 * torrent overlap, but for `stat`.
 */
export interface StorageState {
  /**
   * Keeps every other engine, of any process, off the torrent; rejects with an error of the `code`
   * `output-locked` whose message names the holder. This is the first call. The lock of a killed engine must
   * not stay for ever.
   */
  lock(): Awaitable<StorageLock>;
  /**
   * The record that was saved last, undefined if there is none; one of more than `limitBytes` is not used. An
   * error of the `code` `bad-resume` says that there is one which cannot be read: everything is checked then.
   */
  load(limitBytes: number): Awaitable<StoredRecord | undefined>;
  /**
   * Replaces the record by what `encode` returns, as a whole or not at all, also in a crash; it is durable when
   * this returns.
   */
  save(encode: (place?: FilePlace) => Uint8Array): Awaitable<void>;
  /** Forgets the record, if there is one. */
  remove(): Awaitable<void>;
  /** What is stored under each of these paths, in their order; undefined for what does not exist. */
  stat(paths: readonly string[]): Awaitable<readonly (StoredStat | undefined)[]>;
  /** The last call: lets go of every connection and handle. */
  close?(): Awaitable<void>;
  /**
   * The store is a folder of a file system, which other programs see: its files are claimed, admitted, and
   * compared with how they were left. Only the built-in `files` has it.
   */
  readonly folder?: {
    /** Where devices and inodes mean something: one boot. */
    readonly boot: string | undefined;
    /** See `file-systems.ts`. */
    keepsExactTimes(): Promise<boolean>;
  };
}

/** What a storage module exports. */
export interface StorageModule {
  openWriter(ref: StorageRef): StorageWriter;
  openReader(ref: StorageRef): StorageReader;
  /**
   * `infoHash`: 40 hexadecimal digits, the same in every run. Without this export there is neither a lock nor a
   * record: what exists is checked at each start.
   */
  openState?(ref: StorageRef, infoHash: string): Awaitable<StorageState>;
}
