// The 68 bytes that open a peer connection (BEP 3): encoded as a whole, decoded from any split of
// the stream, and refused at the first impossible byte.

import { PEER_ID_LENGTH_BYTES, SHA1_LENGTH_BYTES } from '../bytes/lengths';
import { MillraceError } from '../errors/millrace-error';
import type { Handshake } from './messages';

const PROTOCOL = Uint8Array.from('BitTorrent protocol', (letter) => letter.charCodeAt(0));
const RESERVED_START = 1 + PROTOCOL.length;
const RESERVED_LENGTH_BYTES = 8;
const INFO_HASH_START = RESERVED_START + RESERVED_LENGTH_BYTES;
const PEER_ID_START = INFO_HASH_START + SHA1_LENGTH_BYTES;

/** 1 + 19 + 8 reserved + 20 info hash + 20 peer id (BEP 3). */
export const HANDSHAKE_LENGTH_BYTES = PEER_ID_START + PEER_ID_LENGTH_BYTES;

/**
 * The first byte: the length of the protocol's name (BEP 3). An encrypted handshake begins with random
 * bytes, so its first byte is nearly always another one.
 */
export const HANDSHAKE_FIRST_BYTE = PROTOCOL.length;

// BEP 10: bit 20 from the right of the 64 reserved bits announces the extension protocol.
const EXTENSIONS_BYTE = 5;
const EXTENSIONS_BIT = 0x10;
// BEP 6: the third least significant bit of the last reserved byte announces the fast extension.
const FAST_BYTE = 7;
const FAST_BIT = 0x04;

/** Whether the sender of these reserved bytes supports the extension protocol (BEP 10). */
export function supportsExtensions(reserved: Uint8Array): boolean {
  return ((reserved[EXTENSIONS_BYTE] ?? 0) & EXTENSIONS_BIT) !== 0;
}

/** Whether the sender of these reserved bytes supports the fast extension (BEP 6). */
export function supportsFast(reserved: Uint8Array): boolean {
  return ((reserved[FAST_BYTE] ?? 0) & FAST_BIT) !== 0;
}

/**
 * Our handshake. The info hash and peer id are 20 raw bytes each; the extension protocol (BEP 10)
 * is always announced, the fast extension (BEP 6) if `fast` says so, on top of the 8 `reserved`
 * bytes if given (default: all zero).
 */
export function encodeHandshake(handshake: {
  readonly infoHash: Uint8Array;
  readonly peerId: Uint8Array;
  readonly reserved?: Uint8Array;
  readonly fast?: boolean;
}): Uint8Array {
  const { infoHash, peerId, reserved, fast = false } = handshake;
  if (infoHash.length !== SHA1_LENGTH_BYTES || peerId.length !== PEER_ID_LENGTH_BYTES) {
    throw new MillraceError('unexpected', 'an info hash and a peer id have 20 raw bytes each');
  }
  if (reserved !== undefined && reserved.length !== RESERVED_LENGTH_BYTES) {
    throw new MillraceError('unexpected', 'a handshake has 8 reserved bytes');
  }
  const bytes = new Uint8Array(HANDSHAKE_LENGTH_BYTES);
  bytes[0] = HANDSHAKE_FIRST_BYTE;
  bytes.set(PROTOCOL, 1);
  if (reserved !== undefined) bytes.set(reserved, RESERVED_START);
  setBits(bytes, RESERVED_START + EXTENSIONS_BYTE, EXTENSIONS_BIT);
  if (fast) setBits(bytes, RESERVED_START + FAST_BYTE, FAST_BIT);
  bytes.set(infoHash, INFO_HASH_START);
  bytes.set(peerId, PEER_ID_START);
  return bytes;
}

function setBits(bytes: Uint8Array, at: number, bits: number): void {
  bytes[at] = (bytes[at] ?? 0) | bits;
}

/** The fields of a whole handshake, copied; the name of the protocol is not looked at. */
export function handshakeFields(bytes: Uint8Array): Handshake {
  return {
    reserved: bytes.slice(RESERVED_START, INFO_HASH_START),
    infoHash: bytes.slice(INFO_HASH_START, PEER_ID_START),
    peerId: bytes.slice(PEER_ID_START, HANDSHAKE_LENGTH_BYTES),
  };
}

/** Collects the peer's handshake; what follows in the stream belongs to `WireDecoder`. */
export class HandshakeDecoder {
  private readonly gathered = new Uint8Array(HANDSHAKE_LENGTH_BYTES);
  private gatheredBytes = 0;
  private complete: Handshake | undefined;

  /** No byte has arrived yet. */
  get isEmpty(): boolean {
    return this.gatheredBytes === 0;
  }

  /** Set once all 68 bytes have arrived; its arrays are copies and may be kept. */
  get handshake(): Handshake | undefined {
    return this.complete;
  }

  /**
   * Reads bytes `start` … `end` of the caller's buffer and returns the number used: fewer than
   * given only when the handshake is complete.
   *
   * Throws MillraceError `encrypted-handshake` for a first byte other than 19 (the peer then often
   * reconnects in plain text, if closed at once) and `bad-handshake` for another protocol name.
   */
  feed(bytes: Uint8Array, start: number, end: number): number {
    const usedBytes = Math.min(end - start, HANDSHAKE_LENGTH_BYTES - this.gatheredBytes);
    for (let i = 0; i < usedBytes; i += 1) {
      const byte = bytes[start + i] ?? 0;
      const position = this.gatheredBytes;
      if (position < RESERVED_START) checkProtocolByte(position, byte);
      this.gathered[position] = byte;
      this.gatheredBytes += 1;
    }
    if (this.complete === undefined && this.gatheredBytes === HANDSHAKE_LENGTH_BYTES) {
      this.complete = handshakeFields(this.gathered);
    }
    return usedBytes;
  }
}

function checkProtocolByte(position: number, byte: number): void {
  if (position === 0) {
    if (byte === HANDSHAKE_FIRST_BYTE) return;
    throw new MillraceError(
      'encrypted-handshake',
      `the handshake begins with byte ${byte}, not ${HANDSHAKE_FIRST_BYTE} (BEP 3): encrypted handshakes are not supported`,
      { byte },
    );
  }
  if (byte !== PROTOCOL[position - 1]) {
    throw new MillraceError(
      'bad-handshake',
      `byte ${position} of the handshake is ${byte}: the protocol is not "BitTorrent protocol" (BEP 3)`,
      { position, byte },
    );
  }
}
