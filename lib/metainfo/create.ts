// The pure part of creating a torrent: the piece length, and the canonical bytes of the .torrent.
import { Buffer } from 'node:buffer';
import { encode } from '../bencode/encode';
import type { Encodable } from '../bencode/encode';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { badMetainfo, checkedPieceCount, checkedTotal, MAX_METAINFO_BYTES } from './limits';
import { addPath, checkPath, isPaddingName, PathTree } from './paths';
import { isTrackerUrl } from './trackers';

const MIN_CHOSEN_BYTES = BLOCK_LENGTH_BYTES; // One block: shorter pieces only add hashes.
const MAX_CHOSEN_BYTES = 16 * 1024 * 1024; // One bad block wastes a whole piece, and some clients refuse longer ones.
const MOST_PIECES = 2_048;

/**
 * Piece length for a torrent of `totalBytes`: the smallest power of two from 16 KiB to 16 MiB that
 * needs at most 2,048 pieces. So between 32 MiB and 32 GiB there are 1,025 to 2,048 pieces, whose
 * hashes take 20 to 40 KiB: 1 GiB → 512 KiB, 10 GiB → 8 MiB (1,280 pieces). Above 32 GiB it stays
 * at 16 MiB and the pieces grow in number: 1 TiB has 65,536 of them, 1.3 MB of hashes.
 */
export function choosePieceLength(totalBytes: number): number {
  let length = MIN_CHOSEN_BYTES;
  while (length < MAX_CHOSEN_BYTES && totalBytes / length > MOST_PIECES) length *= 2;
  return length;
}

/** The keys of a .torrent beside its info dictionary; they are not covered by the info hash. */
export interface TorrentRemarks {
  /** URLs by tier (BEP 12). */
  readonly trackers?: readonly (readonly string[])[] | undefined;
  readonly comment?: string | undefined;
  readonly createdBy?: string | undefined;
  readonly creationDateSec?: number | undefined;
}

/**
 * The content of a torrent. A `Metainfo` fits, unless it has padding or symlinks, which are not
 * written.
 */
export interface TorrentContent extends TorrentRemarks {
  readonly name: string;
  readonly multiFile: boolean;
  /** As in `FileEntry`: the path is `[name]` for a single file; otherwise it begins with `name`. */
  readonly files: readonly { readonly path: readonly string[]; readonly lengthBytes: number }[];
  readonly pieceLengthBytes: number;
  /** SHA-1 digests of all pieces, concatenated. */
  readonly pieceHashes: Uint8Array;
  /** Peers may come only from the trackers (BEP 27); changes the info hash. Default false. */
  readonly private?: boolean | undefined;
}

/**
 * Encodes the canonical .torrent. Names, lengths and trackers must obey the rules of
 * `parseMetainfo`, which reads the result back to the same content. Throws `bad-metainfo`.
 */
export function buildMetainfo(content: TorrentContent): Uint8Array {
  return withRemarks(encode(infoOf(content)), content);
}

/** A .torrent with these bytes as its info dictionary; they are not checked. Throws `bad-metainfo`. */
export function withRemarks(infoBytes: Uint8Array, remarks: TorrentRemarks): Uint8Array {
  const trackers = checkedTrackers(remarks.trackers ?? []);
  const { creationDateSec } = remarks;
  if (
    creationDateSec !== undefined &&
    !(Number.isSafeInteger(creationDateSec) && creationDateSec >= 0)
  ) {
    throw badMetainfo('the creation date must be whole seconds since 1970');
  }
  const others = encode({
    announce: trackers[0]?.[0],
    'announce-list': trackers.flat().length > 1 ? trackers : undefined,
    comment: remarks.comment,
    'created by': remarks.createdBy,
    'creation date': creationDateSec,
  });
  // `info` is the last key in the order of bencode.
  const bytes = Buffer.concat([others.subarray(0, -1), INFO_KEY, infoBytes, END]);
  if (bytes.length > MAX_METAINFO_BYTES) {
    throw badMetainfo(
      `it would have ${bytes.length} bytes, at most ${MAX_METAINFO_BYTES} are read`,
    );
  }
  return new Uint8Array(bytes);
}

const INFO_KEY = Buffer.from('4:info');
const END = Buffer.from('e');

function infoOf(content: TorrentContent): Encodable {
  const { name, multiFile, files, pieceLengthBytes, pieceHashes } = content;
  checkPath([name], multiFile ? 'the folder' : 'the file');
  if (files.length === 0) throw badMetainfo('there must be at least one file');
  if (!multiFile && files.length > 1) throw badMetainfo('a single-file torrent has one file');
  const tree = new PathTree();
  let totalLengthBytes = 0;
  files.forEach(({ path, lengthBytes }, index) => {
    const what = `file ${index}`;
    if (path[0] !== name || (path.length === 1) === multiFile) {
      throw badMetainfo(`the path of ${what} must be the name${multiFile ? ' and more' : ''}`);
    }
    checkPath(path, what);
    if (path.some(isPaddingName)) {
      throw badMetainfo(`the path of ${what} has a name that clients take for padding`);
    }
    addPath(tree, path, what);
    totalLengthBytes = checkedTotal(totalLengthBytes, lengthBytes, what);
  });
  checkedPieceCount(pieceLengthBytes, totalLengthBytes, pieceHashes);
  return {
    name,
    'piece length': pieceLengthBytes,
    pieces: pieceHashes,
    private: content.private ? 1 : undefined,
    length: multiFile ? undefined : totalLengthBytes,
    files: multiFile
      ? files.map(({ path, lengthBytes }) => ({ length: lengthBytes, path: path.slice(1) }))
      : undefined,
  };
}

function checkedTrackers(tiers: readonly (readonly string[])[]): readonly (readonly string[])[] {
  for (const url of tiers.flat()) {
    if (!isTrackerUrl(url)) {
      throw badMetainfo(
        'a tracker URL must start with http, https, udp, ws or wss and name a host',
      );
    }
  }
  return tiers.filter((tier) => tier.length > 0);
}
