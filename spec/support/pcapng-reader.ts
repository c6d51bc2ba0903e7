// An independent pcapng reader, written from the format's draft and RFC 791, 8200 and 9293, to
// check what the engine writes. It refuses every deviation from the formats.

export interface ReadPacket {
  readonly timeUs: number;
  readonly comment: string | undefined;
  readonly from: string;
  readonly to: string;
  readonly sequence: number;
  readonly acknowledged: number;
  readonly flags: { readonly syn: boolean; readonly ack: boolean; readonly fin: boolean };
  /** The captured part of the payload; `payloadBytes` is its full length. */
  readonly payload: Buffer;
  readonly payloadBytes: number;
  /** `absent` where the payload was cut. */
  readonly checksum: 'good' | 'bad' | 'absent';
}

export interface ReadCapture {
  readonly application: string | undefined;
  readonly packets: readonly ReadPacket[];
}

interface Block {
  readonly type: number;
  readonly body: Buffer;
}

export function readPcapng(file: Uint8Array): ReadCapture {
  const blocks = [...blocksOf(Buffer.from(file))];
  const [section, network, ...rest] = blocks;
  if (section?.type !== 0x0a0d0d0a || section.body.readUInt32LE(0) !== 0x1a2b3c4d) {
    throw new Error('no section header in little-endian byte order');
  }
  if (section.body.readUInt16LE(4) !== 1 || section.body.readBigInt64LE(8) !== -1n) {
    throw new Error('not version 1 of unknown length');
  }
  if (network?.type !== 1 || network.body.readUInt16LE(0) !== 101) {
    throw new Error('no interface of raw IP packets');
  }
  if (options(network.body.subarray(8)).get(9)?.[0] !== 6) throw new Error('not in microseconds');
  return {
    application: options(section.body.subarray(16)).get(4)?.toString(),
    packets: rest.map((block) => readPacket(block)),
  };
}

function* blocksOf(file: Buffer): Generator<Block> {
  for (let at = 0; at < file.length;) {
    const lengthBytes = file.readUInt32LE(at + 4);
    if (lengthBytes % 4 !== 0 || lengthBytes < 12)
      throw new Error(`a block of ${lengthBytes} bytes`);
    if (file.readUInt32LE(at + lengthBytes - 4) !== lengthBytes) throw new Error('lengths differ');
    yield { type: file.readUInt32LE(at), body: file.subarray(at + 8, at + lengthBytes - 4) };
    at += lengthBytes;
  }
}

function options(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length;) {
    const code = bytes.readUInt16LE(at);
    const lengthBytes = bytes.readUInt16LE(at + 2);
    if (code === 0) {
      if (lengthBytes !== 0 || at + 4 !== bytes.length)
        throw new Error('bytes after the last option');
      return found;
    }
    found.set(code, bytes.subarray(at + 4, at + 4 + lengthBytes));
    at += 4 + lengthBytes + ((4 - (lengthBytes % 4)) % 4);
  }
  if (found.size > 0) throw new Error('options without an end');
  return found;
}

function readPacket({ type, body }: Block): ReadPacket {
  if (type !== 6 || body.readUInt32LE(0) !== 0) throw new Error(`a block of type ${type}`);
  const capturedBytes = body.readUInt32LE(12);
  const originalBytes = body.readUInt32LE(16);
  if (capturedBytes > originalBytes) throw new Error('more captured than there was');
  const after = 20 + Math.ceil(capturedBytes / 4) * 4;
  const timeUs = body.readUInt32LE(4) * 2 ** 32 + body.readUInt32LE(8);
  const comment = options(body.subarray(after)).get(1)?.toString();
  const ip = body.subarray(20, 20 + capturedBytes);
  return { timeUs, comment, ...readIp(ip, originalBytes) };
}

function readIp(ip: Buffer, originalBytes: number): Omit<ReadPacket, 'timeUs' | 'comment'> {
  const isV4 = (ip[0] ?? 0) >> 4 === 4;
  const headerBytes = isV4 ? 20 : 40;
  const tcpBytes = isV4 ? ip.readUInt16BE(2) - 20 : ip.readUInt16BE(4);
  if (headerBytes + tcpBytes !== originalBytes) throw new Error('lengths of IP and packet differ');
  if ((isV4 ? ip[9] : ip[6]) !== 6) throw new Error('not TCP');
  if (isV4 && onesSum(ip.subarray(0, 20)) !== 0xffff) throw new Error('wrong IPv4 checksum');
  const source = isV4 ? ip.subarray(12, 16) : ip.subarray(8, 24);
  const target = isV4 ? ip.subarray(16, 20) : ip.subarray(24, 40);
  const tcp = ip.subarray(headerBytes);
  const dataAt = ((tcp[12] ?? 0) >> 4) * 4;
  const flags = tcp[13] ?? 0;
  const pseudo = Buffer.alloc(8);
  pseudo.writeUInt32BE(tcpBytes, 0);
  pseudo.writeUInt32BE(6, 4);
  const isWhole = ip.length === originalBytes;
  const isGood = onesSum(Buffer.concat([source, target, pseudo, tcp])) === 0xffff;
  return {
    from: `${source.toString('hex')}:${tcp.readUInt16BE(0)}`,
    to: `${target.toString('hex')}:${tcp.readUInt16BE(2)}`,
    sequence: tcp.readUInt32BE(4),
    acknowledged: tcp.readUInt32BE(8),
    flags: { fin: (flags & 1) !== 0, syn: (flags & 2) !== 0, ack: (flags & 16) !== 0 },
    payload: tcp.subarray(dataAt),
    payloadBytes: tcpBytes - dataAt,
    checksum: isWhole ? (isGood ? 'good' : 'bad') : 'absent',
  };
}

/**
 * The ones' complement sum with its carries added in: 0xffff over anything with a right checksum.
 */
function onesSum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) {
    sum += at % 2 === 0 ? (bytes[at] ?? 0) * 256 : (bytes[at] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** The reassembled payloads of one side; throws where its sequence numbers leave a gap. */
export function streamFrom(packets: readonly ReadPacket[], from: string): Buffer {
  let next: number | undefined;
  const parts: Buffer[] = [];
  for (const packet of packets.filter((packet) => packet.from === from)) {
    if (next === undefined && !packet.flags.syn) throw new Error('the first segment is no SYN');
    if (next !== undefined && packet.sequence !== next) {
      throw new Error(`sequence ${packet.sequence} where ${next} is next`);
    }
    const controls = Number(packet.flags.syn) + Number(packet.flags.fin);
    next = (packet.sequence + packet.payloadBytes + controls) % 2 ** 32;
    const missing = Buffer.alloc(packet.payloadBytes - packet.payload.length);
    parts.push(packet.payload, missing);
  }
  return Buffer.concat(parts);
}
