// The messages that the benches' own peers exchange with the clients under test: the few messages
// of BEP 3 that a transfer needs. Decoding is lib/wire's.

import { encode } from '../../lib/bencode/encode';
import { encodeHandshake } from '../../lib/wire/handshake';
import { MESSAGE_ID } from '../../lib/wire/messages';

/** Our `reqq`, the requests held for one peer; libtorrent and transmission send the same. */
const REQUEST_QUEUE = 2000;

const PEER_ID_BYTES = 20;

export function handshake(infoHash: string, number: number): Uint8Array {
  const peerId = Buffer.alloc(
    PEER_ID_BYTES,
    `-BE0001-${String(number).padStart(12, '0')}`,
    'latin1',
  );
  return encodeHandshake({ infoHash: Buffer.from(infoHash, 'hex'), peerId });
}

/** BEP 10 handshake without extensions; it sends `reqq`, so that clients use the full queue. */
export function extendedHandshake(): Buffer {
  const payload = encode({ m: {}, reqq: REQUEST_QUEUE });
  return message(MESSAGE_ID.extended, Buffer.concat([Buffer.from([0]), payload]));
}

/** The bitfield of a seed. */
export function fullBitfield(pieceCount: number): Buffer {
  const bits = Buffer.alloc(Math.ceil(pieceCount / 8), 0xff);
  const spare = bits.length * 8 - pieceCount;
  bits[bits.length - 1] = (0xff << spare) & 0xff;
  return message(MESSAGE_ID.bitfield, bits);
}

export function message(id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + payload.length);
  head[4] = id;
  return Buffer.concat([head, payload]);
}
