// Evaluates a resume record against the present state of the files. Pure: the record and the file
// stats are parameters. The rule: a piece is trusted only if it was synced according to the record
// and its files are unchanged; everything else is read again.
import { Bitfield } from '../bytes/bitfield';
import { bytesEqual } from '../bytes/compare';
import type { FileIdentity, FilePlace } from '../messages/storage';
import type { RecordShape, RecordedFile, ResumeRecord } from './resume-record';

/** The torrent, as the rules need it; files in torrent order, including empty ones. */
export interface ResumeShape extends RecordShape {
  readonly infoHash: Uint8Array;
  /** `layoutDigest` of this shape. */
  readonly layout: Uint8Array;
}

/** The present circumstances of the record. */
export interface ResumePlace {
  /** The present boot; undefined where the system has no boot id. */
  readonly boot: string | undefined;
  /** Where the record lies now. */
  readonly place: FilePlace | undefined;
}

export interface ResumeState {
  /**
   * `none`: no record. `clean`: closed cleanly, and nothing has changed since. `crashed`: an engine
   * was writing, and nothing else has changed since. `changed`: files have changed. `unusable`: the
   * record cannot be read, or belongs to something else.
   */
  readonly status: 'none' | 'clean' | 'crashed' | 'changed' | 'unusable';
  /** Pieces to trust. */
  readonly have: Bitfield;
  /** Untrusted pieces of which every byte exists, so that reading may find them good. */
  readonly recheck: Bitfield;
  /**
   * Existing files that are ours according to the record, even if another program wrote to them.
   */
  readonly ours: ReadonlySet<string>;
  /** One sentence for the log. */
  readonly reason: string;
}

/**
 * The present state of a file; undefined if it does not exist. `bornNs`: its birth time, if known.
 */
export type PresentFile = (FileIdentity & { readonly bornNs?: bigint }) | undefined;

/**
 * Copies to file systems or archives with a resolution of one second (tar) or two (FAT) cut a time.
 */
const COARSEST_COPY_NS = 2_000_000_000n;
const SECOND_NS = 1_000_000_000n;
const MILLISECOND_NS = 1_000_000n;

/**
 * Evaluates a record. `record` is undefined if there is none, or a sentence that says why it could
 * not be read. `present` has one entry for each of `shape.files`.
 */
export function judgeResume(
  shape: ResumeShape,
  record: ResumeRecord | string | undefined,
  present: readonly PresentFile[],
  here: ResumePlace,
): ResumeState {
  const covered = coveredPieces(shape, present);
  const nothing = new Bitfield(shape.pieceCount);
  if (record === undefined) {
    const reason = covered.isEmpty()
      ? 'no resume record, no data'
      : 'files exist without a resume record';
    return { status: 'none', have: nothing, recheck: covered, ours: NONE, reason };
  }
  const reason = typeof record === 'string' ? record : whyUnusable(shape, record);
  if (typeof record === 'string' || reason !== undefined) {
    const why = reason ?? 'unknown';
    return { status: 'unusable', have: nothing, recheck: covered, ours: NONE, reason: why };
  }
  return judgeFiles(shape, record, present, covered, inodesCount(record, here));
}

const NONE: ReadonlySet<string> = new Set();

function whyUnusable(shape: ResumeShape, record: ResumeRecord): string | undefined {
  if (!bytesEqual(record.infoHash, shape.infoHash)) return 'it is of another torrent';
  if (!bytesEqual(record.layout, shape.layout) || record.pieceCount !== shape.pieceCount)
    return 'its files have other names or lengths';
  return undefined;
}

/** Devices and inodes are valid within one boot, and only if the record itself was not copied. */
export function inodesCount(record: ResumeRecord, here: ResumePlace): boolean {
  if (record.boot === undefined || record.boot !== here.boot) return false;
  return (
    record.place !== undefined &&
    record.place.inode === here.place?.inode &&
    record.place.device === here.place.device
  );
}

function judgeFiles(
  shape: ResumeShape,
  record: ResumeRecord,
  present: readonly PresentFile[],
  covered: Bitfield,
  byInode: boolean,
): ResumeState {
  const recorded = new Map(record.files.map((file) => [file.path, file]));
  const have = record.have.clone();
  // After a crash, pieces may be on disk that the record does not list.
  const recheck = record.open ? covered.clone() : new Bitfield(shape.pieceCount);
  const ours = new Set<string>();
  let doubt: string | undefined;
  for (const { file, now, first, end } of filesWithPieces(shape, present)) {
    const then = recorded.get(file.path);
    if (then && then.foreign !== true && now && isOurs(record, then, now, byInode))
      ours.add(file.path);
    const why = whyDoubtful(file.path, then, now, byInode);
    if (why === undefined) continue;
    // A file that appeared or disappeared without any of our data is not a change.
    if (anySet(record.have, first, end)) doubt ??= why;
    for (let piece = first; piece < end; piece++) {
      have.clear(piece);
      if (covered.get(piece)) recheck.set(piece);
    }
  }
  const trusted = both(have, covered);
  const state = { have: trusted, recheck: without(recheck, trusted), ours };
  if (doubt !== undefined) return { status: 'changed', ...state, reason: doubt };
  return record.open
    ? { status: 'crashed', ...state, reason: 'the last run did not end in order' }
    : { status: 'clean', ...state, reason: 'the last run ended in order' };
}

/**
 * Whether the file is unchanged since the record. An open record may be older than the last writes
 * of its own engine, which make a file longer and newer, but never replace it.
 */
export function isAsRecorded(
  record: ResumeRecord,
  then: RecordedFile,
  now: FileIdentity,
  byInode: boolean,
): boolean {
  if (whyDoubtful(then.path, then, now, byInode) === undefined) return true;
  if (!record.open || (byInode && now.inode !== then.inode)) return false;
  return now.sizeBytes >= then.sizeBytes && now.mtimeNs >= then.mtimeNs;
}

/**
 * Whether the file is the one that we created, even if its content has changed. An inode may be
 * reused after our file was removed: the new file is then newer than the record.
 */
function isOurs(
  record: ResumeRecord,
  then: RecordedFile,
  now: Exclude<PresentFile, undefined>,
  byInode: boolean,
): boolean {
  if (isAsRecorded(record, then, now, byInode)) return true;
  if (!byInode || now.inode !== then.inode) return false;
  return now.bornNs === undefined || now.bornNs < BigInt(record.savedAtMs + 1) * MILLISECOND_NS;
}

/** Why a file's pieces must be read again; undefined if the file is unchanged. */
function whyDoubtful(
  path: string,
  then: RecordedFile | undefined,
  now: PresentFile,
  byInode: boolean,
): string | undefined {
  if (now === undefined) return then && `${path} is gone`;
  if (then === undefined) return `${path} is not in the record`;
  if (now.sizeBytes !== then.sizeBytes) return `${path} has another size than it was left with`;
  if (byInode && now.inode !== then.inode) return `${path} was replaced by another file`;
  if (now.mtimeNs === then.mtimeNs) return undefined;
  const cutNs = then.mtimeNs - now.mtimeNs;
  const wasCut = now.mtimeNs % SECOND_NS === 0n && cutNs > 0n && cutNs < COARSEST_COPY_NS;
  return wasCut && !byInode ? undefined : `${path} was written to since`;
}

/** Pieces of which every byte lies inside an existing file. */
function coveredPieces(shape: ResumeShape, present: readonly PresentFile[]): Bitfield {
  const covered = new Bitfield(shape.pieceCount);
  covered.setAll();
  for (const { file, now, start, end } of filesWithPieces(shape, present)) {
    const existingBytes = Math.min(file.lengthBytes, now?.sizeBytes ?? 0);
    if (existingBytes === file.lengthBytes) continue;
    const firstLost = Math.floor((start + existingBytes) / shape.pieceLengthBytes);
    for (let piece = firstLost; piece < end; piece++) covered.clear(piece);
  }
  return covered;
}

/** The non-empty files, each with its offset in bytes and its pieces, without `end`. */
function* filesWithPieces(shape: ResumeShape, present: readonly PresentFile[]) {
  const { pieceLengthBytes } = shape;
  let start = 0;
  for (const [at, file] of shape.files.entries()) {
    start += file.paddingBytes ?? 0;
    const first = Math.floor(start / pieceLengthBytes);
    const end = Math.ceil((start + file.lengthBytes) / pieceLengthBytes);
    if (file.lengthBytes > 0) yield { file, now: present[at], start, first, end };
    start += file.lengthBytes;
  }
}

function anySet(bits: Bitfield, first: number, end: number): boolean {
  const piece = bits.nextSet(first);
  return piece !== -1 && piece < end;
}

/** The bits that are in `a` and in `b`. */
function both(a: Bitfield, b: Bitfield): Bitfield {
  return new Bitfield(
    a.length,
    Uint8Array.from(a.bytes, (byte, at) => byte & (b.bytes[at] ?? 0)),
  );
}

/** The bits of `from` that are not in `other`. */
function without(from: Bitfield, other: Bitfield): Bitfield {
  const bytes = Uint8Array.from(from.bytes, (byte, at) => byte & ~(other.bytes[at] ?? 0));
  return new Bitfield(from.length, bytes);
}
