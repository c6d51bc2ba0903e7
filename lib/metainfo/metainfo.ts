// What a .torrent says, after every check: the plain record that all other rooms work from.

/** One file of a torrent. */
export interface FileEntry {
  /** Path below the output folder, as safe components; in a multi-file torrent the first is its name. */
  readonly path: readonly string[];
  readonly lengthBytes: number;
  /** Where the file starts in the torrent's one long run of bytes. */
  readonly offsetBytes: number;
}

/** A checked torrent (BEP 3). Plain data: it may cross threads. */
export interface Metainfo {
  /** SHA-1 of the info dictionary's bytes as they stood in the file: 20 raw bytes. */
  readonly infoHash: Uint8Array;
  readonly name: string;
  readonly multiFile: boolean;
  readonly pieceLengthBytes: number;
  readonly pieceCount: number;
  readonly totalLengthBytes: number;
  /** The SHA-1 digests of all pieces, 20 bytes each, back to back. */
  readonly pieceHashes: Uint8Array;
  readonly files: readonly FileEntry[];
  /** Tracker URLs by tier (BEP 12); a lone `announce` is one tier of one. */
  readonly trackers: readonly (readonly string[])[];
  readonly private: boolean;
  readonly comment?: string;
  readonly createdBy?: string;
  /** Seconds since 1970, as the torrent's maker wrote it. */
  readonly creationDateSec?: number;
}

/** A stretch of one file that a piece (or a part of one) covers. */
export interface FileSpan {
  /** Index into `Metainfo.files`. */
  readonly file: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}
