// Where everything lies: pieces, the blocks of a piece, and the stretches of files that it covers.
// Only arithmetic; every room that turns a piece index into bytes asks here.
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { MillraceError } from '../errors/millrace-error';
import type { FileSpan } from './metainfo';

/** The part of a `Metainfo` that geometry needs. */
export interface Shape {
  readonly pieceLengthBytes: number;
  readonly totalLengthBytes: number;
  readonly pieceCount: number;
  /** In the order of the torrent. What lies between, before and after them is padding. */
  readonly files: readonly { readonly lengthBytes: number; readonly offsetBytes: number }[];
}

/** Piece, block and file arithmetic of one torrent. All lengths and offsets are bytes. */
export class Geometry {
  readonly pieceCount: number;
  readonly totalLengthBytes: number;
  private readonly fullPieceBytes: number;
  private readonly lastPieceBytes: number;
  private readonly fileStarts: Float64Array;
  private readonly fileEnds: Float64Array;
  private readonly padded: boolean;

  constructor(shape: Shape) {
    const { pieceLengthBytes, totalLengthBytes, pieceCount, files } = shape;
    if (pieceCount !== Math.ceil(totalLengthBytes / pieceLengthBytes)) {
      throw new MillraceError(
        'bad-metainfo',
        `${totalLengthBytes} bytes in pieces of ${pieceLengthBytes} are not ${pieceCount} pieces`,
      );
    }
    this.pieceCount = pieceCount;
    this.totalLengthBytes = totalLengthBytes;
    this.fullPieceBytes = pieceLengthBytes;
    this.lastPieceBytes = totalLengthBytes - (pieceCount - 1) * pieceLengthBytes;
    this.fileStarts = new Float64Array(files.length);
    this.fileEnds = new Float64Array(files.length);
    let contentBytes = 0;
    files.forEach((file, index) => {
      this.fileStarts[index] = file.offsetBytes;
      this.fileEnds[index] = file.offsetBytes + file.lengthBytes;
      contentBytes += file.lengthBytes;
    });
    this.padded = contentBytes < totalLengthBytes;
  }

  /** Length of a piece; the last one may be short. */
  pieceLengthBytes(piece: number): number {
    if (!(piece >= 0 && piece < this.pieceCount)) throw outside('piece', piece, this.pieceCount);
    return piece === this.pieceCount - 1 ? this.lastPieceBytes : this.fullPieceBytes;
  }

  /** Bytes of a piece that files hold: its length without padding. */
  contentBytes(piece: number): number {
    if (!this.padded) return this.pieceLengthBytes(piece);
    let bytes = 0;
    for (const span of this.pieceSpans(piece))
      if (span.file !== undefined) bytes += span.lengthBytes;
    return bytes;
  }

  /** Number of blocks in a piece. */
  blockCount(piece: number): number {
    return Math.ceil(this.pieceLengthBytes(piece) / BLOCK_LENGTH_BYTES);
  }

  /** Length of a block; the last one of a piece may be short. It begins at `block × 16,384`. */
  blockLengthBytes(piece: number, block: number): number {
    const rest = this.pieceLengthBytes(piece) - block * BLOCK_LENGTH_BYTES;
    if (!(block >= 0 && rest > 0)) throw outside('block', block, this.blockCount(piece));
    return rest < BLOCK_LENGTH_BYTES ? rest : BLOCK_LENGTH_BYTES;
  }

  /** The stretches of files and padding that a piece covers, in order; empty files have none. */
  pieceSpans(piece: number): FileSpan[] {
    const lengthBytes = this.pieceLengthBytes(piece);
    let at = piece * this.fullPieceBytes;
    const end = at + lengthBytes;
    const spans: FileSpan[] = [];
    for (let file = this.fileHolding(at); at < end; file++) {
      const fileStart = this.fileStarts[file] ?? end;
      const fileEnd = this.fileEnds[file] ?? end;
      if (fileStart > at) {
        const spanEnd = Math.min(end, fileStart);
        spans.push({ file: undefined, offsetBytes: 0, lengthBytes: spanEnd - at });
        at = spanEnd;
      }
      if (fileEnd <= at || at === end) continue; // an empty file, or none that the piece reaches
      const spanEnd = Math.min(end, fileEnd);
      spans.push({ file, offsetBytes: at - fileStart, lengthBytes: spanEnd - at });
      at = spanEnd;
    }
    return spans;
  }

  /** The pieces that hold bytes of a file: first … end − 1. None (`first === end`) if it is empty. */
  piecesOfFile(file: number): { first: number; end: number } {
    const start = this.fileStarts[file];
    const fileEnd = this.fileEnds[file];
    if (start === undefined || fileEnd === undefined) {
      throw outside('file', file, this.fileEnds.length);
    }
    const first = Math.floor(start / this.fullPieceBytes);
    return fileEnd > start
      ? { first, end: Math.ceil(fileEnd / this.fullPieceBytes) }
      : { first, end: first };
  }

  /** Index of the first file that ends after the byte at `offset` of the torrent, found by halving. */
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

function outside(what: string, index: number, count: number): MillraceError {
  return new MillraceError('unexpected', `${what} ${index} is outside 0 … ${count - 1}`);
}
