// PURE. The pieces that a peer announces before we know how many there are: stored as bits, and
// checked when the metainfo arrives.

import { Bitfield } from '../bytes/bitfield';
import { MillraceError } from '../errors/millrace-error';
import { MAX_PIECE_COUNT } from '../metainfo/limits';

export class EarlyPieces {
  /** Grows with the highest piece, up to 256 KiB: no torrent may have more pieces. */
  private bits = new Uint8Array(0);
  /** Length of all bitfields so far; undefined before the first. */
  private bitfieldBytes: number | undefined;
  private highestHave = -1;
  private isAll = false;

  get heldBytes(): number {
    return this.bits.length;
  }

  /**
   * Returns true for a new piece. Throws `bad-piece-index` for a piece that no torrent can have.
   */
  addHave(piece: number): boolean {
    if (piece >= MAX_PIECE_COUNT) throw noSuchPiece(piece);
    const at = piece >>> 3;
    this.makeRoom(at + 1);
    this.highestHave = Math.max(this.highestHave, piece);
    const before = this.bits[at] ?? 0;
    const after = before | (0x80 >>> (piece & 7));
    this.bits[at] = after;
    return after !== before;
  }

  /** The peer lost a piece (BEP 54). Ignored after `have all`, because the number of pieces is not known. */
  remove(piece: number): void {
    const at = piece >>> 3;
    if (at < this.bits.length) this.bits[at] = (this.bits[at] ?? 0) & ~(0x80 >>> (piece & 7));
  }

  /** The peer has every piece (`have all`); their number is not known yet. */
  addAll(): void {
    this.isAll = true;
  }

  /** Throws `bad-bitfield` if its length differs from an earlier one. */
  addBitfield(bits: Uint8Array): void {
    this.bitfieldBytes ??= bits.length;
    if (bits.length !== this.bitfieldBytes) {
      throw new MillraceError(
        'bad-bitfield',
        `a bitfield of ${bits.length} bytes after one of ${this.bitfieldBytes} (BEP 3)`,
      );
    }
    this.makeRoom(bits.length);
    for (let at = 0; at < bits.length; at++) this.bits[at] = (this.bits[at] ?? 0) | (bits[at] ?? 0);
  }

  /**
   * The peer's pieces in a torrent of `pieceCount` pieces, without spare bits. Throws
   * `bad-piece-index` or `bad-bitfield` if they do not fit this torrent.
   */
  of(pieceCount: number): Uint8Array | 'all' {
    if (this.highestHave >= pieceCount) throw noSuchPiece(this.highestHave);
    const lengthBytes = Math.ceil(pieceCount / 8);
    if (this.bitfieldBytes !== undefined) checkBitfieldLength(this.bitfieldBytes, pieceCount);
    if (this.isAll) return 'all';
    this.makeRoom(lengthBytes);
    return Bitfield.withoutSpareBits(this.bits.subarray(0, lengthBytes), pieceCount);
  }

  private makeRoom(lengthBytes: number): void {
    if (lengthBytes <= this.bits.length) return;
    // Doubled each time: haves in ascending order are then copied only a few times.
    const roomBytes = Math.min(2 * this.bits.length, Math.ceil(MAX_PIECE_COUNT / 8));
    const grown = new Uint8Array(Math.max(lengthBytes, roomBytes));
    grown.set(this.bits);
    this.bits = grown;
  }
}

/** Throws `bad-bitfield` if the length does not fit the torrent. */
export function checkBitfieldLength(lengthBytes: number, pieceCount: number): void {
  if (lengthBytes === Math.ceil(pieceCount / 8)) return;
  throw new MillraceError(
    'bad-bitfield',
    `a bitfield of ${lengthBytes} bytes for ${pieceCount} pieces (BEP 3)`,
  );
}

export function noSuchPiece(piece: number): MillraceError {
  return new MillraceError('bad-piece-index', `have of piece ${piece}, which does not exist`);
}
