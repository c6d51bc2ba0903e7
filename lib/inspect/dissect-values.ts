// Formats raw bytes of tracker packets and replies as text that is safe to print.

import { isUtf8 } from 'node:buffer';
import { toHex } from '../bytes/hex';
import { formatAddress, hostPort } from '../address/text';
import { printableBytes } from '../text/printable';

/** Longest text from a tracker that is shown. */
const MAX_TEXT_CHARS = 500;
/** Number of bytes shown of a value that is not text. */
const MAX_HEX_BYTES = 32;

/** Text in quotes, or the number of bytes and their hexadecimal digits. */
export function bytesInWords(bytes: Uint8Array): string {
  if (bytes.length === 0) return '(empty)';
  if (isText(bytes)) return `"${printableBytes(bytes, MAX_TEXT_CHARS)}"`;
  const shown = toHex(bytes.subarray(0, MAX_HEX_BYTES));
  const unit = bytes.length === 1 ? 'byte' : 'bytes';
  return `${bytes.length} ${unit}: ${shown}${bytes.length > MAX_HEX_BYTES ? '…' : ''}`;
}

/** A key as a label: text unchanged, anything else (a scrape's info hashes) in hexadecimal. */
export function keyInWords(bytes: Uint8Array): string {
  return isText(bytes) ? printableBytes(bytes, 60) : toHex(bytes.subarray(0, MAX_HEX_BYTES));
}

/** A packed address and port of 6 or 18 bytes as `host:port`, `[v6]:port`. */
export function peerInWords(entry: Uint8Array): string {
  const portAt = entry.length - 2;
  const port = ((entry[portAt] ?? 0) << 8) | (entry[portAt + 1] ?? 0);
  const host = formatAddress(entry.subarray(0, portAt)) ?? toHex(entry.subarray(0, portAt));
  return hostPort(host, port);
}

/** UTF-8 without control characters, except tab and line breaks. */
function isText(bytes: Uint8Array): boolean {
  return (
    isUtf8(bytes) && bytes.every((byte) => (byte >= 0x20 ? byte !== 0x7f : byte >= 9 && byte <= 13))
  );
}
