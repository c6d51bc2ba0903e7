// Where the bytes of a torrent are stored. Writing, reading, checking and uploading all use this
// file, the only one that knows how pieces map to files and padding.

import { toHex } from '../bytes/hex';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { MillraceError } from '../errors/millrace-error';
import { Geometry, outside } from './geometry';
import type { PieceShape } from './geometry';
import type { Metainfo } from './metainfo';
import type { NameMapping } from './names';
import { pathOf } from './paths';

/** One file of a torrent, as storage sees it. */
export interface StoredFile {
  /** Path below the root, components joined by `/`. */
  readonly path: string;
  readonly lengthBytes: number;
  /** Zeros of the torrent before this file that are not stored (BEP 47); absent if none. */
  readonly paddingBytes?: number;
}

/** A stretch of one stored file, or of zeros that are not stored: these have no path. */
export interface StoredSpan {
  readonly path: string | undefined;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** A layout as plain data, which can be sent to another thread and turned into a layout there. */
export interface LayoutShape extends PieceShape {
  /** In the order of the torrent, including empty ones, by their names in the store. */
  readonly files: readonly StoredFile[];
  /** The mapping that named the files, as in `Metainfo.names`. */
  readonly names?: NameMapping | undefined;
}

/**
 * Maps the contiguous bytes of the torrent to spans of stored files. Spans name a place in the
 * store, not a file of the torrent: a later layout may store some bytes elsewhere without changes
 * to callers.
 */
export class Layout implements LayoutShape {
  readonly geometry: Geometry;
  readonly pieceLengthBytes: number;
  readonly totalLengthBytes: number;
  readonly pieceCount: number;
  readonly files: readonly StoredFile[];
  readonly names: NameMapping | undefined;
  private readonly fileStarts: Float64Array;
  private readonly fileEnds: Float64Array;
  private readonly isPadded: boolean;

  constructor(shape: LayoutShape) {
    const { files, totalLengthBytes } = shape;
    this.geometry = new Geometry(shape);
    this.pieceLengthBytes = shape.pieceLengthBytes;
    this.totalLengthBytes = totalLengthBytes;
    this.pieceCount = shape.pieceCount;
    this.files = files;
    this.names = shape.names;
    this.fileStarts = new Float64Array(files.length);
    this.fileEnds = new Float64Array(files.length);
    let end = 0;
    let contentBytes = 0;
    for (const [index, { lengthBytes, paddingBytes = 0 }] of files.entries()) {
      this.fileStarts[index] = end + paddingBytes;
      end += paddingBytes + lengthBytes;
      this.fileEnds[index] = end;
      contentBytes += lengthBytes;
    }
    this.isPadded = contentBytes < totalLengthBytes;
  }

  /**
   * Where `lengthBytes` of the torrent from `offsetBytes` on are stored, in order; no span is
   * empty.
   */
  spans(offsetBytes: number, lengthBytes: number): StoredSpan[] {
    const end = offsetBytes + lengthBytes;
    if (!(offsetBytes >= 0 && end <= this.totalLengthBytes)) {
      const run = `bytes ${offsetBytes} … ${end} are outside the torrent`;
      throw new MillraceError('unexpected', `${run}, which has ${this.totalLengthBytes}`);
    }
    const spans: StoredSpan[] = [];
    let at = offsetBytes;
    for (let file = this.fileHolding(at); at < end; file++) {
      const fileStart = this.fileStarts[file] ?? end;
      const fileEnd = this.fileEnds[file] ?? end;
      if (fileStart > at) {
        const spanEnd = Math.min(end, fileStart);
        // Padding on both sides of an empty file is one span.
        const before = spans.at(-1)?.path === undefined ? (spans.pop()?.lengthBytes ?? 0) : 0;
        spans.push({ path: undefined, offsetBytes: 0, lengthBytes: before + spanEnd - at });
        at = spanEnd;
      }
      if (fileEnd <= at || at === end) continue; // The file is empty, or outside of the range.
      const spanEnd = Math.min(end, fileEnd);
      const path = this.files[file]?.path;
      spans.push({ path, offsetBytes: at - fileStart, lengthBytes: spanEnd - at });
      at = spanEnd;
    }
    return spans;
  }

  /** Where a piece is stored. */
  spansOfPiece(piece: number): StoredSpan[] {
    const lengthBytes = this.geometry.pieceLengthBytes(piece);
    return this.spans(piece * this.pieceLengthBytes, lengthBytes);
  }

  /** The files with bytes of a piece. */
  pathsOfPiece(piece: number): string[] {
    const start = piece * this.pieceLengthBytes;
    const end = start + this.geometry.pieceLengthBytes(piece);
    const paths: string[] = [];
    for (let file = this.fileHolding(start); (this.fileStarts[file] ?? end) < end; file++) {
      const path = this.files[file]?.path;
      if (path !== undefined && this.fileStarts[file] !== this.fileEnds[file]) paths.push(path);
    }
    return paths;
  }

  /** Stored bytes of a piece: its length without padding. */
  contentBytes(piece: number): number {
    if (!this.isPadded) return this.geometry.pieceLengthBytes(piece);
    let bytes = 0;
    for (const span of this.spansOfPiece(piece))
      if (span.path !== undefined) bytes += span.lengthBytes;
    return bytes;
  }

  /**
   * The blocks of a piece that contain only padding, in order. They are zeros, so they are not
   * requested from peers. A block with a byte of a file is not included.
   */
  paddingBlocks(piece: number): readonly number[] {
    if (!this.isPadded) return NO_BLOCKS;
    const blocks: number[] = [];
    const pieceBytes = this.geometry.pieceLengthBytes(piece);
    let at = 0;
    for (const { path, lengthBytes } of this.spansOfPiece(piece)) {
      const end = at + lengthBytes;
      // The last block of a piece may be shorter; others end at a multiple of 16 KiB.
      const endBlock = end === pieceBytes ? this.geometry.blockCount(piece) : blockOf(end);
      const firstBlock = Math.ceil(at / BLOCK_LENGTH_BYTES);
      if (path === undefined)
        for (let block = firstBlock; block < endBlock; block++) blocks.push(block);
      at = end;
    }
    return blocks;
  }

  /** The pieces with bytes of a file: first … end − 1. None (`first === end`) if it is empty. */
  piecesOfFile(file: number): { first: number; end: number } {
    const start = this.fileStarts[file];
    const fileEnd = this.fileEnds[file];
    if (start === undefined || fileEnd === undefined)
      throw outside('file', file, this.files.length);
    const first = Math.floor(start / this.pieceLengthBytes);
    return fileEnd > start
      ? { first, end: Math.ceil(fileEnd / this.pieceLengthBytes) }
      : { first, end: first };
  }

  /** Index of the first file that ends after the byte at `offset` of the torrent, by binary search. */
  private fileHolding(offset: number): number {
    let low = 0;
    let high = this.fileEnds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.fileEnds[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const NO_BLOCKS: readonly number[] = [];

/** The block that contains this byte of its piece. */
function blockOf(offsetBytes: number): number {
  return Math.floor(offsetBytes / BLOCK_LENGTH_BYTES);
}

/** The layout of a torrent whose files have the names of `metainfo`. */
export function layoutOf(metainfo: Metainfo): Layout {
  const { pieceLengthBytes, totalLengthBytes, pieceCount, names } = metainfo;
  const files = storedFiles(metainfo);
  return new Layout({ pieceLengthBytes, totalLengthBytes, pieceCount, files, names });
}

/** Every file, in the torrent's order. */
export function storedFiles(metainfo: Pick<Metainfo, 'files'>): StoredFile[] {
  let end = 0;
  return metainfo.files.map((file) => {
    const { lengthBytes, offsetBytes } = file;
    const paddingBytes = offsetBytes - end;
    end = offsetBytes + lengthBytes;
    const path = pathOf(file);
    return paddingBytes > 0 ? { path, lengthBytes, paddingBytes } : { path, lengthBytes };
  });
}

/** The length of all files together: the torrent without its padding. */
export function contentBytes(
  metainfo: Pick<Metainfo, 'totalLengthBytes' | 'paddingBytes'>,
): number {
  return metainfo.totalLengthBytes - (metainfo.paddingBytes ?? 0);
}

/** The expected hash of a piece, in hexadecimal, as in verify jobs. */
export function pieceHash({ pieceHashes }: Pick<Metainfo, 'pieceHashes'>, piece: number): string {
  return toHex(pieceHashes.subarray(piece * 20, piece * 20 + 20));
}
