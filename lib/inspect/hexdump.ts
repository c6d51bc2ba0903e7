// Formats bytes like `hexdump -C`, with a label for each range of bytes.

/** A range of bytes and its meaning. */
export interface ByteRange {
  readonly startByte: number;
  /** One past the last byte. */
  readonly endByte: number;
  /** `frame`: contains values; `field`: a value; `bad`: invalid. */
  readonly kind: 'frame' | 'field' | 'bad';
  /** Its name: `info_hash`, `peers[0]`. */
  readonly label: string;
  /** Its value as printable text; empty if there is none. */
  readonly value: string;
}

export interface HexDumpOptions {
  /** Most bytes dumped of one range; the rest is counted. Default 256. */
  readonly maxRangeBytes?: number;
}

const ROW_BYTES = 16;
/** 16 × 3 columns and the gap in the middle. */
const HEX_WIDTH = 49;
/** `|`, 16 characters, `|`. */
const ASCII_WIDTH = 18;
const DEFAULT_MAX_RANGE_BYTES = 256;

/**
 * A hex dump: one line per row of at most 16 bytes, and the total at the end, like `hexdump -C`.
 * Each range (ascending, not overlapping) starts a new row with its label; bytes outside all ranges
 * are dumped without a label.
 */
export function hexDump(
  bytes: Uint8Array,
  ranges: readonly ByteRange[] = [],
  { maxRangeBytes = DEFAULT_MAX_RANGE_BYTES }: HexDumpOptions = {},
): string {
  const lines: string[] = [];
  let at = 0;
  const dump = (end: number, label: string, mostBytes: number): void => {
    const shownEnd = Math.min(end, at + mostBytes);
    let note = label;
    for (; at < shownEnd; at += ROW_BYTES) {
      lines.push(row(bytes, at, Math.min(shownEnd, at + ROW_BYTES), note));
      note = '';
    }
    if (shownEnd < end) lines.push(`${' '.repeat(10)}… ${end - shownEnd} more bytes`);
    at = end;
  };
  for (const { startByte, endByte, label, value } of ranges) {
    const end = Math.min(endByte, bytes.length);
    if (startByte > at) dump(Math.min(startByte, bytes.length), '', Infinity);
    if (end > at) dump(end, value === '' ? label : `${label}: ${value}`, maxRangeBytes);
  }
  if (at < bytes.length) dump(bytes.length, '', Infinity);
  if (bytes.length > 0) lines.push(offset(bytes.length));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

function row(bytes: Uint8Array, start: number, end: number, note: string): string {
  let hex = '';
  let ascii = '';
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (at - start === ROW_BYTES / 2) hex += ' ';
    hex += `${byte.toString(16).padStart(2, '0')} `;
    // C's `isprint` for ASCII.
    ascii += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
  }
  return `${offset(start)}  ${hex.padEnd(HEX_WIDTH)} ${`|${ascii}|`.padEnd(ASCII_WIDTH)}  ${note}`;
}

function offset(at: number): string {
  return at.toString(16).padStart(8, '0');
}
