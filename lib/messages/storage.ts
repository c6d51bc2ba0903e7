// How storage is identified across threads. A storage object has methods and cannot be sent; a
// `StorageRef` can.

/** A storage back end. `module` is `files` or `memory` (built in), or the path of a module. */
export interface StorageRef {
  readonly module: string;
  /** Unique per torrent and engine: workers use it as the key of open handles. */
  readonly key: string;
  /** Absolute output folder, for the built-in back ends. */
  readonly root: string;
  /** Write through symbolic links below the root. Default false: they are refused. */
  readonly followLinks?: boolean;
  /** The file in which `files` lists the files that it creates; undefined if nothing is written. */
  readonly made?: string;
  /** Passed to the module unchanged; must survive structured clone. */
  readonly options?: unknown;
}

export type { StoredFile, StoredSpan } from '../metainfo/layout';

/** Where a file lies: numbers assigned by the file system, valid within one boot and one mount. */
export interface FilePlace {
  readonly device: bigint;
  readonly inode: bigint;
}

/**
 * A file that exists and that a job may write to. A file that is not listed must be created by the
 * job, and must not exist.
 */
export interface KnownFile {
  readonly path: string;
  readonly inode: bigint;
  /** As we left it, if known: another file with the same time and length may be written to, too. */
  readonly left?: { readonly sizeBytes: number; readonly mtimeNs: bigint };
}

/** A file at one moment: enough to notice later that another program touched it. */
export interface FileIdentity extends FilePlace {
  readonly sizeBytes: number;
  /** Time of the last modification, in nanoseconds since 1970. */
  readonly mtimeNs: bigint;
}
