// What a resume record says, as bytes and back. Pure.
import { decode } from '../bencode/decode';
import { encode } from '../bencode/encode';
import { BencodeDictionary } from '../bencode/value';
import { asText } from '../bencode/text';
import { Bitfield } from '../bytes/bitfield';
import { MillraceError } from '../errors/millrace-error';

/** Raised whenever the meaning of the record changes: an older engine then rechecks. */
export const RESUME_VERSION = 1;
/** Keys, numbers and the info hash take some 200 bytes. */
const FIXED_BYTES = 4096;
/** Besides its path: one length and two integers of up to 16 digits, with their marks: below 64. */
const BYTES_PER_FILE = 64;

/** A file as it was when the record was written. */
export interface RecordedFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Whole milliseconds since 1970. */
  readonly mtimeMs: number;
}

export interface ResumeRecord {
  readonly infoHash: Uint8Array;
  readonly pieceCount: number;
  /** Pieces that are on disk for sure: written, and then synced. */
  readonly have: Bitfield;
  /** True while an engine writes; still true when it crashed. */
  readonly open: boolean;
  /** The files that existed, empty entries of the torrent left out. */
  readonly files: readonly RecordedFile[];
  /** Milliseconds since 1970. */
  readonly savedAtMs: number;
}

/** The longest record that this torrent can have: larger files are not read. */
export function maxRecordBytes(
  pieceCount: number,
  files: readonly { readonly path: string }[],
): number {
  let total = FIXED_BYTES + Bitfield.byteLength(pieceCount);
  for (const file of files) total += BYTES_PER_FILE + Buffer.byteLength(file.path);
  return total;
}

export function encodeRecord(record: ResumeRecord): Uint8Array {
  return encode({
    version: RESUME_VERSION,
    'info hash': record.infoHash,
    'piece count': record.pieceCount,
    have: record.have.bytes,
    open: record.open ? 1 : 0,
    files: record.files.map((file) => [file.path, file.sizeBytes, file.mtimeMs]),
    'saved at': record.savedAtMs,
  });
}

/** Raises `bad-resume` for anything that `encodeRecord` does not write. */
export function decodeRecord(bytes: Uint8Array): ResumeRecord {
  let value;
  try {
    value = decode(bytes, { maxDepth: 4, maxItems: bytes.length });
  } catch (error) {
    throw bad((error as Error).message);
  }
  if (!(value instanceof BencodeDictionary)) throw bad('it is not a dictionary');
  const version = value.integer('version');
  if (version !== RESUME_VERSION) throw bad(`its version is ${version}, not ${RESUME_VERSION}`);
  const infoHash = value.bytes('info hash');
  const pieceCount = value.integer('piece count');
  const have = value.bytes('have');
  const open = value.integer('open');
  const files = value.list('files');
  const savedAtMs = value.integer('saved at');
  if (infoHash === undefined || have === undefined || files === undefined) {
    throw bad('a field is missing');
  }
  if (pieceCount === undefined || pieceCount < 0 || savedAtMs === undefined) {
    throw bad('a number is missing');
  }
  if (open !== 0 && open !== 1) throw bad('the open mark is missing');
  if (!Bitfield.spareBitsAreZero(have, pieceCount)) throw bad('its bitfield has the wrong length');
  return {
    infoHash: Uint8Array.from(infoHash),
    pieceCount,
    have: new Bitfield(pieceCount, Uint8Array.from(have)),
    open: open === 1,
    files: files.map(fileOf),
    savedAtMs,
  };
}

function fileOf(value: unknown): RecordedFile {
  const [path, sizeBytes, mtimeMs] = Array.isArray(value) ? (value as unknown[]) : [];
  if (!(path instanceof Uint8Array) || typeof sizeBytes !== 'number' || sizeBytes < 0) {
    throw bad('a file entry is not [path, size, time]');
  }
  if (typeof mtimeMs !== 'number') throw bad('a file entry is not [path, size, time]');
  return { path: asText(path), sizeBytes, mtimeMs };
}

function bad(rule: string): MillraceError {
  return new MillraceError('bad-resume', `the resume record cannot be used: ${rule}`);
}
