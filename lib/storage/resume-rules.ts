// What a resume record is worth, given how the files look now. Pure: the record and the file
// stats are parameters. The rule of the house: a piece is trusted only if the record says that it
// was synced and nothing about its files speaks against it; whatever is strange is read again.
import { Bitfield } from '../bytes/bitfield';
import type { StoredFile } from '../messages/storage';
import type { RecordedFile, ResumeRecord } from './resume-record';

/** The torrent as the rules need it; files in torrent order, empty ones included. */
export interface ResumeShape {
  readonly infoHash: Uint8Array;
  readonly pieceCount: number;
  readonly pieceLengthBytes: number;
  readonly files: readonly StoredFile[];
}

export interface ResumeState {
  /**
   * `none`: no record. `clean`: closed in order, nothing touched since. `crashed`: it was being
   * written. `unusable`: it contradicts the files, or itself.
   */
  readonly status: 'none' | 'clean' | 'crashed' | 'unusable';
  /** Pieces to be trusted. */
  readonly have: Bitfield;
  /** Pieces not trusted of which every byte exists, so that reading them may find them good. */
  readonly recheck: Bitfield;
  /** One sentence for the log. */
  readonly reason: string;
}

/** A file now; undefined when it does not exist. */
export type PresentFile = { readonly sizeBytes: number; readonly mtimeMs: number } | undefined;

/**
 * Judges a record. `record` is undefined when there is none, or a sentence saying why it could not
 * be read; `present` goes with `shape.files`, one for one.
 */
export function judgeResume(
  shape: ResumeShape,
  record: ResumeRecord | string | undefined,
  present: readonly PresentFile[],
): ResumeState {
  const covered = coveredPieces(shape, present);
  const nothing = new Bitfield(shape.pieceCount);
  if (record === undefined) {
    const reason = covered.isEmpty()
      ? 'no resume record, no data'
      : 'files exist without a resume record';
    return { status: 'none', have: nothing, recheck: covered, reason };
  }
  const strange =
    typeof record === 'string' ? record : whatIsStrange(shape, record, present, covered);
  if (typeof record === 'string' || strange !== undefined) {
    return { status: 'unusable', have: nothing, recheck: covered, reason: strange ?? 'unknown' };
  }
  const have = record.have.clone();
  if (record.open) {
    const recheck = without(covered, have);
    return { status: 'crashed', have, recheck, reason: 'the last run did not end in order' };
  }
  // Files that came from elsewhere since then may hold pieces that the record does not know of.
  const recheck = without(appearedPieces(shape, record, present, covered), have);
  return { status: 'clean', have, recheck, reason: 'the last run ended in order' };
}

function whatIsStrange(
  shape: ResumeShape,
  record: ResumeRecord,
  present: readonly PresentFile[],
  covered: Bitfield,
): string | undefined {
  if (Buffer.compare(record.infoHash, shape.infoHash) !== 0) return 'it is of another torrent';
  if (record.pieceCount !== shape.pieceCount) return 'its number of pieces is wrong';
  if (!without(record.have, covered).isEmpty())
    return 'a file with recorded pieces is missing or short';
  const recorded = recordedByPath(record);
  let end = 0;
  for (const [at, file] of shape.files.entries()) {
    const start = end;
    end += file.lengthBytes;
    const now = present[at];
    const then = recorded.get(file.path);
    // A file that is gone, and held no recorded piece, is no harm: it was looked at above.
    if (file.lengthBytes === 0 || now === undefined) continue;
    if (then === undefined) {
      const piece = record.have.nextSet(Math.floor(start / shape.pieceLengthBytes));
      if (piece === -1 || piece * shape.pieceLengthBytes >= end) continue;
      return `${file.path} is not in it, but pieces of it are`;
    }
    if (now.sizeBytes < then.sizeBytes) return `${file.path} became smaller`;
    if (now.mtimeMs < then.mtimeMs) return `${file.path} became older`;
    if (!record.open && (now.sizeBytes !== then.sizeBytes || now.mtimeMs !== then.mtimeMs)) {
      return `${file.path} was changed since`;
    }
  }
  return undefined;
}

/** Pieces of which every byte lies inside an existing file. */
function coveredPieces(shape: ResumeShape, present: readonly PresentFile[]): Bitfield {
  const covered = new Bitfield(shape.pieceCount);
  covered.setAll();
  let start = 0;
  for (const [at, file] of shape.files.entries()) {
    const end = start + file.lengthBytes;
    const existsTo = start + Math.min(file.lengthBytes, present[at]?.sizeBytes ?? 0);
    if (existsTo < end) {
      const lastPiece = Math.floor((end - 1) / shape.pieceLengthBytes);
      for (let p = Math.floor(existsTo / shape.pieceLengthBytes); p <= lastPiece; p++) {
        covered.clear(p);
      }
    }
    start = end;
  }
  return covered;
}

/** Covered pieces of files that exist now and did not when the record was written. */
function appearedPieces(
  shape: ResumeShape,
  record: ResumeRecord,
  present: readonly PresentFile[],
  covered: Bitfield,
): Bitfield {
  const appeared = new Bitfield(shape.pieceCount);
  const recorded = recordedByPath(record);
  let start = 0;
  for (const [at, file] of shape.files.entries()) {
    const end = start + file.lengthBytes;
    if (file.lengthBytes > 0 && present[at] !== undefined && !recorded.has(file.path)) {
      const lastPiece = Math.floor((end - 1) / shape.pieceLengthBytes);
      for (let p = Math.floor(start / shape.pieceLengthBytes); p <= lastPiece; p++) {
        if (covered.get(p)) appeared.set(p);
      }
    }
    start = end;
  }
  return appeared;
}

function recordedByPath(record: ResumeRecord): Map<string, RecordedFile> {
  return new Map(record.files.map((file) => [file.path, file]));
}

/** The bits of `from` that are not in `other`. */
function without(from: Bitfield, other: Bitfield): Bitfield {
  const bytes = Uint8Array.from(from.bytes, (byte, at) => byte & ~(other.bytes[at] ?? 0));
  return new Bitfield(from.length, bytes);
}
