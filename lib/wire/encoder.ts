// Encodes our messages. The small messages of one turn are collected in a `WireWriter` and sent in
// one socket write; piece headers are written in front of block data that the caller holds.

import {
  BLOCK_FIELDS_LENGTH_BYTES,
  HEADER_LENGTH_BYTES,
  LENGTH_FIELD_BYTES,
  MESSAGE_ID,
  PIECE_HEADER_LENGTH_BYTES,
} from './messages';
import { writeUint32 } from './uint32';

/** Writes the header of a `piece` message; `begin` is a byte offset within the piece (BEP 3). */
export function writePieceHeader(
  target: Uint8Array,
  offset: number,
  piece: number,
  begin: number,
  blockLengthBytes: number,
): void {
  writeUint32(target, offset, PIECE_HEADER_LENGTH_BYTES - LENGTH_FIELD_BYTES + blockLengthBytes);
  target[offset + LENGTH_FIELD_BYTES] = MESSAGE_ID.piece;
  writeUint32(target, offset + HEADER_LENGTH_BYTES, piece);
  writeUint32(target, offset + HEADER_LENGTH_BYTES + 4, begin);
}

// 64 requests of 17 bytes fit without growing.
const INITIAL_CAPACITY_BYTES = 2048;
// A buffer that grew beyond this (for a large bitfield) is released after use: most connections
// never need it again.
const KEPT_CAPACITY_BYTES = 16_384;

/** A growable buffer of outgoing messages, every kind but `piece`. */
export class WireWriter {
  private buffer = new Uint8Array(INITIAL_CAPACITY_BYTES);
  private usedBytes = 0;

  /** Bytes collected since the last `take`. */
  get lengthBytes(): number {
    return this.usedBytes;
  }

  keepAlive(): void {
    const at = this.reserve(LENGTH_FIELD_BYTES);
    writeUint32(this.buffer, at, 0);
  }

  choke(): void {
    this.header(MESSAGE_ID.choke, 0);
  }

  unchoke(): void {
    this.header(MESSAGE_ID.unchoke, 0);
  }

  interested(): void {
    this.header(MESSAGE_ID.interested, 0);
  }

  notInterested(): void {
    this.header(MESSAGE_ID.notInterested, 0);
  }

  have(piece: number): void {
    this.pieceMessage(MESSAGE_ID.have, piece);
  }

  /** `bits`: wire order, high bit of byte 0 is piece 0, spare bits zero; copied. */
  bitfield(bits: Uint8Array): void {
    const at = this.header(MESSAGE_ID.bitfield, bits.length);
    this.buffer.set(bits, at);
  }

  /** `begin` and `lengthBytes` in bytes; other clients accept at most 2^14 of them (BEP 3). */
  request(piece: number, begin: number, lengthBytes: number): void {
    this.blockMessage(MESSAGE_ID.request, piece, begin, lengthBytes);
  }

  cancel(piece: number, begin: number, lengthBytes: number): void {
    this.blockMessage(MESSAGE_ID.cancel, piece, begin, lengthBytes);
  }

  // The messages of BEP 6: only for peers that announced the fast extension, too.

  haveAll(): void {
    this.header(MESSAGE_ID.haveAll, 0);
  }

  haveNone(): void {
    this.header(MESSAGE_ID.haveNone, 0);
  }

  suggest(piece: number): void {
    this.pieceMessage(MESSAGE_ID.suggestPiece, piece);
  }

  allowedFast(piece: number): void {
    this.pieceMessage(MESSAGE_ID.allowedFast, piece);
  }

  /** The request will not be answered. */
  reject(piece: number, begin: number, lengthBytes: number): void {
    this.blockMessage(MESSAGE_ID.rejectRequest, piece, begin, lengthBytes);
  }

  /** BEP 10 envelope: `id` is the one that the receiver announced, 0 for the handshake. */
  extended(id: number, payload: Uint8Array): void {
    const at = this.header(MESSAGE_ID.extended, 1 + payload.length);
    this.buffer[at] = id;
    this.buffer.set(payload, at + 1);
  }

  /**
   * Returns the collected messages in a new array (a socket reads it after `write` returns), and
   * resets.
   */
  take(): Uint8Array | undefined {
    if (this.usedBytes === 0) return undefined;
    const taken = this.buffer.slice(0, this.usedBytes);
    this.usedBytes = 0;
    if (this.buffer.length > KEPT_CAPACITY_BYTES) {
      this.buffer = new Uint8Array(INITIAL_CAPACITY_BYTES);
    }
    return taken;
  }

  private pieceMessage(id: number, piece: number): void {
    const at = this.header(id, 4);
    writeUint32(this.buffer, at, piece);
  }

  private blockMessage(id: number, piece: number, begin: number, lengthBytes: number): void {
    const at = this.header(id, BLOCK_FIELDS_LENGTH_BYTES);
    writeUint32(this.buffer, at, piece);
    writeUint32(this.buffer, at + 4, begin);
    writeUint32(this.buffer, at + 8, lengthBytes);
  }

  /** Writes length and id, makes room for the payload, and returns where the payload begins. */
  private header(id: number, payloadLengthBytes: number): number {
    const at = this.reserve(HEADER_LENGTH_BYTES + payloadLengthBytes);
    writeUint32(this.buffer, at, 1 + payloadLengthBytes);
    this.buffer[at + LENGTH_FIELD_BYTES] = id;
    return at + HEADER_LENGTH_BYTES;
  }

  private reserve(lengthBytes: number): number {
    const at = this.usedBytes;
    this.usedBytes += lengthBytes;
    if (this.usedBytes > this.buffer.length) {
      const grown = new Uint8Array(Math.max(this.usedBytes, 2 * this.buffer.length));
      grown.set(this.buffer.subarray(0, at));
      this.buffer = grown;
    }
    return at;
  }
}
