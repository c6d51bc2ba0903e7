// Divides the packets of UDP trackers (BEP 15, BEP 41) into labelled byte ranges, in both
// directions. Ranges cover every byte once, in order, for any bytes.

import type { ByteRange } from './hexdump';
import { toHex } from '../bytes/hex';
import { PEER_ID_LENGTH_BYTES, SHA1_LENGTH_BYTES } from '../bytes/lengths';
import { formatAddress } from '../address/text';
import { COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES } from '../address/compact-peers';
import { DEFAULT_MAX_PEERS } from './dissect-bencode';
import type { DissectOptions } from './dissect-bencode';
import { bytesInWords, peerInWords } from './dissect-values';
import { ACTION, isConnect } from '../tracker/udp-codec';

type Words = (bytes: Uint8Array) => string;
/** Label, length in bytes, and formatter. */
type Field = readonly [label: string, lengthBytes: number, words: Words];

const ACTION_NAMES = Object.fromEntries(
  Object.entries(ACTION).map(([name, code]) => [String(code), name]),
);
/** In the order of their codes. */
const EVENT_NAMES = ['none', 'completed', 'started', 'stopped'];

const view = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const hex: Words = (bytes) => `0x${toHex(bytes)}`;
const unsigned: Words = (bytes) =>
  bytes.length === 8
    ? view(bytes).getBigUint64(0).toString()
    : String(bytes.length === 4 ? view(bytes).getUint32(0) : view(bytes).getUint16(0));
const signed: Words = (bytes) => String(view(bytes).getInt32(0));
const named =
  (names: Readonly<Record<string, string>> | readonly string[]): Words =>
  (bytes) => {
    const code = unsigned(bytes);
    const name = (names as Readonly<Record<string, string>>)[code];
    return `${code} (${name ?? 'unknown'})`;
  };
const address: Words = (bytes) =>
  bytes.every((byte) => byte === 0)
    ? '0 (where the packet comes from)'
    : (formatAddress(bytes) ?? hex(bytes));

const ACTION_FIELD: Field = ['action', 4, named(ACTION_NAMES)];
const TRANSACTION: Field = ['transaction id', 4, hex];
const CONNECTION: Field = ['connection id', 8, hex];
const CONNECT_REQUEST: readonly Field[] = [['protocol id', 8, hex], ACTION_FIELD, TRANSACTION];
const REQUEST: readonly Field[] = [CONNECTION, ACTION_FIELD, TRANSACTION];
const REPLY: readonly Field[] = [ACTION_FIELD, TRANSACTION];
const ANNOUNCE_REQUEST: readonly Field[] = [
  ['info_hash', SHA1_LENGTH_BYTES, toHex],
  ['peer_id', PEER_ID_LENGTH_BYTES, bytesInWords],
  ['downloaded', 8, unsigned],
  ['left', 8, unsigned],
  ['uploaded', 8, unsigned],
  ['event', 4, named(EVENT_NAMES)],
  ['IP address', 4, address],
  ['key', 4, hex],
  ['numwant', 4, signed],
  ['port', 2, unsigned],
];
const ANNOUNCE_REPLY: readonly Field[] = [
  ['interval', 4, unsigned],
  ['leechers', 4, unsigned],
  ['seeds', 4, unsigned],
];
const SCRAPE_ENTRY = ['seeds', 'completed', 'leechers'];

/** A packet from a client. */
export function dissectUdpRequest(packet: Uint8Array): ByteRange[] {
  const cursor = new Cursor(packet);
  if (isConnect(Buffer.from(packet.buffer, packet.byteOffset, packet.length))) {
    cursor.fields(CONNECT_REQUEST);
    return cursor.end();
  }
  cursor.fields(REQUEST);
  const action = packet.length < 12 ? undefined : view(packet).getUint32(8);
  if (action === ACTION.announce) {
    cursor.fields(ANNOUNCE_REQUEST);
    while (cursor.left > 0) urlDataOption(cursor);
  } else if (action === ACTION.scrape) {
    for (let index = 0; cursor.left >= SHA1_LENGTH_BYTES; index += 1) {
      cursor.field([`info_hash[${index}]`, SHA1_LENGTH_BYTES, toHex]);
    }
  }
  return cursor.end();
}

/** A packet from a tracker; `family` is that of its source. */
export function dissectUdpReply(
  packet: Uint8Array,
  family: 4 | 6,
  { maxPeers = DEFAULT_MAX_PEERS }: DissectOptions = {},
): ByteRange[] {
  const cursor = new Cursor(packet);
  cursor.fields(REPLY);
  const action = packet.length < 4 ? undefined : view(packet).getUint32(0);
  if (action === ACTION.connect) cursor.field(CONNECTION);
  else if (action === ACTION.error) cursor.field(['message', cursor.left, bytesInWords]);
  else if (action === ACTION.announce && cursor.left > 0) {
    cursor.fields(ANNOUNCE_REPLY);
    const stride = family === 4 ? COMPACT_IPV4_BYTES : COMPACT_IPV6_BYTES;
    const count = Math.floor(cursor.left / stride);
    const listed = Math.min(count, maxPeers);
    for (let index = 0; index < listed; index += 1) {
      cursor.field([`peers[${index}]`, stride, peerInWords]);
    }
    const more = count - listed;
    if (more > 0) cursor.field(['peers', more * stride, () => `and ${more} more`]);
  } else if (action === ACTION.scrape) {
    for (let index = 0; cursor.left >= 12; index += 1) {
      for (const name of SCRAPE_ENTRY) cursor.field([`${name}[${index}]`, 4, unsigned]);
    }
  }
  return cursor.end();
}

/** The kind of a packet in two words: `announce request`. */
export function udpPacketName(packet: Uint8Array, direction: 'sent' | 'received'): string {
  const actionAt = direction === 'sent' ? 8 : 0;
  const code = packet.length < actionAt + 4 ? '' : String(view(packet).getUint32(actionAt));
  const name = ACTION_NAMES[code] ?? 'unknown';
  return `${name} ${direction === 'sent' ? 'request' : 'reply'}`;
}

/** BEP 41: 0 ends the options, 1 is filler, 2 contains a part of the URL's path and query. */
function urlDataOption(cursor: Cursor): void {
  const [type = 0, lengthBytes = 0] = cursor.peek(2);
  if (type === 0) return cursor.field(['options end', 1, () => ''], 'frame');
  if (type === 1) return cursor.field(['option: nothing', 1, () => ''], 'frame');
  cursor.field([type === 2 ? 'option: URL data' : `option ${type}`, 2, lengthOf], 'frame');
  if (lengthBytes > 0 && cursor.left > 0) {
    cursor.field([type === 2 ? 'URL data' : 'option data', lengthBytes, bytesInWords]);
  }
}

function lengthOf([, length = 0]: Uint8Array): string {
  return `${length} bytes`;
}

class Cursor {
  private readonly packet: Uint8Array;
  private readonly ranges: ByteRange[] = [];
  private at = 0;

  constructor(packet: Uint8Array) {
    this.packet = packet;
  }

  get left(): number {
    return this.packet.length - this.at;
  }

  peek(count: number): Uint8Array {
    return this.packet.subarray(this.at, this.at + count);
  }

  fields(fields: readonly Field[]): void {
    for (const field of fields) this.field(field);
  }

  /** One field, or the available part of it; nothing at the end of the packet. */
  field([label, lengthBytes, words]: Field, kind: ByteRange['kind'] = 'field'): void {
    if (this.left === 0) return;
    const bytes = this.peek(lengthBytes);
    const whole = bytes.length === lengthBytes;
    this.put(
      bytes.length,
      whole ? kind : 'bad',
      label,
      whole ? words(bytes) : `cut short: ${bytes.length} of ${lengthBytes} bytes`,
    );
  }

  /** Bytes that the format does not explain become the last range. */
  end(): ByteRange[] {
    if (this.left > 0) this.put(this.left, 'bad', 'left over', bytesInWords(this.peek(this.left)));
    return this.ranges;
  }

  private put(lengthBytes: number, kind: ByteRange['kind'], label: string, value: string): void {
    const startByte = this.at;
    this.at += lengthBytes;
    this.ranges.push({ startByte, endByte: this.at, kind, label, value });
  }
}
