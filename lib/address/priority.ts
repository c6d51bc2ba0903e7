// PURE. Canonical peer priority (BEP 40): both ends of a connection compute the same number, and neither
// can choose it. As all clients prefer the same pairs, a newcomer finds free places in a full swarm.

/** An address of 4 or 16 bytes, and the port on which it listens. */
export interface PackedEndPoint {
  readonly packed: Uint8Array;
  readonly port: number;
}

/** Leading bytes that count in full for hosts without a common /16 (IPv4) or /48 (IPv6). */
const WHOLE_BYTES = { 4: 2, 16: 6 } as const;

/** Of the other bytes every second bit counts, so a network's owner has fewer priorities to choose from. */
const REST_MASK = 0x55;

/**
 * The priority of a connection, from 0 to 2^32 - 1; higher is better. Undefined for addresses of
 * different families.
 */
export function peerPriority(one: PackedEndPoint, other: PackedEndPoint): number | undefined {
  const { length } = one.packed;
  if ((length !== 4 && length !== 16) || other.packed.length !== length) return undefined;
  const shared = sharedBytes(one.packed, other.packed);
  if (shared === length) return crc32c(inOrder(portBytes(one.port), portBytes(other.port)));
  // Two hosts in one /16 (IPv6: /48): one more byte counts in full, and so on.
  const least = WHOLE_BYTES[length];
  const whole = shared < least ? least : shared + 1;
  return crc32c(inOrder(masked(one.packed, whole), masked(other.packed, whole)));
}

function sharedBytes(one: Uint8Array, other: Uint8Array): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return at;
}

function masked(packed: Uint8Array, wholeBytes: number): Uint8Array {
  return packed.map((byte, at) => (at < wholeBytes ? byte : byte & REST_MASK));
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}

function inOrder(one: Uint8Array, other: Uint8Array): readonly Uint8Array[] {
  return Buffer.compare(one, other) <= 0 ? [one, other] : [other, one];
}

/** CRC-32C (Castagnoli), bits reversed: 0x1EDC6F41 backwards. */
const POLYNOMIAL = 0x82f6_3b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** The CRC-32C of these bytes in a row (RFC 3720, B.4). */
export function crc32c(parts: readonly Uint8Array[]): number {
  let crc = 0xffff_ffff;
  for (const part of parts)
    for (const byte of part) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}
