// Encodes and decodes resume records. Pure. docs/STORAGE.md describes the format.
import { createHash } from 'node:crypto';
import { decode } from '../bencode/decode';
import { encode } from '../bencode/encode';
import type { Encodable } from '../bencode/encode';
import { BencodeDictionary } from '../bencode/value';
import type { BencodeValue } from '../bencode/value';
import { asText } from '../bencode/text';
import { Bitfield } from '../bytes/bitfield';
import { bytesEqual } from '../bytes/compare';
import { MillraceError } from '../errors/millrace-error';
import { NAME_MAPPINGS } from '../metainfo/names';
import type { NameMapping } from '../metainfo/names';
import type { FileIdentity, FilePlace, StoredFile } from '../messages/storage';

/** Incremented whenever the meaning of the record changes: an older engine then rechecks. */
export const RESUME_VERSION = 2;
/** Length of the SHA-256 at the end of the record. */
const CHECKSUM_BYTES = 32;
/** Keys, numbers, hashes and the boot id take some 400 bytes. */
const FIXED_BYTES = 4096;
/**
 * Bytes per file besides its path: one length, four integers of up to 20 digits and a mark, as
 * bencode: below 128.
 */
const BYTES_PER_FILE = 128;
/**
 * Room for unknown keys: an info dictionary of up to 32 MiB, a second bitfield (256 KiB for the
 * largest number of pieces), and 7 MiB for anything else.
 */
const KEPT_BYTES = 40 * 1024 * 1024;
/** Deepest nesting of values of unknown keys. */
const MAX_DEPTH = 32;
/** Most values in unknown keys, to bound the cost of decoding them (see `decode`). */
const MAX_KEPT_ITEMS = 1_048_576;
/** Values per file, as `decode` counts them: a list, and in it the path, four integers and a mark. */
const ITEMS_PER_FILE = 7;

const KNOWN_KEYS: ReadonlySet<string> = new Set([
  'version',
  'info hash',
  'layout',
  'piece count',
  'have',
  'open',
  'files',
  'saved at',
  'boot',
  'place',
  'names',
]);

/**
 * What a record depends on besides the info hash: with another layout its pieces are meaningless.
 */
export interface RecordShape {
  readonly pieceCount: number;
  readonly pieceLengthBytes: number;
  /** In torrent order, including empty ones, by their names on disk. */
  readonly files: readonly StoredFile[];
}

/** The state of a file after its last synced write. */
export interface RecordedFile extends FileIdentity {
  readonly path: string;
  /**
   * Its good pieces are trusted, but the file is not known to be ours, so this gives no right to
   * write to it.
   */
  readonly foreign?: boolean;
}

export interface ResumeRecord {
  readonly infoHash: Uint8Array;
  /** The `layoutDigest` of the torrent and its names on disk. */
  readonly layout: Uint8Array;
  readonly pieceCount: number;
  /** Durable pieces: written, and then synced. */
  readonly have: Bitfield;
  /** True while an engine writes, and after a crash. */
  readonly open: boolean;
  /** The files that existed, without empty ones. */
  readonly files: readonly RecordedFile[];
  /** Milliseconds since 1970. */
  readonly savedAtMs: number;
  /** The boot for which devices and inodes are valid. Undefined where the system has no boot id. */
  readonly boot: string | undefined;
  /** Where the record itself was: a copied record does not know the inodes of copied files. */
  readonly place: FilePlace | undefined;
  /**
   * The mapping that named the files (`Metainfo.names`); undefined for a torrent without unusual
   * names.
   */
  readonly names: NameMapping | undefined;
  /** Keys of later versions, which are kept when this version saves the record. */
  readonly kept: ReadonlyMap<string, BencodeValue>;
}

/**
 * SHA-256 over the piece length, the number of pieces, and path and length of every file in order.
 */
export function layoutDigest(shape: RecordShape): Uint8Array {
  const { pieceLengthBytes, pieceCount, files } = shape;
  const listed = files.map((file) => [file.path, file.lengthBytes]);
  return sha256(encode([pieceLengthBytes, pieceCount, listed]));
}

/** The longest record that this torrent can have: longer files are not read. */
export function maxRecordBytes(
  pieceCount: number,
  files: readonly { readonly path: string }[],
): number {
  let total = FIXED_BYTES + Bitfield.byteLength(pieceCount) + KEPT_BYTES;
  for (const file of files) total += BYTES_PER_FILE + Buffer.byteLength(file.path);
  return total;
}

export function encodeRecord(record: ResumeRecord): Uint8Array {
  const { place } = record;
  const known: Record<string, Encodable | undefined> = {
    version: RESUME_VERSION,
    'info hash': record.infoHash,
    layout: record.layout,
    'piece count': record.pieceCount,
    have: record.have.bytes,
    open: record.open ? 1 : 0,
    files: record.files.map((file) => [
      file.path,
      file.sizeBytes,
      file.mtimeNs,
      file.device,
      file.inode,
      ...(file.foreign === true ? [1] : []),
    ]),
    'saved at': record.savedAtMs,
    boot: record.boot,
    place: place && [place.device, place.inode],
    names: record.names,
  };
  const body = encode(
    new Map<string, Encodable | undefined>([...record.kept, ...Object.entries(known)]),
  );
  return Buffer.concat([body, sha256(body)]);
}

/** Throws `bad-resume` for anything that `encodeRecord` would not write. */
export function decodeRecord(bytes: Uint8Array): ResumeRecord {
  const body = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
  if (!bytesEqual(sha256(body), bytes.subarray(body.length)))
    throw bad('its checksum is wrong: it was damaged, or written by an earlier version');
  const value = dictionaryOf(body);
  const version = value.integer('version');
  if (version !== RESUME_VERSION) throw bad(`its version is ${version}, not ${RESUME_VERSION}`);
  const infoHash = value.bytes('info hash');
  const layout = value.bytes('layout');
  const pieceCount = value.integer('piece count');
  const have = value.bytes('have');
  const open = value.integer('open');
  const files = value.list('files');
  const savedAtMs = value.integer('saved at');
  if (infoHash === undefined || layout === undefined || have === undefined || !files) {
    throw bad('a field is missing');
  }
  if (pieceCount === undefined || pieceCount < 0 || savedAtMs === undefined) {
    throw bad('a number is missing');
  }
  if (open !== 0 && open !== 1) throw bad('the open mark is missing');
  if (!Bitfield.spareBitsAreZero(have, pieceCount)) throw bad('its bitfield has the wrong length');
  return {
    infoHash: Uint8Array.from(infoHash),
    layout: Uint8Array.from(layout),
    pieceCount,
    have: new Bitfield(pieceCount, Uint8Array.from(have)),
    open: open === 1,
    files: files.map(fileOf),
    savedAtMs,
    boot: value.text('boot'),
    place: value.has('place') ? placeOf(value.list('place')) : undefined,
    names: NAME_MAPPINGS.find((mapping) => mapping === value.text('names')),
    kept: keptOf(value),
  };
}

function dictionaryOf(body: Uint8Array): BencodeDictionary {
  // The caller limits the bytes by `maxRecordBytes`, and a file takes more bytes than items.
  const maxItems = MAX_KEPT_ITEMS + Math.ceil((ITEMS_PER_FILE * body.length) / BYTES_PER_FILE);
  let value;
  try {
    value = decode(body, { maxDepth: MAX_DEPTH, maxItems });
  } catch (error) {
    throw bad((error as Error).message);
  }
  if (!(value instanceof BencodeDictionary)) throw bad('it is not a dictionary');
  return value;
}

function keptOf(record: BencodeDictionary): ReadonlyMap<string, BencodeValue> {
  const kept = new Map<string, BencodeValue>();
  for (const key of record.keys()) {
    const value = record.get(key);
    if (!KNOWN_KEYS.has(key) && value !== undefined) kept.set(key, value);
  }
  return kept;
}

function fileOf(value: BencodeValue): RecordedFile {
  const [path, sizeBytes, mtimeNs, device, inode, foreign] = Array.isArray(value) ? value : [];
  if (!(path instanceof Uint8Array) || typeof sizeBytes !== 'number' || sizeBytes < 0) {
    throw bad('a file entry is not [path, size, time, device, inode]');
  }
  return {
    path: asText(path),
    sizeBytes,
    mtimeNs: integerOf(mtimeNs),
    ...placeOf([device, inode]),
    ...(foreign === 1 && { foreign: true }),
  };
}

function placeOf(value: readonly (BencodeValue | undefined)[] | undefined): FilePlace {
  return { device: integerOf(value?.[0]), inode: integerOf(value?.[1]) };
}

function integerOf(value: BencodeValue | undefined): bigint {
  if (typeof value !== 'number' && typeof value !== 'bigint')
    throw bad('a time, device or inode is not an integer');
  return BigInt(value);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

function bad(rule: string): MillraceError {
  return new MillraceError('bad-resume', `the resume record cannot be used: ${rule}`);
}
