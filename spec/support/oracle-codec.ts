// A naive codec of the peer wire protocol, written to be read, not to be fast: it holds the whole
// stream, copies everything and trusts every length. The real codec must agree with it.

import type { WireMessage, WireSink } from '../../lib/wire/messages';

export type OracleMessage =
  WireMessage | { type: 'piece'; piece: number; begin: number; block: Uint8Array };

const IDS: Record<string, number> = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  'not-interested': 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9,
  suggest: 13,
  'have-all': 14,
  'have-none': 15,
  reject: 16,
  'allowed-fast': 17,
  extended: 20,
};
const TYPES = new Map(Object.entries(IDS).map(([type, id]) => [id, type]));

function integer(value: number, lengthBytes: number): number[] {
  return Array.from({ length: lengthBytes }, (_, i) =>
    Number((BigInt(value) >> BigInt(8 * (lengthBytes - 1 - i))) & 255n),
  );
}

function toInteger(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

function payloadOf(message: OracleMessage): number[] {
  switch (message.type) {
    case 'have':
    case 'suggest':
    case 'allowed-fast':
      return integer(message.piece, 4);
    case 'bitfield':
      return [...message.bits];
    case 'request':
    case 'cancel':
    case 'reject':
      return [message.piece, message.begin, message.lengthBytes].flatMap((n) => integer(n, 4));
    case 'piece':
      return [...integer(message.piece, 4), ...integer(message.begin, 4), ...message.block];
    case 'port':
      return integer(message.port, 2);
    case 'extended':
      return [message.id, ...message.payload];
    case 'unknown':
      return new Array<number>(message.lengthBytes).fill(0);
    default:
      return [];
  }
}

/** One message as bytes. */
export function oracleEncode(message: OracleMessage): Uint8Array {
  if (message.type === 'keep-alive') return Uint8Array.from([0, 0, 0, 0]);
  const id = message.type === 'unknown' ? message.id : IDS[message.type];
  const body = [id ?? 0, ...payloadOf(message)];
  return Uint8Array.from([...integer(body.length, 4), ...body]);
}

/** Messages one after another. */
export function oracleEncodeAll(messages: readonly OracleMessage[]): Uint8Array {
  return Uint8Array.from(messages.flatMap((message) => [...oracleEncode(message)]));
}

/** Every whole message of a well-formed stream, without an incomplete last one. */
export function oracleDecode(stream: Uint8Array): OracleMessage[] {
  const messages: OracleMessage[] = [];
  let rest = [...stream];
  while (rest.length >= 4) {
    const length = toInteger(rest.slice(0, 4));
    const body = rest.slice(4, 4 + length);
    if (body.length < length) break;
    rest = rest.slice(4 + length);
    messages.push(oracleMessage(body));
  }
  return messages;
}

function oracleMessage(body: readonly number[]): OracleMessage {
  const [id, ...payload] = body;
  if (id === undefined) return { type: 'keep-alive' };
  const type = TYPES.get(id);
  const number = (index: number) => toInteger(payload.slice(4 * index, 4 * index + 4));
  switch (type) {
    case 'choke':
    case 'unchoke':
    case 'interested':
    case 'not-interested':
    case 'have-all':
    case 'have-none':
      return { type };
    case 'suggest':
    case 'allowed-fast':
    case 'have':
      return { type, piece: number(0) };
    case 'bitfield':
      return { type, bits: Uint8Array.from(payload) };
    case 'request':
    case 'cancel':
    case 'reject':
      return { type, piece: number(0), begin: number(1), lengthBytes: number(2) };
    case 'piece':
      return {
        type,
        piece: number(0),
        begin: number(1),
        block: Uint8Array.from(payload.slice(8)),
      };
    case 'port':
      return { type, port: toInteger(payload) };
    case 'extended':
      return { type, id: payload[0] ?? 0, payload: Uint8Array.from(payload.slice(1)) };
    default:
      return { type: 'unknown', id, lengthBytes: payload.length };
  }
}

/** A sink that keeps a copy of everything it receives, blocks as `piece` messages. */
export class CollectingSink implements WireSink {
  readonly messages: OracleMessage[] = [];

  onMessage(message: WireMessage): void {
    if (message.type === 'bitfield') {
      this.messages.push({ ...message, bits: Uint8Array.from(message.bits) });
    } else if (message.type === 'extended') {
      this.messages.push({ ...message, payload: Uint8Array.from(message.payload) });
    } else {
      this.messages.push({ ...message });
    }
  }

  onBlock(piece: number, begin: number, bytes: Uint8Array, start: number, end: number): void {
    this.messages.push({
      type: 'piece',
      piece,
      begin,
      block: Uint8Array.from(bytes.slice(start, end)),
    });
  }
}
