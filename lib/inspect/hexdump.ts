// Bytes as people read them: the layout of `hexdump -C`, with a word on what each range of bytes is.

/** A stretch of bytes and what it means. */
export interface ByteRange {
  readonly startByte: number;
  /** One past the last byte. */
  readonly endByte: number;
  /** `frame` holds values together; a `field` is a value; `bad` breaks the format. */
  readonly kind: 'frame' | 'field' | 'bad';
  /** What it is: `info_hash`, `peers[0]`. */
  readonly label: string;
  /** What it says, in words; empty where there is nothing to add. Printable. */
  readonly value: string;
}

export interface HexDumpOptions {
  /** Of a longer range only this many bytes are dumped, and the rest is counted. Default 256. */
  readonly maxRangeBytes?: number;
}

const ROW_BYTES = 16;
/** 16 × 3 columns and the gap in the middle. */
const HEX_WIDTH = 49;
/** `|`, 16 characters, `|`. */
const ASCII_WIDTH = 18;
const DEFAULT_MAX_RANGE_BYTES = 256;

/**
 * The dump, one line for each row of at most 16 bytes, ended by the total as `hexdump -C` does. Each
 * range (ascending, not overlapping) begins a row of its own, which carries its label; bytes that no
 * range covers are dumped without one.
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
    // What C's `isprint` says of ASCII.
    ascii += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
  }
  return `${offset(start)}  ${hex.padEnd(HEX_WIDTH)} ${`|${ascii}|`.padEnd(ASCII_WIDTH)}  ${note}`;
}

function offset(at: number): string {
  return at.toString(16).padStart(8, '0');
}
