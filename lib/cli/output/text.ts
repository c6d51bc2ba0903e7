// Foreign text on a terminal. All text from a torrent, a peer or a tracker passes through
// `printable` before it is written.

import { escapeUnprintable } from '../../text/printable';

/** Represents a byte that is not UTF-8 in a file name of a torrent: U+DC00 + byte. */
const RAW_BYTE = /\p{Surrogate}/gu;

/**
 * The text on one line, with every control character written as `\uXXXX` and every raw byte as
 * `\xXX`.
 */
export function printable(text: string): string {
  return escapeUnprintable(text).replace(
    RAW_BYTE,
    (unit) => `\\x${(unit.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`,
  );
}

/** One line of JSON that is also safe to show on a terminal. */
export function jsonLine(value: object): string {
  // JSON.stringify escapes only C0 characters; others are inside strings, where \uXXXX is
  // equivalent.
  return `${escapeUnprintable(JSON.stringify(value))}\n`;
}
