// Bytes as hexadecimal text, for users and file names.
import { Buffer } from 'node:buffer';
import { MillraceError } from '../errors/millrace-error';

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
