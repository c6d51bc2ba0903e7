// What a .torrent says, after every check: the plain record that all other rooms work from.

/**
 * Whose rules gave the files of a torrent their names. `libtorrent`: those of new files; `raw`: what the
 * torrent says; the others: Transmission 4.1, 4.0 and 3.00.
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
  /** Path below the output folder, as safe components; in a multi-file torrent the first is its folder. */
  readonly path: readonly string[];
  /**
   * The torrent's own `path` below its folder, where `path` says something else. A byte that is no UTF-8
   * stands as the lone surrogate U+DC00 + byte.
   */
  readonly rawPath?: readonly string[];
  readonly lengthBytes: number;
  /** Where the file starts in the torrent's one long run of bytes. */
  readonly offsetBytes: number;
  /** The maker's wish that it may be run (BEP 47, attribute `x`); not acted on yet. */
  readonly executable?: true;
  /** The maker's wish that it be hidden (BEP 47, attribute `h`); not acted on yet. */
  readonly hidden?: true;
}

/** A symbolic link of a torrent (BEP 47, attribute `l`). None is made yet. */
export interface SymlinkEntry {
  /** As in `FileEntry`. */
  readonly path: readonly string[];
  /** What it points to, from the torrent's folder on. Unchecked: it may point anywhere. */
  readonly target: readonly string[];
}

/** A checked torrent (BEP 3). Plain data: it may cross threads. */
export interface Metainfo {
  /** SHA-1 of the info dictionary's bytes as they stood in the file: 20 raw bytes. */
  readonly infoHash: Uint8Array;
  /** Of the folder below the output folder, or of the only file. */
  readonly name: string;
  /** The torrent's own `name` where `name` says something else; bytes as in `FileEntry.rawPath`. */
  readonly rawName?: string;
  /**
   * Whose rules gave the files their names. Undefined where every client gives the same ones, as for most
   * torrents.
   */
  readonly names?: NameMapping;
  readonly multiFile: boolean;
  readonly pieceLengthBytes: number;
  readonly pieceCount: number;
  /** Of all pieces together: the files and the padding between them. */
  readonly totalLengthBytes: number;
  /** Zeros between files that only fill pieces up (BEP 47): no file holds them. Absent where there are none. */
  readonly paddingBytes?: number;
  /** The SHA-1 digests of all pieces, 20 bytes each, back to back. */
  readonly pieceHashes: Uint8Array;
  /** What is stored, in the order of the torrent; padding is not among it, and lies where no file does. */
  readonly files: readonly FileEntry[];
  /** Symbolic links, which hold no bytes; absent where there are none. */
  readonly symlinks?: readonly SymlinkEntry[];
  /** Tracker URLs by tier (BEP 12); a lone `announce` is one tier of one. */
  readonly trackers: readonly (readonly string[])[];
  /** Tracker URLs that are not used, the first 20 of them; absent where all are used. */
  readonly ignoredTrackers?: readonly IgnoredTracker[];
  /** How many are not used in all; absent where all are. */
  readonly ignoredTrackerCount?: number;
  readonly private: boolean;
  readonly comment?: string;
  readonly createdBy?: string;
  /** Seconds since 1970, as the torrent's maker wrote it. */
  readonly creationDateSec?: number;
}

/** A tracker URL of the torrent that is not used. */
export interface IgnoredTracker {
  /** As the torrent has it, up to 200 characters of it. Hostile text that may hold a passkey. */
  readonly url: string;
  /** Why, as half a sentence about the URL. */
  readonly reason: string;
}
