// What a storage back end must offer. A back end is a module, named by a StorageRef and loaded in
// the thread that uses it, because an object with methods cannot cross threads.
import type { FileIdentity, KnownFile, StorageRef } from '../messages/storage';

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
   * it: it writes to no other file that has come to bear such a name.
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

/** What a storage module exports. */
export interface StorageModule {
  openWriter(ref: StorageRef): StorageWriter;
  openReader(ref: StorageRef): StorageReader;
}
