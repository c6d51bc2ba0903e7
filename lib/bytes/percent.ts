// Percent-encoding of raw bytes, as in a tracker URL's info hash or peer id (BEP 3) and in magnet
// links. They are not always text, so `encodeURIComponent` does not apply.
import { Buffer } from 'node:buffer';

const UNRESERVED = /^[A-Za-z0-9\-._~]$/; // RFC 3986, section 2.3

/** The encoding of each byte value. */
const ENCODED: readonly string[] = Array.from({ length: 256 }, (_, value) => {
  const character = String.fromCharCode(value);
  if (UNRESERVED.test(character)) return character;
  return `%${value.toString(16).toUpperCase().padStart(2, '0')}`;
});

/** Encodes every byte except the unreserved characters of RFC 3986 as `%XX`, in upper case. */
export function percentEncode(bytes: Uint8Array): string {
  let text = '';
  for (const value of bytes) text += ENCODED[value] ?? '';
  return text;
}

/**
 * The bytes of a text: `%XX` is one byte, and any other character its UTF-8. A `%` without two
 * hexadecimal digits after it stands for itself.
 */
export function percentDecode(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'utf8');
  let end = 0;
  for (let at = 0; at < bytes.length; at++) {
    const escaped = bytes[at] === PERCENT && at + 2 < bytes.length;
    const value = escaped ? 16 * hexDigit(bytes[at + 1]) + hexDigit(bytes[at + 2]) : NaN;
    if (Number.isNaN(value)) bytes[end++] = bytes[at] ?? 0;
    else {
      bytes[end++] = value;
      at += 2;
    }
  }
  return new Uint8Array(bytes.subarray(0, end));
}

const PERCENT = 0x25;

/** The value of an ASCII digit; NaN if it is none. */
function hexDigit(character = 0): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  const letter = character | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : NaN;
}
