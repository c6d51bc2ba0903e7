// The jobs for the verify pool, and their results. A job contains some MiB of pieces
// (`verify/batch.ts`), so that its own cost is small compared with hashing. A SHA-1 is sent as 40
// hexadecimal digits: an array of 20 bytes costs 3 µs to send, a string 0.5.

import type { ErrorRecord } from '../errors/millrace-error';
import type { Metainfo } from '../metainfo/metainfo';
import type { FileIdentity, KnownFile, StorageRef, StoredSpan } from './storage';

/** Start data of every verify worker. */
export interface VerifyStart {
  readonly slab: SharedArrayBuffer;
  /** One Int32, incremented when a torrent is closed, so that idle workers close its handles. */
  readonly closeEpoch: SharedArrayBuffer;
}

export type VerifyJob =
  /** Hash full pieces in the slab, and write the good ones. */
  | {
      readonly type: 'pieces';
      readonly storage: StorageRef;
      readonly pieces: readonly FilledPiece[];
      /** Those of its files that exist and may be written to. */
      readonly known?: readonly KnownFile[];
    }
  /** Read pieces from storage and hash them, for a recheck. */
  | {
      readonly type: 'recheck';
      readonly storage: StorageRef;
      readonly pieces: readonly StoredPiece[];
    }
  /** Read pieces and return their digests, for `createTorrent`. */
  | {
      readonly type: 'digest';
      readonly storage: StorageRef;
      readonly pieces: readonly DigestPiece[];
    }
  /** Sync everything written to these files so far, and their folders. */
  | { readonly type: 'sync'; readonly storage: StorageRef; readonly paths: readonly string[] }
  /** Check the metadata of a torrent (BEP 9), and read it. */
  | {
      readonly type: 'metadata';
      /** The info dictionary, if its SHA-1 is `sha1`. */
      readonly info: SharedArrayBuffer;
      readonly sha1: string;
      /** Also return the digests of its pieces if it is right, because an earlier copy failed. */
      readonly wantPieceDigests: boolean;
    }
  /** Create empty files, which no piece writes, and their missing folders. */
  | {
      readonly type: 'create-empty';
      readonly storage: StorageRef;
      readonly paths: readonly string[];
    };

/** Used instead of a first slab unit: blocks of padding, which have no memory and are zeros. */
export const ZERO_UNITS = -1;

export interface FilledPiece {
  readonly piece: number;
  readonly lengthBytes: number;
  readonly sha1: string;
  /** Pairs (first slab unit or `ZERO_UNITS`, number of units), in piece order. */
  readonly segments: readonly number[];
  readonly spans: readonly StoredSpan[];
  /** Also return the block digests if the piece is good, because an earlier attempt failed. */
  readonly wantBlockDigests?: boolean;
}

export interface DigestPiece {
  readonly piece: number;
  readonly lengthBytes: number;
  readonly spans: readonly StoredSpan[];
}

export interface StoredPiece extends DigestPiece {
  readonly sha1: string;
}

/** The outcome for one piece: a bad piece does not fail its job. */
export type PieceOutcome =
  /** The digest matches, and (in a `pieces` job) the write returned. */
  | { readonly type: 'good'; readonly piece: number; readonly blockDigests?: Uint8Array }
  /** The digest does not match. `blockDigests`: SHA-1 of each 16 KiB block, 20 bytes each (`pieces` only). */
  | { readonly type: 'bad'; readonly piece: number; readonly blockDigests?: Uint8Array }
  /** The answer to a `digest` job. */
  | { readonly type: 'digest'; readonly piece: number; readonly sha1: string }
  /** Storage failed; the piece itself may be fine. */
  | { readonly type: 'storage-error'; readonly piece: number; readonly error: ErrorRecord };

/** The result for a copy of the metadata. `pieceDigests`: SHA-1 of each piece of 16 KiB, 20 bytes each. */
export type MetadataOutcome =
  /** Its `infoBytes` are those of the job, which threads share; it has no trackers. */
  | { readonly type: 'good'; readonly metainfo: Metainfo; readonly pieceDigests?: Uint8Array }
  /** Its hash is wrong. */
  | { readonly type: 'wrong'; readonly pieceDigests: Uint8Array }
  /** Its hash is right, and it breaks a rule. */
  | { readonly type: 'unusable'; readonly error: ErrorRecord; readonly pieceDigests?: Uint8Array };

/**
 * A file that a `pieces` job wrote to: its state before the first write and after the last, by its
 * handle.
 */
export interface WrittenFile {
  readonly path: string;
  readonly before: FileIdentity;
  readonly after: FileIdentity;
  /** Highest offset that was written. */
  readonly endBytes: number;
}

/**
 * The file found under the name of a synced file; undefined if there is none, or no regular file.
 */
export interface SyncedFile {
  readonly path: string;
  readonly now: FileIdentity | undefined;
}

export interface VerifyResult {
  readonly outcomes: readonly PieceOutcome[];
  /** For `pieces`, if the back end can report it. */
  readonly written?: readonly WrittenFile[];
  /** For `sync`, if the back end can report it. */
  readonly synced?: readonly SyncedFile[];
  /** An earlier attempt at this job had started on a worker that died. */
  readonly again?: boolean;
  /** For `metadata`. */
  readonly metadata?: MetadataOutcome;
  /** For `sync` and `create-empty`: the error, if any. */
  readonly error?: ErrorRecord;
  readonly hashMs: number;
  readonly storageMs: number;
}
