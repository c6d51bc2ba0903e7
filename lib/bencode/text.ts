// Between bytes and strings. Bencode has only bytes; most, not all, of those in the wild are UTF-8.
import { Buffer, isUtf8 } from 'node:buffer';

/** Keys that are no UTF-8 carry their bytes as lone surrogates from here on (0xDC80 … 0xDCFF). */
const ESCAPE_BASE = 0xdc00;

/**
 * The text of a byte string: UTF-8 where the bytes are that; otherwise each byte is the Latin-1
 * character of its value, which keeps two different names different (U+FFFD would not).
 */
export function asText(bytes: Uint8Array): string {
  const ascii = shortAscii(bytes);
  if (ascii !== undefined) return ascii;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return isUtf8(view) ? view.toString('utf8') : view.toString('latin1');
}

/**
 * The string that stands for a dictionary key: UTF-8 where the bytes are that. In other keys each
 * byte of 0x80 or more becomes the lone surrogate U+DC00 + byte, which no UTF-8 text contains: so
 * no two keys share a string, and `bytesOfKey` gets the bytes back.
 */
export function keyOf(bytes: Uint8Array): string {
  const ascii = shortAscii(bytes);
  if (ascii !== undefined) return ascii;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (isUtf8(view)) return view.toString('utf8');
  // Not built up by `+=`: that leaves a chain of pieces, at some 30 bytes for each character.
  const units = Buffer.allocUnsafe(2 * view.length);
  for (let at = 0; at < view.length; at++) {
    const byte = view[at] ?? 0;
    units[2 * at] = byte;
    units[2 * at + 1] = byte < 0x80 ? 0 : ESCAPE_BASE >> 8;
  }
  return units.toString('utf16le');
}

/** The bytes of a dictionary key, whether it was text or not (see `keyOf`). */
export function bytesOfKey(key: string): Uint8Array {
  if (!isEscaped(key)) return new Uint8Array(Buffer.from(key, 'utf8'));
  const bytes = new Uint8Array(key.length);
  for (let at = 0; at < key.length; at++) bytes[at] = key.charCodeAt(at) & 0xff;
  return bytes;
}

/** Up to this length a loop takes about half the time of the calls into the runtime. */
const SHORT_BYTES = 24;

/** The text of a short string that is all ASCII, as most are; undefined for any other. */
function shortAscii(bytes: Uint8Array): string | undefined {
  if (bytes.length > SHORT_BYTES) return undefined;
  let text = '';
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x80) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Whether `keyOf` made it of bytes that are no UTF-8: only ASCII and escaped bytes, and at least one of these. */
export function isEscaped(key: string): boolean {
  let found = false;
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at);
    if (unit >= ESCAPE_BASE + 0x80 && unit <= ESCAPE_BASE + 0xff) found = true;
    else if (unit >= 0x80) return false;
  }
  return found;
}
