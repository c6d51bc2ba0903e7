// Splits one direction of a connection at its message boundaries, independently of reads: one
// segment per message, so that a reader of the trace needs no reassembly. Nothing is trusted: a
// message may be cut short or claim any length, and less than one segment is buffered.

import { HANDSHAKE_LENGTH_BYTES } from '../wire/handshake';
import {
  HEADER_LENGTH_BYTES,
  LENGTH_FIELD_BYTES,
  MESSAGE_ID,
  PIECE_HEADER_LENGTH_BYTES,
} from '../wire/messages';
import { readUint32 } from '../wire/uint32';
import { MAX_SEGMENT_BYTES } from './tcp-flow';

const INITIAL_CAPACITY_BYTES = 128;

/** A message, or as much of a long or incomplete one as fits a segment. */
export interface Segment {
  /** Its first `keptBytes` belong to the segment; valid until the call returns. */
  readonly bytes: Uint8Array;
  readonly keptBytes: number;
  /** Number of further bytes that were not kept. */
  readonly cutBytes: number;
  readonly kind: 'handshake' | 'message' | 'rest';
}

export class MessageSplitter {
  private readonly payload: boolean;
  private readonly onSegment: (segment: Segment) => void;
  private held = new Uint8Array(INITIAL_CAPACITY_BYTES);
  private heldBytes = 0;
  private cutBytes = 0;
  private kind: Segment['kind'] = 'handshake';
  /**
   * Bytes of the message seen so far, and the number at which more is known about it or it ends.
   */
  private seenBytes = 0;
  private targetBytes = HANDSHAKE_LENGTH_BYTES;
  private messageBytes = HANDSHAKE_LENGTH_BYTES;
  /** Number of bytes at the message's beginning that are kept. */
  private keepBytes = HANDSHAKE_LENGTH_BYTES;

  /** `payload`: whether blocks are kept in full, or only their 13-byte headers. */
  constructor(payload: boolean, onSegment: (segment: Segment) => void) {
    this.payload = payload;
    this.onSegment = onSegment;
  }

  /** No part of `bytes` is kept by reference. */
  feed(bytes: Uint8Array, start: number, end: number): void {
    let position = start;
    while (position < end) {
      const takenBytes = Math.min(
        end - position,
        this.targetBytes - this.seenBytes,
        MAX_SEGMENT_BYTES - this.heldBytes - this.cutBytes,
      );
      const keptBytes = Math.max(0, Math.min(takenBytes, this.keepBytes - this.seenBytes));
      this.hold(bytes, position, keptBytes);
      this.cutBytes += takenBytes - keptBytes;
      this.seenBytes += takenBytes;
      position += takenBytes;
      if (this.seenBytes === this.targetBytes) this.advance();
      if (this.heldBytes + this.cutBytes === MAX_SEGMENT_BYTES) this.flush();
    }
  }

  /** Emits the buffered part of an incomplete message: nothing more will come. */
  flush(): void {
    const { held, heldBytes, cutBytes, kind } = this;
    if (heldBytes + cutBytes === 0) return;
    this.heldBytes = 0;
    this.cutBytes = 0;
    this.kind = 'rest';
    this.onSegment({ bytes: held, keptBytes: heldBytes, cutBytes, kind });
  }

  /** The next fact about the message is known: its length, its id, its end. */
  private advance(): void {
    if (this.seenBytes < this.messageBytes) {
      this.targetBytes = this.messageBytes;
      const isBlock = this.held[LENGTH_FIELD_BYTES] === MESSAGE_ID.piece;
      if (isBlock && !this.payload) this.keepBytes = PIECE_HEADER_LENGTH_BYTES;
      return;
    }
    if (this.messageBytes === LENGTH_FIELD_BYTES) {
      const lengthBytes = readUint32(this.held, 0);
      if (lengthBytes > 0) {
        this.messageBytes = LENGTH_FIELD_BYTES + lengthBytes;
        this.keepBytes = this.messageBytes;
        this.targetBytes = HEADER_LENGTH_BYTES;
        return;
      }
    }
    this.flush();
    this.kind = 'message';
    this.seenBytes = 0;
    this.targetBytes = LENGTH_FIELD_BYTES;
    this.messageBytes = LENGTH_FIELD_BYTES;
    this.keepBytes = LENGTH_FIELD_BYTES;
  }

  private hold(bytes: Uint8Array, start: number, lengthBytes: number): void {
    const neededBytes = this.heldBytes + lengthBytes;
    if (neededBytes > this.held.length) {
      const grown = new Uint8Array(Math.max(neededBytes, 2 * this.held.length));
      grown.set(this.held.subarray(0, this.heldBytes));
      this.held = grown;
    }
    this.held.set(bytes.subarray(start, start + lengthBytes), this.heldBytes);
    this.heldBytes = neededBytes;
  }
}
