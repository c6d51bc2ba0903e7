// Words of others on a terminal. Whatever came from a torrent, a peer or a tracker passes through
// `printable` before it is written there.

import { escapeUnprintable } from '../../text/printable';

/** Stands for a byte that is no UTF-8 in what a torrent calls its files: U+DC00 + byte. */
const RAW_BYTE = /\p{Surrogate}/gu;

/**
 * The text on one line, with every control character shown as `\uXXXX` instead of obeyed, and every raw
 * byte as `\xXX`.
 */
export function printable(text: string): string {
  return escapeUnprintable(text).replace(
    RAW_BYTE,
    (unit) => `\\x${(unit.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`,
  );
}

/** One line of JSON that is also safe to show on a terminal. */
export function jsonLine(value: object): string {
  // JSON.stringify escapes C0 only; what is left stands inside strings, where \uXXXX means the same.
  return `${escapeUnprintable(JSON.stringify(value))}\n`;
}
