// The half of a session that gives: which requests of the peer are answered, and the bounded queue
// of those that wait for their bytes. Reading and writing them is the edge's business.

import type { Bitfield } from '../bytes/bitfield';
import { MillraceError } from '../errors/millrace-error';
import type { Geometry } from '../metainfo/geometry';
import { BLOCK_LENGTH_BYTES } from '../wire/messages';

/**
 * Longest request answered: 128 KiB. BEP 3 speaks of 2^14 and of closing on more, but deployed
 * clients ask for up to 2^17, and an answer of that size costs nothing extra.
 */
export const MAX_REQUEST_LENGTH_BYTES = 8 * BLOCK_LENGTH_BYTES;

const INITIAL_CAPACITY = 32;

/** Requests in order of arrival, as numbers in a ring that grows up to the announced `reqq`. */
export class Serving {
  private readonly geometry: Geometry;
  private readonly have: Bitfield;
  private readonly maxRequests: number;
  private isChoked = true;
  private pieces = new Int32Array(INITIAL_CAPACITY);
  private begins = new Int32Array(INITIAL_CAPACITY);
  private lengths = new Int32Array(INITIAL_CAPACITY);
  private head = 0;
  private count = 0;

  constructor(geometry: Geometry, have: Bitfield, maxRequests: number) {
    this.geometry = geometry;
    this.have = have;
    this.maxRequests = maxRequests;
  }

  /** We choke the peer: its requests are ignored (BEP 3). */
  get choked(): boolean {
    return this.isChoked;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.count;
  }

  /** Piece, byte offset within it, and length of the request at `index`; 0 is the oldest. */
  piece(index: number): number {
    return this.pieces[this.slot(index)] ?? 0;
  }
  begin(index: number): number {
    return this.begins[this.slot(index)] ?? 0;
  }
  lengthBytes(index: number): number {
    return this.lengths[this.slot(index)] ?? 0;
  }

  /** Choking forgets everything asked for: the peer knows and will ask again. */
  setChoked(choked: boolean): void {
    this.isChoked = choked;
    if (choked) this.count = 0;
  }

  /**
   * The peer asks for a block. True if it is to be answered; false if it is to be ignored (choked,
   * or a piece that we do not have and never offered). Throws `bad-piece-index`, `bad-request` or
   * `request-flood`.
   */
  request(piece: number, begin: number, lengthBytes: number): boolean {
    if (piece >= this.geometry.pieceCount) {
      throw new MillraceError('bad-piece-index', `piece ${piece} does not exist`);
    }
    const pieceBytes = this.geometry.pieceLengthBytes(piece);
    if (lengthBytes === 0 || lengthBytes > MAX_REQUEST_LENGTH_BYTES) {
      throw new MillraceError(
        'bad-request',
        `a request for ${lengthBytes} bytes: 1 to ${MAX_REQUEST_LENGTH_BYTES} are allowed`,
      );
    }
    if (begin + lengthBytes > pieceBytes) {
      throw new MillraceError(
        'bad-request',
        `a request for ${lengthBytes} bytes at ${begin} of a piece of ${pieceBytes}`,
      );
    }
    if (this.isChoked || !this.have.get(piece)) return false;
    if (this.count >= this.maxRequests) {
      throw new MillraceError(
        'request-flood',
        `more than ${this.maxRequests} requests outstanding (reqq)`,
      );
    }
    if (this.count === this.pieces.length) this.grow();
    const slot = this.slot(this.count);
    this.pieces[slot] = piece;
    this.begins[slot] = begin;
    this.lengths[slot] = lengthBytes;
    this.count += 1;
    return true;
  }

  /** The peer takes a request back; unknown ones were answered already. */
  cancel(piece: number, begin: number, lengthBytes: number): void {
    for (let index = 0; index < this.count; index++) {
      if (
        this.begin(index) === begin &&
        this.piece(index) === piece &&
        this.lengthBytes(index) === lengthBytes
      ) {
        this.removeAt(index);
        return;
      }
    }
  }

  /** Forgets the oldest request: it is answered. */
  shift(): void {
    if (this.count === 0) return;
    this.head = (this.head + 1) % this.pieces.length;
    this.count -= 1;
  }

  /** Forgets every request for a piece: it cannot be read. */
  dropPiece(piece: number): void {
    for (let index = this.count - 1; index >= 0; index--) {
      if (this.piece(index) === piece) this.removeAt(index);
    }
  }

  private slot(index: number): number {
    return (this.head + index) % this.pieces.length;
  }

  private removeAt(index: number): void {
    for (let at = index; at + 1 < this.count; at++) {
      const from = this.slot(at + 1);
      const to = this.slot(at);
      this.pieces[to] = this.pieces[from] ?? 0;
      this.begins[to] = this.begins[from] ?? 0;
      this.lengths[to] = this.lengths[from] ?? 0;
    }
    this.count -= 1;
  }

  private grow(): void {
    const oldHead = this.head;
    const oldLength = this.pieces.length;
    const unroll = (ring: Int32Array): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(2 * oldLength);
      grown.set(ring.subarray(oldHead), 0);
      grown.set(ring.subarray(0, oldHead), oldLength - oldHead);
      return grown;
    };
    this.pieces = unroll(this.pieces);
    this.begins = unroll(this.begins);
    this.lengths = unroll(this.lengths);
    this.head = 0;
  }
}
