// The content of a .torrent after every check: the plain record that all other rooms use.

/**
 * The rules by which the files of a torrent were named. `libtorrent`: those of new files; `raw`:
 * the names in the torrent; the others: Transmission 4.1, 4.0 and 3.00.
 */
export const NAME_MAPPINGS = [
  'libtorrent',
  'raw',
  'transmission-4.1',
  'transmission-4.0',
  'transmission-3.00',
] as const;
export type NameMapping = (typeof NAME_MAPPINGS)[number];

/** One file of a torrent. */
export interface FileEntry {
  /**
   * Path below the output folder, as safe components; in a multi-file torrent the first is the
   * torrent's folder.
   */
  readonly path: readonly string[];
  /**
   * The torrent's own `path` below its folder, if `path` differs from it. A byte that is not UTF-8
   * is represented as the lone surrogate U+DC00 + byte.
   */
  readonly rawPath?: readonly string[];
  readonly lengthBytes: number;
  /** Offset of the file in the contiguous bytes of the torrent. */
  readonly offsetBytes: number;
  /** The file should be executable (BEP 47, attribute `x`); not acted on yet. */
  readonly executable?: true;
  /** The file should be hidden (BEP 47, attribute `h`); not acted on yet. */
  readonly hidden?: true;
}

/** A symbolic link of a torrent (BEP 47, attribute `l`). Links are not created yet. */
export interface SymlinkEntry {
  /** As in `FileEntry`. */
  readonly path: readonly string[];
  /** Its target, relative to the torrent's folder. Unchecked: it may point anywhere. */
  readonly target: readonly string[];
}

/** A checked torrent (BEP 3). Plain data: it can be sent to other threads. */
export interface Metainfo {
  /** SHA-1 of the original bytes of the info dictionary: 20 raw bytes. */
  readonly infoHash: Uint8Array;
  /**
   * The info hash of version 2 (BEP 52) of a hybrid torrent: the SHA-256 of the info dictionary, 32 raw
   * bytes. Absent for a v1 torrent. Hybrids are transferred as version 1.
   */
  readonly infoHashV2?: Uint8Array;
  /**
   * The original bytes of the info dictionary, which are served to peers that have a magnet link (BEP 9).
   * `pieceHashes` may share their memory. A record without them can be added, but is not served.
   */
  readonly infoBytes?: Uint8Array;
  /** Name of the folder below the output folder, or of the only file. */
  readonly name: string;
  /** The torrent's own `name`, if `name` differs from it; bytes as in `FileEntry.rawPath`. */
  readonly rawName?: string;
  /**
   * The rules by which the files were named. Undefined if every client gives the same names, as for
   * most torrents.
   */
  readonly names?: NameMapping;
  readonly multiFile: boolean;
  readonly pieceLengthBytes: number;
  readonly pieceCount: number;
  /** Length of all pieces together: the files and the padding between them. */
  readonly totalLengthBytes: number;
  /** Zeros between files that only fill up pieces (BEP 47) and are not stored. Absent if none. */
  readonly paddingBytes?: number;
  /** The SHA-1 digests of all pieces, 20 bytes each, concatenated. */
  readonly pieceHashes: Uint8Array;
  /** The stored files, in the order of the torrent. Padding is any range without a file. */
  readonly files: readonly FileEntry[];
  /** Symbolic links, which take no bytes; absent if none. */
  readonly symlinks?: readonly SymlinkEntry[];
  /** Tracker URLs by tier (BEP 12); a lone `announce` is one tier with one URL. */
  readonly trackers: readonly (readonly string[])[];
  /** Ignored tracker URLs, the first 20 of them; absent if none. */
  readonly ignoredTrackers?: readonly IgnoredTracker[];
  /** Number of ignored tracker URLs; absent if none. */
  readonly ignoredTrackerCount?: number;
  readonly private: boolean;
  readonly comment?: string;
  readonly createdBy?: string;
  /** Seconds since 1970, as set by the creator of the torrent. */
  readonly creationDateSec?: number;
}

/** A tracker URL of the torrent that is not used. */
export interface IgnoredTracker {
  /** The URL, up to 200 characters. Untrusted text that may contain a passkey. */
  readonly url: string;
  /** Why, worded to follow the URL. */
  readonly reason: string;
}
