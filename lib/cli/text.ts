// Figures and foreign words as people read them. Whatever came from a torrent, a peer or a tracker
// passes through `printable` before it reaches a terminal.

/** C0, DEL and C1 controls (they move cursors and rename windows), and marks that reorder text. */
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A host as URLs write it. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Stands for a byte that is no UTF-8 in what a torrent calls its files: U+DC00 + byte. */
const RAW_BYTE = /\p{Surrogate}/gu;

/**
 * The text on one line, with every control character shown as `\uXXXX` instead of obeyed, and every raw
 * byte as `\xXX`.
 */
export function printable(text: string): string {
  return text
    .replace(UNPRINTABLE, escaped)
    .replace(RAW_BYTE, (unit) => `\\x${(unit.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`);
}

/** One line of JSON that is also safe to show on a terminal. */
export function jsonLine(value: object): string {
  // JSON.stringify escapes C0 only; what is left stands inside strings, where \uXXXX means the same.
  return `${JSON.stringify(value).replace(UNPRINTABLE, escaped)}\n`;
}

const BYTE_UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `999 B`, `1.00 KiB`, `12.3 MiB`: three figures, powers of 1,024. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${Math.floor(bytes)} B`;
  let value = bytes;
  let unit = 'B';
  for (const next of BYTE_UNITS) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
}

export function formatRate(bytesPerSec: number): string {
  return `${formatBytes(bytesPerSec)}/s`;
}

/** `0 s`, `59 s`, `4 min 10 s`, `30 min`, `2 h 5 min`, `3 d 4 h`: the two largest units, rounded up. */
export function formatDuration(seconds: number): string {
  let left = Math.ceil(seconds);
  if (left >= 3600) left = Math.ceil(left / 60) * 60;
  const parts: string[] = [];
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length > 0) break;
  }
  return parts.slice(0, 2).join(' ') || '0 s';
}

/** `45.3 %`, rounded down: 100 % is said only when nothing is missing. */
export function formatPercent(part: number, whole: number): string {
  const share = whole > 0 ? Math.floor((part / whole) * 1000) / 10 : 100;
  return `${share.toFixed(1)} %`;
}

/** `1 peer`, `2 peers`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Ascending numbers as `0-4, 7, 9-10`; after `most` ranges it says how many were left out. */
export function formatRanges(numbers: readonly number[], most = 20): string {
  const ranges: { first: number; last: number }[] = [];
  for (const value of numbers) {
    const open = ranges.at(-1);
    if (open && value === open.last + 1) open.last = value;
    else ranges.push({ first: value, last: value });
  }
  const shown = ranges
    .slice(0, most)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  if (ranges.length > most) shown.push(`and ${ranges.length - most} more ranges`);
  return shown.join(', ');
}
