// One connection as TCP segments that could have carried it: addresses, ports, sequence and
// acknowledgement numbers, checksums. The real segments are not visible above the socket.

import type { PacketBuffer } from './pcapng';

/** One side of the connection; `address` has 4 or 16 bytes, equal for both sides. */
export interface Endpoint {
  readonly address: Uint8Array;
  readonly port: number;
}

const FLAG = { fin: 0x01, syn: 0x02, push: 0x08, ack: 0x10 } as const;

const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const TCP_HEADER_BYTES = 20;
const PROTOCOL_TCP = 6;
const TTL = 64;
const DONT_FRAGMENT = 0x40;

/** 65,535 × 2^14, the largest window: no reader may report a full window. */
const WINDOW = 0xffff;
/** Fits an IPv4 packet (65,535 bytes) with all headers, and holds a `piece` message of 16 KiB. */
export const MAX_SEGMENT_BYTES = 32_768;

/** Maximum segment size; window scale 14 (RFC 7323), padded with a no-operation to four bytes. */
const SYN_OPTIONS = Uint8Array.of(2, 4, MAX_SEGMENT_BYTES >>> 8, 0, 3, 3, 14, 1);

const NOTHING = new Uint8Array(0);

export class TcpFlow {
  private readonly out: PacketBuffer;
  private readonly ours: Endpoint;
  private readonly theirs: Endpoint;
  private readonly ipBytes: number;
  private readonly header: Uint8Array;
  /** The next sequence number of each side, 32 bits. */
  private ourNext: number;
  private theirNext: number;

  /** `initial`: the initial sequence number of both sides, different for each connection. */
  constructor(out: PacketBuffer, ours: Endpoint, theirs: Endpoint, initial: number) {
    this.out = out;
    this.ours = ours;
    this.theirs = theirs;
    this.ipBytes = ours.address.length === 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    this.header = new Uint8Array(this.ipBytes + TCP_HEADER_BYTES + SYN_OPTIONS.length);
    this.ourNext = initial >>> 0;
    this.theirNext = initial >>> 0;
  }

  /** SYN, SYN-ACK, ACK; `weDialled`: we send the first SYN. */
  open(weDialled: boolean, timeUs: number): void {
    this.write(weDialled, FLAG.syn, timeUs);
    this.write(!weDialled, FLAG.syn | FLAG.ack, timeUs);
    this.write(weDialled, FLAG.ack, timeUs);
  }

  /** A segment with the first `keptBytes` of `bytes`; `cutBytes` more belonged to it. */
  data(
    isOurs: boolean,
    bytes: Uint8Array,
    keptBytes: number,
    cutBytes: number,
    timeUs: number,
  ): void {
    this.write(isOurs, FLAG.push | FLAG.ack, timeUs, bytes, keptBytes, cutBytes);
  }

  /** FIN of both sides, with the last acknowledgement; the first FIN has the comment. */
  close(isOurs: boolean, comment: string, timeUs: number): void {
    this.write(isOurs, FLAG.fin | FLAG.ack, timeUs, NOTHING, 0, 0, comment);
    this.write(!isOurs, FLAG.fin | FLAG.ack, timeUs);
    this.write(isOurs, FLAG.ack, timeUs);
  }

  private write(
    isOurs: boolean,
    flags: number,
    timeUs: number,
    payload: Uint8Array = NOTHING,
    keptBytes = 0,
    cutBytes = 0,
    comment = '',
  ): void {
    const from = isOurs ? this.ours : this.theirs;
    const to = isOurs ? this.theirs : this.ours;
    const options = (flags & FLAG.syn) === 0 ? NOTHING : SYN_OPTIONS;
    const tcpBytes = TCP_HEADER_BYTES + options.length;
    const dataBytes = keptBytes + cutBytes;
    this.writeIp(from, to, tcpBytes + dataBytes);
    const acknowledged = isOurs ? this.theirNext : this.ourNext;
    const { header, ipBytes } = this;
    put16(header, ipBytes, from.port);
    put16(header, ipBytes + 2, to.port);
    put32(header, ipBytes + 4, isOurs ? this.ourNext : this.theirNext);
    put32(header, ipBytes + 8, (flags & FLAG.ack) === 0 ? 0 : acknowledged);
    header[ipBytes + 12] = (tcpBytes / 4) << 4;
    header[ipBytes + 13] = flags;
    put16(header, ipBytes + 14, WINDOW);
    put32(header, ipBytes + 16, 0); // Checksum, and no urgent pointer.
    header.set(options, ipBytes + TCP_HEADER_BYTES);
    // Without the complete payload the checksum cannot be verified: it stays 0.
    if (cutBytes === 0) {
      const pseudo =
        sumOf(from.address, 0, from.address.length) + sumOf(to.address, 0, to.address.length);
      const whole = pseudo + PROTOCOL_TCP + tcpBytes + dataBytes;
      const sum = whole + sumOf(header, ipBytes, ipBytes + tcpBytes) + sumOf(payload, 0, keptBytes);
      put16(header, ipBytes + 16, complementOf(sum));
    }
    this.out.packet(timeUs, header, ipBytes + tcpBytes, payload, 0, keptBytes, cutBytes, comment);
    const advance = dataBytes + ((flags & (FLAG.syn | FLAG.fin)) === 0 ? 0 : 1);
    if (isOurs) this.ourNext = (this.ourNext + advance) >>> 0;
    else this.theirNext = (this.theirNext + advance) >>> 0;
  }

  private writeIp(from: Endpoint, to: Endpoint, payloadBytes: number): void {
    const { header, ipBytes } = this;
    if (ipBytes === IPV6_HEADER_BYTES) {
      put32(header, 0, 0x60000000);
      put16(header, 4, payloadBytes);
      header[6] = PROTOCOL_TCP;
      header[7] = TTL;
      header.set(from.address, 8);
      header.set(to.address, 24);
      return;
    }
    put32(header, 0, (0x4500 << 16) | (IPV4_HEADER_BYTES + payloadBytes));
    put32(header, 4, DONT_FRAGMENT << 8);
    header[8] = TTL;
    header[9] = PROTOCOL_TCP;
    put16(header, 10, 0);
    header.set(from.address, 12);
    header.set(to.address, 16);
    put16(header, 10, complementOf(sumOf(header, 0, IPV4_HEADER_BYTES)));
  }
}

/** Sum of 16-bit words; an odd last byte is the high half of one (RFC 1071). */
function sumOf(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  let at = start;
  for (; at + 1 < end; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  return at < end ? sum + ((bytes[at] as number) << 8) : sum;
}

/** The sum has few more than 2^14 words: far below 2^31. */
function complementOf(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}

function put16(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 8;
  target[at + 1] = value;
}

function put32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}
