// PURE. The packets of UDP trackers (BEP 15, BEP 41), both ways: clients write requests and read
// replies, our own tracker does the reverse. All integers are big-endian. Packets may be longer
// than specified; shorter ones read as undefined.

import { parseAddress } from '../address/text';
import { SHA1_LENGTH_BYTES } from '../bytes/lengths';
import { COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES } from '../address/compact-peers';
import type { AnnounceEvent, AnnounceRequest, ReceivedAnnounce, ScrapeCounts } from './announce';

/** `action` of a packet (BEP 15). */
export const ACTION = { connect: 0, announce: 1, scrape: 2, error: 3 } as const;

/** Codes of `event`, in an order that differs from HTTP's. */
const EVENT_CODES: Readonly<Record<AnnounceEvent, number>> = {
  completed: 1,
  started: 2,
  stopped: 3,
};
const EVENTS: readonly (AnnounceEvent | undefined)[] = [
  undefined,
  'completed',
  'started',
  'stopped',
];

/** The magic constant 0x41727101980, as its two halves. */
const PROTOCOL_HIGH = 0x417;
const PROTOCOL_LOW = 0x2710_1980;

export const CONNECT_REQUEST_BYTES = 16;
export const ANNOUNCE_REQUEST_BYTES = 98;
const CONNECT_REPLY_BYTES = 16;
const ANNOUNCE_REPLY_BYTES = 20;
/** Action and transaction id: what every reply begins with. */
const REPLY_HEADER_BYTES = 8;
/** Connection id, action, transaction id: what every request but the first begins with. */
export const REQUEST_HEADER_BYTES = 16;
const SCRAPE_ENTRY_BYTES = 12;

/** Offsets of the fields of an announce request. An `ip` of 0 stands for the source of the packet. */
const ANNOUNCE_AT = {
  infoHash: REQUEST_HEADER_BYTES,
  peerId: 36,
  downloaded: 56,
  left: 64,
  uploaded: 72,
  event: 80,
  ip: 84,
  key: 88,
  numWant: 92,
  port: 96,
} as const;

/** More would not fit into a packet of 1,500 bytes (BEP 15: "up to about 74"). */
export const MAX_SCRAPE_HASHES = 74;

/** Longest part of an option, as its length is one byte (BEP 41). */
const MAX_OPTION_BYTES = 255;
/**
 * URL data we send or read: with 98 bytes before it, still one packet of 1,280 bytes (IPv6's least
 * MTU).
 */
export const MAX_URL_DATA_BYTES = 1024;

/** 8 bytes from the tracker; opaque. */
export type ConnectionId = Uint8Array;

// ---- requests, as a client writes them ----

export function encodeConnect(transactionId: number): Uint8Array {
  const packet = Buffer.alloc(CONNECT_REQUEST_BYTES);
  packet.writeUInt32BE(PROTOCOL_HIGH, 0);
  packet.writeUInt32BE(PROTOCOL_LOW, 4);
  packet.writeUInt32BE(ACTION.connect, 8);
  packet.writeUInt32BE(transactionId >>> 0, 12);
  return packet;
}

/**
 * `urlData` is path and query of the tracker's URL, sent as BEP 41 options; none if it is empty.
 */
export function encodeAnnounce(
  connectionId: ConnectionId,
  transactionId: number,
  request: AnnounceRequest,
  urlData: string,
): Uint8Array {
  const options = encodeUrlData(urlData);
  const packet = Buffer.alloc(ANNOUNCE_REQUEST_BYTES + options.length);
  writeHeader(packet, connectionId, ACTION.announce, transactionId);
  packet.set(request.infoHash, ANNOUNCE_AT.infoHash);
  packet.set(request.peerId, ANNOUNCE_AT.peerId);
  writeUint64(packet, request.downloadedBytes, ANNOUNCE_AT.downloaded);
  writeUint64(packet, request.leftBytes, ANNOUNCE_AT.left);
  writeUint64(packet, request.uploadedBytes, ANNOUNCE_AT.uploaded);
  const event = request.event === undefined ? 0 : EVENT_CODES[request.event];
  packet.writeUInt32BE(event, ANNOUNCE_AT.event);
  const ip = request.ip === undefined ? undefined : parseAddress(request.ip);
  if (ip?.length === 4) packet.set(ip, ANNOUNCE_AT.ip);
  packet.writeUInt32BE(request.key >>> 0, ANNOUNCE_AT.key);
  packet.writeInt32BE(Math.min(request.numWant, 0x7fff_ffff), ANNOUNCE_AT.numWant);
  packet.writeUInt16BE(request.port, ANNOUNCE_AT.port);
  packet.set(options, ANNOUNCE_REQUEST_BYTES);
  return packet;
}

export function encodeScrape(
  connectionId: ConnectionId,
  transactionId: number,
  infoHashes: readonly Uint8Array[],
): Uint8Array {
  const packet = Buffer.alloc(REQUEST_HEADER_BYTES + SHA1_LENGTH_BYTES * infoHashes.length);
  writeHeader(packet, connectionId, ACTION.scrape, transactionId);
  infoHashes.forEach((hash, index) =>
    packet.set(hash, REQUEST_HEADER_BYTES + SHA1_LENGTH_BYTES * index),
  );
  return packet;
}

function writeHeader(
  packet: Buffer,
  id: ConnectionId,
  action: number,
  transactionId: number,
): void {
  packet.set(id, 0);
  packet.writeUInt32BE(action, 8);
  packet.writeUInt32BE(transactionId >>> 0, 12);
}

function writeUint64(packet: Buffer, value: number, at: number): void {
  packet.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  packet.writeUInt32BE(value % 2 ** 32, at + 4);
}

function readUint64(packet: Buffer, at: number): number {
  return packet.readUInt32BE(at) * 2 ** 32 + packet.readUInt32BE(at + 4);
}

function encodeUrlData(urlData: string): Uint8Array {
  const bytes = Buffer.from(urlData, 'utf8');
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += MAX_OPTION_BYTES) {
    const part = bytes.subarray(at, at + MAX_OPTION_BYTES);
    parts.push(Uint8Array.of(0x2, part.length), part);
  }
  return Buffer.concat(parts);
}

// ---- replies, as a client reads them ----

/** The transaction a reply belongs to; undefined for a packet too short to have one. */
export function transactionOf(packet: Uint8Array): number | undefined {
  return packet.length < REPLY_HEADER_BYTES ? undefined : viewOf(packet).getUint32(4);
}

export type UdpReply =
  | { readonly action: 'connect'; readonly connectionId: ConnectionId }
  | {
      readonly action: 'announce';
      readonly intervalSec: number;
      readonly leechers: number;
      readonly seeds: number;
      /**
       * Packed peers, 6 or 18 bytes each by the address family of the packet; only complete ones.
       */
      readonly peers: Uint8Array;
    }
  | { readonly action: 'scrape'; readonly counts: readonly ScrapeCounts[] }
  | { readonly action: 'error'; readonly message: Uint8Array };

/**
 * Decodes a reply; undefined if it is too short or has an unknown action. `family` is that of the
 * packet's source, which determines the stride (BEP 15). The result is a copy.
 */
export function decodeReply(packet: Uint8Array, family: 4 | 6): UdpReply | undefined {
  if (packet.length < REPLY_HEADER_BYTES) return undefined;
  const view = viewOf(packet);
  switch (view.getUint32(0)) {
    case ACTION.connect:
      if (packet.length < CONNECT_REPLY_BYTES) return undefined;
      return { action: 'connect', connectionId: Uint8Array.from(packet.subarray(8, 16)) };
    case ACTION.announce: {
      if (packet.length < ANNOUNCE_REPLY_BYTES) return undefined;
      const stride = family === 4 ? COMPACT_IPV4_BYTES : COMPACT_IPV6_BYTES;
      const whole = Math.floor((packet.length - ANNOUNCE_REPLY_BYTES) / stride) * stride;
      return {
        action: 'announce',
        intervalSec: view.getUint32(8),
        leechers: view.getUint32(12),
        seeds: view.getUint32(16),
        peers: Uint8Array.from(packet.subarray(ANNOUNCE_REPLY_BYTES, ANNOUNCE_REPLY_BYTES + whole)),
      };
    }
    case ACTION.scrape: {
      const counts: ScrapeCounts[] = [];
      for (let at = 8; at + SCRAPE_ENTRY_BYTES <= packet.length; at += SCRAPE_ENTRY_BYTES) {
        counts.push({
          seeds: view.getUint32(at),
          completed: view.getUint32(at + 4),
          leechers: view.getUint32(at + 8),
        });
      }
      return { action: 'scrape', counts };
    }
    case ACTION.error:
      return { action: 'error', message: Uint8Array.from(packet.subarray(8)) };
    default:
      return undefined;
  }
}

function viewOf(packet: Uint8Array): DataView {
  return new DataView(packet.buffer, packet.byteOffset, packet.length);
}

// ---- requests, as a tracker reads them ----

/** Whether the packet requests a connection id: 16 bytes or more, the magic constant, action 0. */
export function isConnect(packet: Buffer): boolean {
  return (
    packet.length >= CONNECT_REQUEST_BYTES &&
    packet.readUInt32BE(0) === PROTOCOL_HIGH &&
    packet.readUInt32BE(4) === PROTOCOL_LOW &&
    packet.readUInt32BE(8) === ACTION.connect
  );
}

/**
 * Decodes an announce request of at least 98 bytes for the registry: ids are views of the packet,
 * `numWant` is undefined for −1 (any number), and unknown events are ignored.
 */
export function decodeAnnounce(packet: Buffer, address: Uint8Array): ReceivedAnnounce | undefined {
  if (packet.length < ANNOUNCE_REQUEST_BYTES) return undefined;
  const numWant = packet.readInt32BE(ANNOUNCE_AT.numWant);
  return {
    infoHash: packet.subarray(ANNOUNCE_AT.infoHash, ANNOUNCE_AT.peerId),
    peerId: packet.subarray(ANNOUNCE_AT.peerId, ANNOUNCE_AT.downloaded),
    address,
    port: packet.readUInt16BE(ANNOUNCE_AT.port),
    leftBytes: readUint64(packet, ANNOUNCE_AT.left),
    event: EVENTS[packet.readUInt32BE(ANNOUNCE_AT.event)],
    numWant: numWant < 0 ? undefined : numWant,
    families: 'own',
  };
}

/**
 * Path and query of the tracker URL that the client used (BEP 41); an invalid option ends the
 * options.
 */
export function decodeUrlData(packet: Uint8Array): string {
  const parts: Uint8Array[] = [];
  let at = ANNOUNCE_REQUEST_BYTES;
  let total = 0;
  while (at < packet.length) {
    const option = packet[at] ?? 0;
    at += 1;
    if (option === 0) break;
    if (option === 1) continue;
    const length = packet[at];
    at += 1;
    if (length === undefined || at + length > packet.length) break;
    total += length;
    if (total > MAX_URL_DATA_BYTES) break;
    if (option === 2) parts.push(packet.subarray(at, at + length));
    at += length;
  }
  return Buffer.concat(parts).toString('utf8');
}

/** The info hashes of a scrape request, as views; only complete ones, and at most 74. */
export function decodeScrape(packet: Buffer): Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (
    let at = REQUEST_HEADER_BYTES;
    at + SHA1_LENGTH_BYTES <= packet.length;
    at += SHA1_LENGTH_BYTES
  ) {
    if (hashes.length === MAX_SCRAPE_HASHES) break;
    hashes.push(packet.subarray(at, at + SHA1_LENGTH_BYTES));
  }
  return hashes;
}

// ---- replies, as a tracker writes them ----

export function encodeConnectReply(transactionId: number, connectionId: ConnectionId): Buffer {
  const packet = Buffer.allocUnsafe(CONNECT_REPLY_BYTES);
  packet.writeUInt32BE(ACTION.connect, 0);
  packet.writeUInt32BE(transactionId, 4);
  packet.set(connectionId, 8);
  return packet;
}

/** `peers` is already packed, in the form of the client's address family. */
export function encodeAnnounceReply(
  transactionId: number,
  intervalSec: number,
  counts: { readonly seeds: number; readonly leechers: number },
  peers: Uint8Array,
): Buffer {
  const packet = Buffer.allocUnsafe(ANNOUNCE_REPLY_BYTES + peers.length);
  packet.writeUInt32BE(ACTION.announce, 0);
  packet.writeUInt32BE(transactionId, 4);
  packet.writeUInt32BE(intervalSec, 8);
  packet.writeUInt32BE(counts.leechers, 12);
  packet.writeUInt32BE(counts.seeds, 16);
  packet.set(peers, ANNOUNCE_REPLY_BYTES);
  return packet;
}

export function encodeScrapeReply(transactionId: number, counts: readonly ScrapeCounts[]): Buffer {
  const packet = Buffer.allocUnsafe(REPLY_HEADER_BYTES + SCRAPE_ENTRY_BYTES * counts.length);
  packet.writeUInt32BE(ACTION.scrape, 0);
  packet.writeUInt32BE(transactionId, 4);
  counts.forEach(({ seeds, completed, leechers }, index) => {
    const at = REPLY_HEADER_BYTES + SCRAPE_ENTRY_BYTES * index;
    packet.writeUInt32BE(seeds, at);
    packet.writeUInt32BE(completed, at + 4);
    packet.writeUInt32BE(leechers, at + 8);
  });
  return packet;
}

export function encodeError(transactionId: number, message: string): Buffer {
  const text = Buffer.from(message, 'utf8');
  const packet = Buffer.allocUnsafe(REPLY_HEADER_BYTES + text.length);
  packet.writeUInt32BE(ACTION.error, 0);
  packet.writeUInt32BE(transactionId, 4);
  packet.set(text, REPLY_HEADER_BYTES);
  return packet;
}
