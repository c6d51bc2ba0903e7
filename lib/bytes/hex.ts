// Bytes as hexadecimal text, for users and file names.
import { Buffer } from 'node:buffer';
import { MillraceError } from '../errors/millrace-error';
import { SHA1_LENGTH_BYTES } from './lengths';

/** Digits of an info hash, or any other SHA-1, in hexadecimal. */
export const SHA1_HEX_DIGITS = 2 * SHA1_LENGTH_BYTES;

const SHA1_HEX = new RegExp(`^[0-9a-f]{${SHA1_HEX_DIGITS}}$`, 'i');

/** Whether the text is a SHA-1 in hexadecimal, of either case: an info hash as people write it. */
export function isSha1Hex(text: string): boolean {
  return SHA1_HEX.test(text);
}

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** The bytes of a hexadecimal text in either case. Throws `bad-hex` for anything else. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) {
    throw new MillraceError('bad-hex', 'hexadecimal text is pairs of the digits 0-9 and a-f');
  }
  return new Uint8Array(Buffer.from(text, 'hex'));
}
