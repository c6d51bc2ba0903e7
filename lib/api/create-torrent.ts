// Creates a .torrent from a file or folder: lists it, hashes it on all cores, encodes the metainfo.

import { basename, dirname, resolve } from 'node:path';
import { fromHex } from '../bytes/hex';
import { BLOCK_LENGTH_BYTES, SHA1_LENGTH_BYTES } from '../bytes/lengths';
import { MillraceError } from '../errors/millrace-error';
import type { DigestPiece } from '../messages/verify';
import { buildMetainfo, choosePieceLength } from '../metainfo/create';
import { MAX_PIECE_LENGTH_BYTES } from '../metainfo/limits';
import type { Metainfo } from '../metainfo/metainfo';
import { namedBy } from '../metainfo/names';
import { parseMetainfo } from '../metainfo/parse';
import { Layout, storedFiles } from '../metainfo/layout';
import { BULK_JOB_TARGET_BYTES, batchPieces } from '../verify/batch';
import { BULK, bulkVerify, type BulkOptions } from './bulk-verify';
import {
  checkOptions,
  checkValue,
  either,
  flag,
  list,
  oneOf,
  optional,
  orElse,
  text,
  wholeNumber,
  wrong,
} from './checks';
import type { Check, Checks } from './checks';
import { digest } from './sources';
import type * as listing from './list-files';
import type { FollowedLink, LinkRule, SkippedEntry } from './list-files';
import { VERSION } from './version';

export type { LinkRule } from './list-files';

const LINK_RULES: readonly LinkRule[] = ['inside', 'skip', 'follow'];

/** Options of `createTorrent`. All are optional. */
export interface CreateOptions extends BulkOptions {
  /** Tracker URLs by tier (BEP 12). Default: none. */
  readonly trackers?: readonly (readonly string[])[];
  /**
   * A power of two from 16 KiB to 256 MiB. Default: chosen for some 1,000 to 2,000 pieces, 16 KiB
   * to 16 MiB.
   */
  readonly pieceLengthBytes?: number;
  /** Peers may come only from the torrent's own trackers (BEP 27). Default false. */
  readonly private?: boolean;
  readonly comment?: string;
  /**
   * Symbolic links in a folder: `inside` follows those that lead to something inside it, `follow`
   * all, `skip` none. Default `inside`. The result lists the links that were followed or skipped.
   */
  readonly links?: LinkRule;
  /**
   * Creation date to record, in seconds since 1970. Default: now. `null`: none, for reproducible
   * torrents.
   */
  readonly creationDateSec?: number | null;
}

/** The result of `createTorrent`. */
export interface CreatedTorrent {
  /** The content of the .torrent file. */
  readonly bytes: Uint8Array;
  /** The parsed metainfo; its files have the names that they have on this disk. */
  readonly metainfo: Metainfo;
  /** Links that were followed, in the order of their paths. */
  readonly followed: readonly FollowedLink[];
  /**
   * Entries of the folder that were left out: links (see `links`), special files, Millrace's own
   * records.
   */
  readonly skipped: readonly SkippedEntry[];
}

const MIN_PIECE_LENGTH_BYTES = BLOCK_LENGTH_BYTES;

const pieceLengthBytes: Check<number> = (name, value) => {
  if (
    typeof value === 'number' &&
    value >= MIN_PIECE_LENGTH_BYTES &&
    value <= MAX_PIECE_LENGTH_BYTES &&
    Number.isInteger(Math.log2(value))
  ) {
    return value;
  }
  const range = `${MIN_PIECE_LENGTH_BYTES} to ${MAX_PIECE_LENGTH_BYTES}`;
  throw wrong(name, `a power of two from ${range}`, value);
};

/** Its length and content are checked with the metainfo. */
const anyText: Check<string> = (name, value) => {
  if (typeof value === 'string') return value;
  throw wrong(name, 'text', value);
};

/** The checks of these options, also for `share`. */
export const CREATE = {
  ...BULK,
  trackers: orElse([], list('tiers, each a list of URLs', list('URLs', anyText))),
  pieceLengthBytes: optional(pieceLengthBytes),
  private: flag(false),
  comment: optional(anyText),
  links: oneOf(LINK_RULES, 'inside'),
  creationDateSec: either(null, wholeNumber(0, Number.MAX_SAFE_INTEGER)),
} satisfies Checks<CreateOptions>;

/**
 * Hashes a file or folder and creates its .torrent. Files of a folder are sorted by name; special
 * files (named pipes, sockets, devices) are left out.
 *
 * @throws MillraceError `bad-option`; `source-unreadable` (also if a file changes during the
 * hashing); `bad-metainfo` (a name that is not allowed in a torrent); the reason of `signal`.
 */
export async function createTorrent(
  path: string,
  options: CreateOptions = {},
): Promise<CreatedTorrent> {
  const checked = checkOptions('createTorrent', options, CREATE);
  const source = resolve(checkValue('path', () => path, text('the path of a file or folder')));
  checked.signal?.throwIfAborted();
  // Loaded only when a torrent is created.
  const { listFiles, refuseChanged } = require('./list-files') as typeof listing;
  const listed = await listFiles(source, checked.links);
  let offsetBytes = 0;
  const files = listed.files.map(({ path, lengthBytes }) => {
    const entry = { path, lengthBytes, offsetBytes };
    offsetBytes += lengthBytes;
    return entry;
  });
  const pieceLengthBytes = checked.pieceLengthBytes ?? choosePieceLength(offsetBytes);
  const pieceCount = Math.ceil(offsetBytes / pieceLengthBytes);
  const layout = new Layout({
    pieceLengthBytes,
    totalLengthBytes: offsetBytes,
    pieceCount,
    files: storedFiles({ files }),
  });
  const pieceHashes = new Uint8Array(pieceCount * SHA1_LENGTH_BYTES);
  // The paths of a multi-file torrent begin with its name, which on disk is the folder itself.
  const root = dirname(source);
  const jobs = batchPieces(piecesOf(layout), BULK_JOB_TARGET_BYTES);
  await bulkVerify<DigestPiece>('digest', root, jobs, offsetBytes, checked, (outcome) => {
    if (outcome.type === 'digest')
      pieceHashes.set(fromHex(outcome.sha1), outcome.piece * SHA1_LENGTH_BYTES);
    else if (outcome.type === 'storage-error')
      throw MillraceError.fromRecord({ ...outcome.error, code: 'source-unreadable' });
  });
  await refuseChanged(root, listed.files);
  checked.signal?.throwIfAborted();
  const creationDateSec =
    checked.creationDateSec === undefined
      ? Math.floor(Date.now() / 1000)
      : (checked.creationDateSec ?? undefined);
  const bytes = buildMetainfo({
    name: basename(source),
    multiFile: listed.multiFile,
    files,
    pieceLengthBytes,
    pieceHashes,
    trackers: checked.trackers,
    private: checked.private,
    comment: checked.comment,
    createdBy: `Millrace ${VERSION}`,
    creationDateSec,
  });
  const { platform } = process;
  const parsed = parseMetainfo(bytes, digest, platform);
  // The files have their own names here, whatever other clients would name them.
  const metainfo = namedBy(parsed, 'raw', platform) ?? parsed;
  return { bytes, metainfo, followed: listed.followed, skipped: listed.skipped };
}

function* piecesOf(layout: Layout): Generator<DigestPiece> {
  for (let piece = 0; piece < layout.pieceCount; piece++) {
    yield {
      piece,
      lengthBytes: layout.geometry.pieceLengthBytes(piece),
      spans: layout.spansOfPiece(piece),
    };
  }
}
