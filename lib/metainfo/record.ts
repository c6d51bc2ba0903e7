// PURE. Checks that a record equals a result of parsing: callers may pass one that was stored as
// JSON or in a database, or modified. Everything that other code relies on is checked, so that
// errors name the field.

import { SHA1_LENGTH_BYTES, SHA256_LENGTH_BYTES } from '../bytes/lengths';
import { MillraceError } from '../errors/millrace-error';
import { checkedPieceCount } from './limits';
import type { FileEntry, IgnoredTracker, Metainfo, SymlinkEntry } from './metainfo';
import { NAME_MAPPINGS } from './names';
import { brokenPathRule } from './paths';

/** The same fields with values of any type. */
type Loose<T> = { readonly [Name in keyof T]?: unknown };

/**
 * Which field is invalid, worded to follow the record; undefined if the record may be used.
 * `platform` is as in `process.platform`.
 */
export function whyNotMetainfo(record: Loose<Metainfo>, platform: string): string | undefined {
  const { infoHash, pieceHashes, files, trackers } = record;
  if (!isDigest(infoHash, SHA1_LENGTH_BYTES))
    return `has no infoHash of ${SHA1_LENGTH_BYTES} bytes`;
  const { infoHashV2, infoBytes } = record;
  if (infoHashV2 !== undefined && !isDigest(infoHashV2, SHA256_LENGTH_BYTES))
    return `has an infoHashV2 that is not ${SHA256_LENGTH_BYTES} bytes`;
  if (infoBytes !== undefined && !(infoBytes instanceof Uint8Array))
    return 'has infoBytes that are no bytes';
  if (!(pieceHashes instanceof Uint8Array)) return 'has no pieceHashes that are bytes';
  const { pieceLengthBytes, pieceCount, totalLengthBytes, paddingBytes = 0 } = record;
  if (!isWhole(totalLengthBytes)) return 'has a totalLengthBytes that is no length';
  if (!isWhole(paddingBytes)) return 'has a paddingBytes that is no length';
  const counted = countPieces(pieceLengthBytes, totalLengthBytes, pieceHashes);
  if (typeof counted === 'string') return counted;
  if (pieceCount !== counted) return `has another pieceCount than ${counted}`;
  if (!Array.isArray(files)) return 'has no list of files';
  let end = 0;
  let lengthBytes = 0;
  for (const [index, file] of (files as readonly unknown[]).entries()) {
    const why = whyNotFile(file, end, platform);
    if (why !== undefined) return `has files, of which number ${index} ${why}`;
    const entry = file as FileEntry;
    end = entry.offsetBytes + entry.lengthBytes;
    lengthBytes += entry.lengthBytes;
  }
  if (end > totalLengthBytes || lengthBytes + paddingBytes !== totalLengthBytes)
    return 'has files that are together of another length than totalLengthBytes';
  if (!Array.isArray(trackers) || !(trackers as unknown[]).every(isTexts))
    return 'has trackers that are no lists of URLs';
  return whyNotRest(record);
}

function whyNotRest(record: Loose<Metainfo>): string | undefined {
  if (typeof record.name !== 'string') return 'has no name';
  for (const key of ['multiFile', 'private'] as const) {
    if (typeof record[key] !== 'boolean') return `has a ${key} that is neither true nor false`;
  }
  for (const key of ['rawName', 'comment', 'createdBy'] as const) {
    if (!['string', 'undefined'].includes(typeof record[key]))
      return `has a ${key} that is no text`;
  }
  for (const key of ['creationDateSec', 'ignoredTrackerCount'] as const) {
    if (record[key] !== undefined && !Number.isSafeInteger(record[key]))
      return `has a ${key} that is no whole number`;
  }
  const { names, symlinks = [], ignoredTrackers = [] } = record;
  const isLink = ({ path, target }: Loose<SymlinkEntry>): boolean =>
    isTexts(path) && isTexts(target);
  if (!isListOf<SymlinkEntry>(symlinks, isLink)) return 'has symlinks that are not such a list';
  const isIgnored = ({ url, reason }: Loose<IgnoredTracker>): boolean => isTexts([url, reason]);
  if (!isListOf<IgnoredTracker>(ignoredTrackers, isIgnored))
    return 'has ignoredTrackers that are not such a list';
  if (names !== undefined && !(NAME_MAPPINGS as readonly unknown[]).includes(names))
    return 'has names that are no mapping';
  return undefined;
}

function whyNotFile(file: unknown, end: number, platform: string): string | undefined {
  if (typeof file !== 'object' || file === null) return 'is no object';
  const { path, rawPath, offsetBytes, lengthBytes }: Loose<FileEntry> = file;
  if (!isTexts(path) || path.length === 0) return 'has a path that is no list of names';
  const broken = brokenPathRule(path, platform);
  if (broken !== undefined) return `has a path with a name that ${broken}`;
  if (rawPath !== undefined && !isTexts(rawPath)) return 'has a rawPath that is no list of names';
  if (!isWhole(lengthBytes)) return 'has a lengthBytes that is no length';
  return isWhole(offsetBytes) && offsetBytes >= end
    ? undefined
    : 'has an offsetBytes that lies in the file before it';
}

function countPieces(
  pieceLengthBytes: unknown,
  totalLengthBytes: number,
  pieceHashes: Uint8Array,
): number | string {
  if (!isWhole(pieceLengthBytes)) return 'has a pieceLengthBytes that is no length';
  try {
    return checkedPieceCount(pieceLengthBytes, totalLengthBytes, pieceHashes);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return `is a ${error.message}`;
  }
}

function isDigest(value: unknown, lengthBytes: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === lengthBytes;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isListOf<Entry>(value: unknown, isEntry: (entry: Loose<Entry>) => boolean): boolean {
  const test = (each: unknown): boolean =>
    typeof each === 'object' && each !== null && isEntry(each);
  return Array.isArray(value) && value.every(test);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
