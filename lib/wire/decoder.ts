// Splits the bytes of a peer connection into messages. Works in place on the caller's reused read
// buffer; only a message that spans two reads is collected in a buffer of the connection. Every
// length is checked against its limit first. Phases and piece indexes are checked by the session.

import { MillraceError } from '../errors/millrace-error';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import {
  BLOCK_FIELDS_LENGTH_BYTES,
  HEADER_LENGTH_BYTES,
  LENGTH_FIELD_BYTES,
  MESSAGE_ID,
  PIECE_HEADER_LENGTH_BYTES,
} from './messages';
import type { WireMessage, WireSink } from './messages';
import { readUint32 } from './uint32';

/** Id, piece, begin: what a `piece` length counts besides the block. */
const PIECE_OVERHEAD_BYTES = PIECE_HEADER_LENGTH_BYTES - LENGTH_FIELD_BYTES;
/** The length field of a `request`, `cancel` or `reject`: the id, and three fields of 4 bytes. */
const REQUEST_LENGTH_BYTES = 1 + BLOCK_FIELDS_LENGTH_BYTES;

// The longest regular extension message is a metadata piece, 16 KiB and a small dictionary
// (BEP 9); four times that leaves room for large peer-exchange lists, and 500 hostile connections
// hold no more than 32 MiB with it.
export const DEFAULT_MAX_EXTENDED_BYTES = 65_536;
// The longest message of any BEP under an id that is unknown here is `hashes` of BEP 52: 512
// digests of 32 bytes, their proof and 49 bytes, below 20 KiB.
const MAX_UNKNOWN_BYTES = 32_768;

const NO_BYTES = new Uint8Array(0);
// Most messages that span reads are small or blocks: two sizes of carry buffer serve nearly all.
const SMALL_CARRY_BYTES = 128;

const KEEP_ALIVE: WireMessage = Object.freeze({ type: 'keep-alive' });
const CHOKE: WireMessage = Object.freeze({ type: 'choke' });
const UNCHOKE: WireMessage = Object.freeze({ type: 'unchoke' });
const INTERESTED: WireMessage = Object.freeze({ type: 'interested' });
const NOT_INTERESTED: WireMessage = Object.freeze({ type: 'not-interested' });
const HAVE_ALL: WireMessage = Object.freeze({ type: 'have-all' });
const HAVE_NONE: WireMessage = Object.freeze({ type: 'have-none' });

/** What the decoder needs to limit lengths. */
export interface WireLimits {
  /** Number of pieces of the torrent, or the largest possible number while unknown. */
  readonly pieceCount: number;
  /** Longest block accepted, in bytes; default 16384, because no more is ever requested. */
  readonly maxBlockLengthBytes?: number;
  /** Longest extended message (BEP 10) with its ids, in bytes; default 64 KiB. */
  readonly maxExtendedBytes?: number;
}

/** Splits the stream that follows the handshake into messages. */
export class WireDecoder {
  private maxBitfieldBytes = 1;
  private readonly maxPieceBytes: number;
  private readonly maxExtendedBytes: number;
  private maxAnyBytes = 1;
  /** Start of a message whose rest has not come. Never longer than the longest cap. */
  private carry: Uint8Array = NO_BYTES;
  private carriedBytes = 0;
  private stopped = false;
  private feeding = false;

  constructor(limits: WireLimits) {
    // All four are values of the length field: they count the id and what follows it.
    this.maxPieceBytes = PIECE_OVERHEAD_BYTES + (limits.maxBlockLengthBytes ?? BLOCK_LENGTH_BYTES);
    this.maxExtendedBytes = limits.maxExtendedBytes ?? DEFAULT_MAX_EXTENDED_BYTES;
    this.setPieceCount(limits.pieceCount);
  }

  /** The number of pieces is known now. It caps bitfields, also one that has come in part. */
  setPieceCount(pieceCount: number): void {
    this.maxBitfieldBytes = 1 + Math.ceil(pieceCount / 8);
    this.maxAnyBytes = Math.max(
      this.maxBitfieldBytes,
      this.maxPieceBytes,
      this.maxExtendedBytes,
      MAX_UNKNOWN_BYTES,
    );
  }

  /** Bytes held by the carry buffer. */
  get heldBytes(): number {
    return this.carry.length;
  }

  /**
   * Takes bytes `start` … `end` and passes each message that they complete to the sink. The sink may
   * call `stop` and must not call `feed`.
   *
   * Throws MillraceError `message-too-long` (a length past what this torrent can need) or
   * `bad-message` (a wrong length for the type). After any error, the sink's own included, the
   * decoder is stopped for good.
   */
  feed(bytes: Uint8Array, start: number, end: number, sink: WireSink): void {
    if (this.stopped) return;
    if (this.feeding) throw new MillraceError('unexpected', 'feed was called from within its sink');
    this.feeding = true;
    let succeeded = false;
    try {
      const position = this.carriedBytes > 0 ? this.feedCarry(bytes, start, end, sink) : start;
      this.feedInPlace(bytes, position, end, sink);
      succeeded = true;
    } finally {
      this.feeding = false;
      if (!succeeded) this.stop();
    }
  }

  /** Emits no more messages, and releases the carry buffer. */
  stop(): void {
    this.stopped = true;
    this.carry = NO_BYTES;
    this.carriedBytes = 0;
  }

  /** Emits every message that lies whole in the buffer, and carries the rest. */
  private feedInPlace(bytes: Uint8Array, start: number, end: number, sink: WireSink): void {
    let position = start;
    while (!this.stopped && position < end) {
      const availableBytes = end - position;
      if (availableBytes < LENGTH_FIELD_BYTES) break;
      const messageBytes = readUint32(bytes, position);
      if (messageBytes === 0) {
        position += LENGTH_FIELD_BYTES;
        sink.onMessage(KEEP_ALIVE);
        continue;
      }
      this.checkAnyLength(messageBytes);
      if (availableBytes < HEADER_LENGTH_BYTES) break;
      this.checkLength(bytes[position + LENGTH_FIELD_BYTES] as number, messageBytes);
      const next = position + LENGTH_FIELD_BYTES + messageBytes;
      if (next > end) break;
      emit(bytes, position + LENGTH_FIELD_BYTES, next, sink);
      position = next;
    }
    if (!this.stopped && position < end) this.carryFrom(bytes, position, end);
  }

  /** Completes the carried message, if the new bytes reach; returns where the next one begins. */
  private feedCarry(bytes: Uint8Array, start: number, end: number, sink: WireSink): number {
    let position = this.fillCarry(bytes, start, end, LENGTH_FIELD_BYTES);
    if (this.carriedBytes < LENGTH_FIELD_BYTES) return position;
    const messageBytes = readUint32(this.carry, 0);
    if (messageBytes === 0) {
      this.carriedBytes = 0;
      sink.onMessage(KEEP_ALIVE);
      return position;
    }
    this.checkAnyLength(messageBytes);
    position = this.fillCarry(bytes, position, end, HEADER_LENGTH_BYTES);
    if (this.carriedBytes < HEADER_LENGTH_BYTES) return position;
    this.checkLength(this.carry[LENGTH_FIELD_BYTES] as number, messageBytes);
    const totalBytes = LENGTH_FIELD_BYTES + messageBytes;
    position = this.fillCarry(bytes, position, end, totalBytes);
    if (this.carriedBytes < totalBytes) return position;
    this.carriedBytes = 0;
    emit(this.carry, LENGTH_FIELD_BYTES, totalBytes, sink);
    // After a bitfield or a long extended message the carry goes back to the size of a block.
    if (this.carry.length > LENGTH_FIELD_BYTES + this.maxPieceBytes) this.carry = NO_BYTES;
    return position;
  }

  /** Begins the carry with an incomplete message whose length, as far as known, met its cap. */
  private carryFrom(bytes: Uint8Array, position: number, end: number): void {
    const availableBytes = end - position;
    const totalBytes =
      availableBytes < HEADER_LENGTH_BYTES
        ? HEADER_LENGTH_BYTES
        : LENGTH_FIELD_BYTES + readUint32(bytes, position);
    this.fillCarry(bytes, position, end, totalBytes);
  }

  /** Moves bytes into the carry until it holds `totalBytes`; returns the position after them. */
  private fillCarry(bytes: Uint8Array, start: number, end: number, totalBytes: number): number {
    const movedBytes = Math.min(totalBytes - this.carriedBytes, end - start);
    if (movedBytes <= 0) return start;
    if (this.carry.length < totalBytes) this.growCarry(totalBytes);
    this.carry.set(bytes.subarray(start, start + movedBytes), this.carriedBytes);
    this.carriedBytes += movedBytes;
    return start + movedBytes;
  }

  private growCarry(totalBytes: number): void {
    const blockMessageBytes = LENGTH_FIELD_BYTES + this.maxPieceBytes;
    let capacityBytes = totalBytes;
    if (totalBytes <= SMALL_CARRY_BYTES) capacityBytes = SMALL_CARRY_BYTES;
    else if (totalBytes <= blockMessageBytes) capacityBytes = blockMessageBytes;
    const grown = new Uint8Array(capacityBytes);
    grown.set(this.carry.subarray(0, this.carriedBytes));
    this.carry = grown;
  }

  /** The cap that holds for every id, so that four bytes are enough to refuse 2 GiB. */
  private checkAnyLength(messageBytes: number): void {
    if (messageBytes > this.maxAnyBytes) throw tooLong(undefined, messageBytes, this.maxAnyBytes);
  }

  private checkLength(id: number, messageBytes: number): void {
    switch (id) {
      case MESSAGE_ID.piece:
        this.checkRange(id, messageBytes, PIECE_OVERHEAD_BYTES, this.maxPieceBytes);
        return;
      case MESSAGE_ID.choke:
      case MESSAGE_ID.unchoke:
      case MESSAGE_ID.interested:
      case MESSAGE_ID.notInterested:
      case MESSAGE_ID.haveAll:
      case MESSAGE_ID.haveNone:
        if (messageBytes !== 1) throw badLength(id, messageBytes, 'exactly 1');
        return;
      case MESSAGE_ID.have:
      case MESSAGE_ID.suggestPiece:
      case MESSAGE_ID.allowedFast:
        if (messageBytes !== 5) throw badLength(id, messageBytes, 'exactly 5');
        return;
      case MESSAGE_ID.request:
      case MESSAGE_ID.cancel:
      case MESSAGE_ID.rejectRequest:
        if (messageBytes !== REQUEST_LENGTH_BYTES)
          throw badLength(id, messageBytes, `exactly ${REQUEST_LENGTH_BYTES}`);
        return;
      case MESSAGE_ID.port:
        if (messageBytes !== 3) throw badLength(id, messageBytes, 'exactly 3');
        return;
      case MESSAGE_ID.bitfield:
        this.checkRange(id, messageBytes, 1, this.maxBitfieldBytes);
        return;
      case MESSAGE_ID.extended:
        this.checkRange(id, messageBytes, 2, this.maxExtendedBytes);
        return;
      default:
        this.checkRange(id, messageBytes, 1, MAX_UNKNOWN_BYTES);
    }
  }

  private checkRange(id: number, messageBytes: number, minBytes: number, maxBytes: number): void {
    if (messageBytes > maxBytes) throw tooLong(id, messageBytes, maxBytes);
    if (messageBytes < minBytes) throw badLength(id, messageBytes, `at least ${minBytes}`);
  }
}

/** Passes one whole message of checked length to the sink; `start` is at its id. */
function emit(bytes: Uint8Array, start: number, end: number, sink: WireSink): void {
  const id = bytes[start] as number;
  switch (id) {
    case MESSAGE_ID.piece:
      sink.onBlock(
        readUint32(bytes, start + 1),
        readUint32(bytes, start + 5),
        bytes,
        start + PIECE_OVERHEAD_BYTES,
        end,
      );
      return;
    case MESSAGE_ID.request:
    case MESSAGE_ID.cancel:
      sink.onMessage(blockMessage(id === MESSAGE_ID.request ? 'request' : 'cancel', bytes, start));
      return;
    case MESSAGE_ID.rejectRequest:
      sink.onMessage(blockMessage('reject', bytes, start));
      return;
    case MESSAGE_ID.have:
      sink.onMessage({ type: 'have', piece: readUint32(bytes, start + 1) });
      return;
    case MESSAGE_ID.choke:
      sink.onMessage(CHOKE);
      return;
    case MESSAGE_ID.unchoke:
      sink.onMessage(UNCHOKE);
      return;
    case MESSAGE_ID.interested:
      sink.onMessage(INTERESTED);
      return;
    case MESSAGE_ID.notInterested:
      sink.onMessage(NOT_INTERESTED);
      return;
    case MESSAGE_ID.haveAll:
      sink.onMessage(HAVE_ALL);
      return;
    case MESSAGE_ID.haveNone:
      sink.onMessage(HAVE_NONE);
      return;
    case MESSAGE_ID.suggestPiece:
      sink.onMessage({ type: 'suggest', piece: readUint32(bytes, start + 1) });
      return;
    case MESSAGE_ID.allowedFast:
      sink.onMessage({ type: 'allowed-fast', piece: readUint32(bytes, start + 1) });
      return;
    case MESSAGE_ID.bitfield:
      sink.onMessage({ type: 'bitfield', bits: bytes.subarray(start + 1, end) });
      return;
    case MESSAGE_ID.port:
      sink.onMessage({
        type: 'port',
        port: ((bytes[start + 1] as number) << 8) | (bytes[start + 2] as number),
      });
      return;
    case MESSAGE_ID.extended:
      sink.onMessage({
        type: 'extended',
        id: bytes[start + 1] as number,
        payload: bytes.subarray(start + 2, end),
      });
      return;
    default:
      sink.onMessage({ type: 'unknown', id, lengthBytes: end - start - 1 });
  }
}

/** A message with the three fields of a block; `start` is at its id. */
function blockMessage<Type extends 'request' | 'cancel' | 'reject'>(
  type: Type,
  bytes: Uint8Array,
  start: number,
): { type: Type; piece: number; begin: number; lengthBytes: number } {
  return {
    type,
    piece: readUint32(bytes, start + 1),
    begin: readUint32(bytes, start + 5),
    lengthBytes: readUint32(bytes, start + 9),
  };
}

function tooLong(id: number | undefined, lengthBytes: number, maxBytes: number): MillraceError {
  const which = id === undefined ? 'a message' : `a message of id ${id}`;
  return new MillraceError(
    'message-too-long',
    `${which} announces ${lengthBytes} bytes where at most ${maxBytes} can be needed`,
    id === undefined ? { lengthBytes, maxBytes } : { id, lengthBytes, maxBytes },
  );
}

/** The BEP that defines a message. */
function bepOf(id: number): string {
  return id >= MESSAGE_ID.suggestPiece && id <= MESSAGE_ID.allowedFast ? 'BEP 6' : 'BEP 3';
}

function badLength(id: number, lengthBytes: number, rule: string): MillraceError {
  return new MillraceError(
    'bad-message',
    `a message of id ${id} announces ${lengthBytes} bytes where its type has ${rule} (${bepOf(id)})`,
    { id, lengthBytes },
  );
}
