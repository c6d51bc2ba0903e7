// How a torrent is divided into pieces, and a piece into blocks. Only arithmetic; layout.ts maps
// bytes to files.
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { MillraceError } from '../errors/millrace-error';

/** The part of a `Metainfo` that geometry needs. */
export interface PieceShape {
  readonly pieceLengthBytes: number;
  readonly totalLengthBytes: number;
  readonly pieceCount: number;
}

/** Piece and block arithmetic of one torrent. All lengths and offsets are bytes. */
export class Geometry {
  readonly pieceCount: number;
  readonly totalLengthBytes: number;
  private readonly fullPieceBytes: number;
  private readonly lastPieceBytes: number;

  constructor({ pieceLengthBytes, totalLengthBytes, pieceCount }: PieceShape) {
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
  }

  /** Length of a piece; the last one may be shorter. */
  pieceLengthBytes(piece: number): number {
    if (!(piece >= 0 && piece < this.pieceCount)) throw outside('piece', piece, this.pieceCount);
    return piece === this.pieceCount - 1 ? this.lastPieceBytes : this.fullPieceBytes;
  }

  /** Number of blocks in a piece. */
  blockCount(piece: number): number {
    return Math.ceil(this.pieceLengthBytes(piece) / BLOCK_LENGTH_BYTES);
  }

  /** Length of a block; the last one of a piece may be shorter. It begins at `block × 16,384`. */
  blockLengthBytes(piece: number, block: number): number {
    const rest = this.pieceLengthBytes(piece) - block * BLOCK_LENGTH_BYTES;
    if (!(block >= 0 && rest > 0)) throw outside('block', block, this.blockCount(piece));
    return rest < BLOCK_LENGTH_BYTES ? rest : BLOCK_LENGTH_BYTES;
  }
}

export function outside(what: string, index: number, count: number): MillraceError {
  return new MillraceError('unexpected', `${what} ${index} is outside 0 … ${count - 1}`);
}
