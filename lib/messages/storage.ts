// How storage is named across threads. A storage object has methods and cannot cross; its name can.

/** A storage back end: `module` is `files` (built in), `memory` (built in) or a path to require. */
export interface StorageRef {
  readonly module: string;
  /** Unique per torrent and engine: workers key their open handles by it. */
  readonly key: string;
  /** Absolute output folder, for the built-in back ends. */
  readonly root: string;
  /** Write through symbolic links below the root. Default false: they are refused. */
  readonly followLinks?: boolean;
  /** Where `files` notes which files it makes; undefined where nothing is written. */
  readonly made?: string;
  /** Given to the module as it is; must survive structured clone. */
  readonly options?: unknown;
}

export type { StoredFile, StoredSpan } from '../metainfo/layout';

/** Where a file lies: numbers that a file system hands out, good within one boot and one mount. */
export interface FilePlace {
  readonly device: bigint;
  readonly inode: bigint;
}

/** A file that a job may write to, because it is known. One without is to be made, and must not be there. */
export interface KnownFile {
  readonly path: string;
  readonly inode: bigint;
  /** As we left it, where that is known: a copy that equals it in both may be written to as well. */
  readonly left?: { readonly sizeBytes: number; readonly mtimeNs: bigint };
}

/** A file as it was at one moment: enough to notice later that another program touched it. */
export interface FileIdentity extends FilePlace {
  readonly sizeBytes: number;
  /** Last modification, nanoseconds since 1970. */
  readonly mtimeNs: bigint;
}
