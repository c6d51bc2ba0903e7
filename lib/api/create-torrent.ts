// Makes a .torrent of a file or folder: lists it, hashes it on all cores, writes the metainfo.

import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fromHex } from '../bytes/hex';
import { MillraceError } from '../errors/millrace-error';
import type { DigestPiece } from '../messages/verify';
import { buildMetainfo, choosePieceLength } from '../metainfo/create';
import { Geometry } from '../metainfo/geometry';
import { MAX_PIECE_LENGTH_BYTES, PIECE_HASH_BYTES } from '../metainfo/limits';
import type { Metainfo } from '../metainfo/metainfo';
import { namedBy } from '../metainfo/names';
import { parseMetainfo } from '../metainfo/parse';
import { pathOf } from '../metainfo/paths';
import { BULK_JOB_TARGET_BYTES, batchPieces } from '../verify/batch';
import { bulkVerify, type BulkOptions } from './bulk-verify';
import { VERSION } from './version';

export interface CreateOptions extends BulkOptions {
  /** Tracker URLs by tier (BEP 12). Default none. */
  readonly trackers?: readonly (readonly string[])[];
  /** A power of two from 16 KiB to 256 MiB. Default: some 1,000 to 2,000 pieces of 16 KiB to 16 MiB. */
  readonly pieceLengthBytes?: number;
  /** Only the torrent's own trackers may hand out peers (BEP 27). Default false. */
  readonly private?: boolean;
  readonly comment?: string;
  /** Seconds since 1970 to record; default now. `null`: none, for reproducible torrents. */
  readonly creationDateSec?: number | null;
}

/**
 * Hashes a file or folder and returns the .torrent's bytes and what they say. Files inside a folder
 * are taken in the order of their names; links and other special files are refused.
 *
 * @throws MillraceError `bad-option`, `source-unreadable`, `bad-metainfo` (a name that no torrent
 *   may have).
 */
export async function createTorrent(
  path: string,
  options: CreateOptions = {},
): Promise<{ readonly bytes: Uint8Array; readonly metainfo: Metainfo }> {
  const source = resolve(path);
  const listed = await listFiles(source);
  let offsetBytes = 0;
  const files = listed.files.map((file) => {
    const entry = { ...file, offsetBytes };
    offsetBytes += file.lengthBytes;
    return entry;
  });
  const pieceLengthBytes = options.pieceLengthBytes ?? choosePieceLength(offsetBytes);
  if (
    pieceLengthBytes < 16_384 ||
    pieceLengthBytes > MAX_PIECE_LENGTH_BYTES ||
    !Number.isInteger(Math.log2(pieceLengthBytes))
  ) {
    throw new MillraceError(
      'bad-option',
      `the piece length must be a power of two from 16384 to ${MAX_PIECE_LENGTH_BYTES} bytes, not ${pieceLengthBytes}`,
    );
  }
  const pieceCount = Math.ceil(offsetBytes / pieceLengthBytes);
  const geometry = new Geometry({
    pieceLengthBytes,
    totalLengthBytes: offsetBytes,
    pieceCount,
    files,
  });
  const pieceHashes = new Uint8Array(pieceCount * PIECE_HASH_BYTES);
  // A multi-file torrent's paths begin with its name; on disk that is the folder itself.
  const root = dirname(source);
  const jobs = batchPieces(piecesOf(geometry, pieceCount, files), BULK_JOB_TARGET_BYTES);
  await bulkVerify<DigestPiece>('digest', root, jobs, offsetBytes, options, (outcome) => {
    if (outcome.type === 'digest')
      pieceHashes.set(fromHex(outcome.sha1), outcome.piece * PIECE_HASH_BYTES);
    else if (outcome.type === 'storage-error')
      throw MillraceError.fromRecord({ ...outcome.error, code: 'source-unreadable' });
  });
  const creationDateSec =
    options.creationDateSec === undefined
      ? Math.floor(Date.now() / 1000)
      : (options.creationDateSec ?? undefined);
  const bytes = buildMetainfo({
    name: basename(source),
    multiFile: listed.multiFile,
    files,
    pieceLengthBytes,
    pieceHashes,
    trackers: options.trackers?.map((tier) => [...tier]) ?? [],
    private: options.private ?? false,
    comment: options.comment,
    createdBy: `Millrace ${VERSION}`,
    creationDateSec,
  });
  const { platform } = process;
  const parsed = parseMetainfo(bytes, (info) => createHash('sha1').update(info).digest(), platform);
  // The files have their own names here, whatever a client would call them elsewhere.
  const metainfo = namedBy(parsed, 'raw', platform) ?? parsed;
  return { bytes, metainfo };
}

interface ListedFile {
  /** Below the source's parent folder: the first component is the source's name. */
  readonly path: readonly string[];
  readonly lengthBytes: number;
}

async function listFiles(
  source: string,
): Promise<{ readonly multiFile: boolean; readonly files: readonly ListedFile[] }> {
  const name = basename(source);
  try {
    const found = await stat(source);
    if (found.isFile())
      return { multiFile: false, files: [{ path: [name], lengthBytes: found.size }] };
    if (!found.isDirectory()) throw unreadable(source, 'it is neither a file nor a folder');
    const files = await walk(source, [name]);
    if (files.length === 0) throw unreadable(source, 'it holds no file');
    return { multiFile: true, files };
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw unreadable(source, (error as Error).message);
  }
}

async function walk(folder: string, path: readonly string[]): Promise<ListedFile[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const byName = (a: Dirent, b: Dirent): number =>
    Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
  const files: ListedFile[] = [];
  for (const entry of entries.sort(byName)) {
    const full = join(folder, entry.name);
    const below = [...path, entry.name];
    if (entry.name === '.millrace' && path.length === 1) continue; // Our own records.
    if (entry.isDirectory()) files.push(...(await walk(full, below)));
    else if (entry.isFile()) files.push({ path: below, lengthBytes: (await stat(full)).size });
    else throw unreadable(full, 'it is neither a file nor a folder (links are not followed)');
  }
  return files;
}

function* piecesOf(
  geometry: Geometry,
  pieceCount: number,
  files: readonly { readonly path: readonly string[] }[],
): Generator<DigestPiece> {
  for (let piece = 0; piece < pieceCount; piece++) {
    yield {
      piece,
      lengthBytes: geometry.pieceLengthBytes(piece),
      spans: geometry.pieceSpans(piece).map((span) => ({
        path: pathOf(files[span.file] ?? { path: [] }),
        offsetBytes: span.offsetBytes,
        lengthBytes: span.lengthBytes,
      })),
    };
  }
}

function unreadable(path: string, why: string): MillraceError {
  return new MillraceError('source-unreadable', `cannot make a torrent of ${path}: ${why}`);
}
