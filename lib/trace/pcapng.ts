// pcapng as Wireshark and tcpdump read it (draft-ietf-opsawg-pcapng): a section header, one
// interface of raw IP packets, then a block per packet. Own code: no npm package that writes it is
// maintained.

/** Block types, and the option codes used in them. */
const BLOCK = { sectionHeader: 0x0a0d0d0a, interface: 1, enhancedPacket: 6 } as const;
const OPTION = { end: 0, comment: 1, userApplication: 4, interfaceName: 2, timeResolution: 9 };

/** Readers learn the byte order from it: ours is little-endian. */
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Packets begin with an IPv4 or IPv6 header; its version says which (LINKTYPE_RAW). */
const LINK_TYPE_RAW = 101;

/** No length limit of the interface; each packet states its own captured length. */
const NO_SNAPLEN = 0;

/** 10^-6 s. */
const MICROSECONDS = 6;

/** Type, length, interface, time (8), captured and original length. */
const PACKET_HEADER_BYTES = 28;
/** The length again, at the end of every block. */
const TRAILER_BYTES = 4;
const OPTION_HEADER_BYTES = 4;

/** Longer comments are cut: the words of a peer may be in them. */
const MAX_COMMENT_BYTES = 1024;

const INITIAL_CAPACITY_BYTES = 65_536;
const NOTHING = new Uint8Array(0);

/** What a file begins with. `application`: who wrote it. */
export function encodeFileHeader(application: string): Uint8Array {
  const encoder = new TextEncoder();
  const section = block(
    BLOCK.sectionHeader,
    // Version 1.0; a section of unknown length.
    [u32(BYTE_ORDER_MAGIC), u16(1), u16(0), u32(0xffffffff), u32(0xffffffff)],
    [option(OPTION.userApplication, encoder.encode(application)), option(OPTION.end)],
  );
  const network = block(
    BLOCK.interface,
    [u16(LINK_TYPE_RAW), u16(0), u32(NO_SNAPLEN)],
    [
      option(OPTION.interfaceName, encoder.encode('peers')),
      option(OPTION.timeResolution, Uint8Array.of(MICROSECONDS)),
      option(OPTION.end),
    ],
  );
  return concat([section, network]);
}

/** Gathers packets, so that many leave in one write. */
export class PacketBuffer {
  private buffer = new Uint8Array(INITIAL_CAPACITY_BYTES);
  private view = new DataView(this.buffer.buffer);
  private usedBytes = 0;

  get lengthBytes(): number {
    return this.usedBytes;
  }

  /**
   * Appends a packet: `headerBytes` of `header`, then `start` … `end` of `payload`, all copied.
   * `timeUs` counts from 1970; `cutBytes` more bytes belonged to it and are not kept.
   */
  packet(
    timeUs: number,
    header: Uint8Array,
    headerBytes: number,
    payload: Uint8Array,
    start: number,
    end: number,
    cutBytes: number,
    comment = '',
  ): void {
    const capturedBytes = headerBytes + end - start;
    const note = comment === '' ? NOTHING : encodeNote(comment);
    const optionsBytes =
      note.length === 0 ? 0 : OPTION_HEADER_BYTES + padded(note.length) + OPTION_HEADER_BYTES;
    const blockBytes = PACKET_HEADER_BYTES + padded(capturedBytes) + optionsBytes + TRAILER_BYTES;
    const at = this.reserve(blockBytes);
    const { view, buffer } = this;
    view.setUint32(at, BLOCK.enhancedPacket, true);
    view.setUint32(at + 4, blockBytes, true);
    view.setUint32(at + 8, 0, true); // the first and only interface
    view.setUint32(at + 12, Math.floor(timeUs / 2 ** 32), true);
    view.setUint32(at + 16, timeUs % 2 ** 32, true);
    view.setUint32(at + 20, capturedBytes, true);
    view.setUint32(at + 24, capturedBytes + cutBytes, true);
    let position = at + PACKET_HEADER_BYTES;
    buffer.set(header.subarray(0, headerBytes), position);
    buffer.set(payload.subarray(start, end), position + headerBytes);
    buffer.fill(0, position + capturedBytes, position + padded(capturedBytes));
    position += padded(capturedBytes);
    if (note.length > 0) {
      view.setUint16(position, OPTION.comment, true);
      view.setUint16(position + 2, note.length, true);
      buffer.set(note, position + OPTION_HEADER_BYTES);
      const noteEnd = position + OPTION_HEADER_BYTES + note.length;
      position += OPTION_HEADER_BYTES + padded(note.length);
      buffer.fill(0, noteEnd, position);
      view.setUint32(position, OPTION.end, true); // code and length, both 0
      position += OPTION_HEADER_BYTES;
    }
    view.setUint32(position, blockBytes, true);
  }

  /** What was gathered, valid until the next `packet`; resets. */
  take(): Uint8Array {
    const taken = this.buffer.subarray(0, this.usedBytes);
    this.usedBytes = 0;
    return taken;
  }

  private reserve(bytes: number): number {
    const at = this.usedBytes;
    this.usedBytes += bytes;
    if (this.usedBytes > this.buffer.length) {
      const grown = new Uint8Array(Math.max(2 * this.buffer.length, this.usedBytes));
      grown.set(this.buffer.subarray(0, at));
      this.buffer = grown;
      this.view = new DataView(grown.buffer);
    }
    return at;
  }
}

/** As many bytes of what `take` gave as are packets that end within `maxBytes`. */
export function wholePacketBytes(packets: Uint8Array, maxBytes: number): number {
  const view = new DataView(packets.buffer, packets.byteOffset, packets.length);
  let end = 0;
  while (end < packets.length) {
    const next = end + view.getUint32(end + 4, true); // every block begins with type and length
    if (next > maxBytes) break;
    end = next;
  }
  return end;
}

function encodeNote(text: string): Uint8Array {
  return new TextEncoder().encode(text).subarray(0, MAX_COMMENT_BYTES);
}

/** Everything in a block begins at a multiple of 4. */
function padded(lengthBytes: number): number {
  return (lengthBytes + 3) & ~3;
}

function block(
  type: number,
  fields: readonly Uint8Array[],
  options: readonly Uint8Array[],
): Uint8Array {
  const body = concat([...fields, ...options]);
  const lengthBytes = 8 + body.length + TRAILER_BYTES;
  return concat([u32(type), u32(lengthBytes), body, u32(lengthBytes)]);
}

function option(code: number, value: Uint8Array = new Uint8Array(0)): Uint8Array {
  const whole = new Uint8Array(OPTION_HEADER_BYTES + padded(value.length));
  whole.set(u16(code), 0);
  whole.set(u16(value.length), 2);
  whole.set(value, OPTION_HEADER_BYTES);
  return whole;
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >>> 8);
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
