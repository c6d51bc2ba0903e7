// Base32 (RFC 4648, section 6), in which old magnet links write an info hash.

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * The bytes of a text of base32 digits in either case, without padding; undefined for anything else.
 * Bits that fill no byte are dropped.
 */
export function fromBase32(text: string): Uint8Array | undefined {
  if (!/^[A-Z2-7]*$/i.test(text)) return undefined;
  const bytes = new Uint8Array((text.length * 5) >> 3);
  let bits = 0;
  let value = 0;
  let at = 0;
  for (const digit of text.toUpperCase()) {
    value = ((value << 5) | DIGITS.indexOf(digit)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = value >> bits;
  }
  return bytes;
}
