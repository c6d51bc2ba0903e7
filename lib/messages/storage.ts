// How storage is named across threads. A storage object has methods and cannot cross; its name can.

/** A storage back end: `module` is `files` (built in), `memory` (built in) or a path to require. */
export interface StorageRef {
  readonly module: string;
  /** Unique per torrent and engine: workers key their open handles by it. */
  readonly key: string;
  /** Absolute output folder, for the built-in back ends. */
  readonly root: string;
  /** Given to the module as it is; must survive structured clone. */
  readonly options?: unknown;
}

/** One file of a torrent as storage sees it. */
export interface StoredFile {
  /** Path below the root, components joined by `/`. */
  readonly path: string;
  readonly lengthBytes: number;
}

/** A stretch of one stored file. */
export interface StoredSpan {
  readonly path: string;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}
