// Checks data on disk against a torrent, without an engine and without changing anything.

import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MillraceError } from '../errors/millrace-error';
import type { StoredPiece } from '../messages/verify';
import type { Metainfo } from '../metainfo/metainfo';
import { contentBytes, layoutOf, pieceHash } from '../metainfo/layout';
import type { Layout } from '../metainfo/layout';
import { namesOnDisk } from '../storage/names-on-disk';
import { BULK_JOB_TARGET_BYTES, batchPieces } from '../verify/batch';
import { BULK, bulkVerify, type BulkOptions } from './bulk-verify';
import { checkOptions, text } from './checks';
import type { Checks } from './checks';
import { readTorrent, type TorrentSource } from './sources';

/** Options of `verifyTorrent`. */
export interface VerifyOptions extends BulkOptions {
  /** Folder that contains the torrent's file or folder. */
  readonly data: string;
}

const VERIFY = { ...BULK, data: text('the path of a folder') } satisfies Checks<VerifyOptions>;

/** The result of `verifyTorrent`. */
export interface VerifyReport {
  /** Every byte of every file exists and is right, and no file is longer. */
  readonly whole: boolean;
  readonly goodPieces: number;
  /** Indexes of pieces that are missing or wrong, ascending. */
  readonly badPieces: readonly number[];
  readonly files: readonly VerifiedFile[];
}

/** A file in a `VerifyReport`. */
export interface VerifiedFile {
  readonly path: string;
  readonly lengthBytes: number;
  readonly missing: boolean;
  /** The length on disk, if it differs. */
  readonly actualLengthBytes?: number;
  /** Number of pieces with a part in this file that are missing or wrong. */
  readonly badPieces: number;
}

/**
 * Reads all data of a torrent and compares it with its piece hashes.
 *
 * @throws MillraceError as `readTorrent`; `bad-option`; the system's code if reading fails (`EIO`,
 * `EACCES`); the reason of `signal`.
 */
export async function verifyTorrent(
  source: TorrentSource,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const checked = checkOptions('verifyTorrent', options, VERIFY);
  const root = resolve(checked.data);
  const given = await readTorrent(source, { signal: checked.signal });
  const metainfo = await namesOnDisk(given, root);
  const layout = layoutOf(metainfo);
  const bad: number[] = [];
  const jobs = batchPieces(piecesOf(metainfo, layout), BULK_JOB_TARGET_BYTES);
  await bulkVerify<StoredPiece>(
    'recheck',
    root,
    jobs,
    contentBytes(metainfo),
    checked,
    (outcome) => {
      if (outcome.type === 'bad') bad.push(outcome.piece);
      else if (outcome.type === 'storage-error') throw MillraceError.fromRecord(outcome.error);
    },
  );
  bad.sort((a, b) => a - b);
  const files = await judgeFiles(layout, root, new Set(bad));
  const wrongFile = files.some((file) => file.missing || file.actualLengthBytes !== undefined);
  return {
    whole: bad.length === 0 && !wrongFile,
    goodPieces: metainfo.pieceCount - bad.length,
    badPieces: bad,
    files,
  };
}

function* piecesOf(metainfo: Metainfo, layout: Layout): Generator<StoredPiece> {
  for (let piece = 0; piece < metainfo.pieceCount; piece++) {
    yield {
      piece,
      lengthBytes: layout.geometry.pieceLengthBytes(piece),
      sha1: pieceHash(metainfo, piece),
      spans: layout.spansOfPiece(piece),
    };
  }
}

async function judgeFiles(
  layout: Layout,
  root: string,
  bad: ReadonlySet<number>,
): Promise<VerifiedFile[]> {
  const files: VerifiedFile[] = [];
  for (const [index, { path, lengthBytes }] of layout.files.entries()) {
    const found = await stat(join(root, path)).catch(() => undefined);
    const { first, end } = layout.piecesOfFile(index);
    let badPieces = 0;
    for (let piece = first; piece < end; piece++) if (bad.has(piece)) badPieces++;
    const actual = found?.isFile() ? found.size : undefined;
    files.push({
      path,
      lengthBytes,
      missing: actual === undefined,
      ...(actual !== undefined && actual !== lengthBytes ? { actualLengthBytes: actual } : {}),
      badPieces,
    });
  }
  return files;
}
