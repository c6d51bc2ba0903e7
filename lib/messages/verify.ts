// The jobs that the coordinator hands to the Piscina pool, and what comes back. A job carries
// some MiB of pieces (`verify/batch.ts`), so that its own cost is small beside the hashing. A SHA-1 is 40 hexadecimal digits:
// an array of 20 bytes costs 3 µs on its way, a string 0.5.

import type { ErrorRecord } from '../errors/millrace-error';
import type { FileIdentity, KnownFile, StorageRef, StoredSpan } from './storage';

/** What every verify worker is started with. */
export interface VerifyStart {
  readonly slab: SharedArrayBuffer;
  /** One Int32: raised when a torrent is closed, so that idle workers close its handles. */
  readonly closeEpoch: SharedArrayBuffer;
}

export type VerifyJob =
  /** Hash full pieces in the slab; write each that is good. */
  | {
      readonly type: 'pieces';
      readonly storage: StorageRef;
      readonly pieces: readonly FilledPiece[];
      /** Those of its files that were seen already. */
      readonly known?: readonly KnownFile[];
    }
  /** Read pieces from storage and hash them: recheck. */
  | {
      readonly type: 'recheck';
      readonly storage: StorageRef;
      readonly pieces: readonly StoredPiece[];
    }
  /** Read a run of pieces and return their digests: create. */
  | {
      readonly type: 'digest';
      readonly storage: StorageRef;
      readonly pieces: readonly DigestPiece[];
    }
  /** Make everything written to these files so far durable, and the folders that hold them. */
  | { readonly type: 'sync'; readonly storage: StorageRef; readonly paths: readonly string[] }
  /** Create empty files, and missing folders, that no piece will ever write. */
  | {
      readonly type: 'create-empty';
      readonly storage: StorageRef;
      readonly paths: readonly string[];
    };

/** In place of a first slab unit: blocks of padding, which have no memory and are zeros. */
export const ZERO_UNITS = -1;

export interface FilledPiece {
  readonly piece: number;
  readonly lengthBytes: number;
  readonly sha1: string;
  /** Pairs (first slab unit or `ZERO_UNITS`, number of units), in piece order. */
  readonly segments: readonly number[];
  readonly spans: readonly StoredSpan[];
  /** Also return the block digests if the piece is good: an earlier attempt failed. */
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

/** Per-piece outcome: one bad piece does not fail its job. */
export type PieceOutcome =
  /** The digest matches, and (in a `pieces` job) the write returned. */
  | { readonly type: 'good'; readonly piece: number; readonly blockDigests?: Uint8Array }
  /** The digest does not match. `blockDigests`: SHA-1 of each 16 KiB block, 20 bytes each (`pieces` only). */
  | { readonly type: 'bad'; readonly piece: number; readonly blockDigests?: Uint8Array }
  /** A `digest` job's answer. */
  | { readonly type: 'digest'; readonly piece: number; readonly sha1: string }
  /** Storage failed; the piece itself may be fine. */
  | { readonly type: 'storage-error'; readonly piece: number; readonly error: ErrorRecord };

/** A file that a `pieces` job wrote to: before its first write and after its last, by the handle. */
export interface WrittenFile {
  readonly path: string;
  readonly before: FileIdentity;
  readonly after: FileIdentity;
  /** Where the furthest of its writes ended. */
  readonly endBytes: number;
  /** Between two of its writes the file was shorter than the earlier one had made it. */
  readonly cut?: boolean;
}

/** What bears the name of a file that was synced; undefined: nothing does, or no regular file. */
export interface SyncedFile {
  readonly path: string;
  readonly now: FileIdentity | undefined;
}

export interface VerifyResult {
  readonly outcomes: readonly PieceOutcome[];
  /** `pieces`, where the back end knows its files. */
  readonly written?: readonly WrittenFile[];
  /** `sync`, where the back end knows its files. */
  readonly synced?: readonly SyncedFile[];
  /** The job had begun before, on a worker that died. */
  readonly again?: boolean;
  /** `sync` and `create-empty`: what failed, if anything. */
  readonly error?: ErrorRecord;
  readonly hashMs: number;
  readonly storageMs: number;
}
