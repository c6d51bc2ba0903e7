// How other clients map the names in a torrent: libtorrent 2.0 (and so qBittorrent and Deluge) and
// three generations of Transmission. docs/STORAGE.md describes the rules.
import { Buffer, isUtf8 } from 'node:buffer';
import { bytesOfKey } from '../bencode/text';

const DOT = 0x2e;
const UNDERSCORE = 0x5f;

/**
 * libtorrent drops marks that change the writing direction: they can make an .exe look like a .jpg.
 */
function isDropped(point: number): boolean {
  if (point < 0x200e) return point === 0x2f || point === 0x5c || point === 0;
  return point <= 0x200f || (point >= 0x202a && point <= 0x202e);
}

/** From this length on libtorrent keeps only the extension: in bytes, on Windows in characters. */
const LIBTORRENT_CUT = 240;
/**
 * The extension is searched after the last dot within the last bytes of the name: one less than
 * this.
 */
const EXTENSION_BYTES = 10;

/** For each number of bytes, the first character that needs that many; five are never valid. */
const LEAST_POINT = [0, 0, 0x80, 0x800, 0x10000];

/** A byte of a name, or the character that begins there. A `point` of −1 is not UTF-8. */
interface Point {
  readonly point: number;
  readonly length: number;
}

/** Any ASCII character; the byte itself identifies it. */
const ONE_BYTE: Point = { point: 0, length: 1 };

/**
 * A name as libtorrent writes it; undefined if it is left out of the path (`.`, `..`, and names
 * with nothing left). It may still be too long: libtorrent's own count skips replaced characters.
 */
export function libtorrentName(raw: Uint8Array, windows: boolean): string | undefined {
  if (raw.length === 0) return '_';
  // Built as bytes and converted once: a string that is built by `+=` takes 30 bytes per character.
  const kept = Buffer.allocUnsafe(raw.length);
  let end = 0;
  let size = 0;
  let cut = false;
  for (let at = 0; at < raw.length;) {
    const start = at;
    const first = raw[at] ?? 0;
    // Most characters take one byte: no object is created for them.
    const { point, length } = first < 0x80 ? ONE_BYTE : pointAt(raw, at);
    const code = first < 0x80 ? first : point;
    at += length;
    if (isDropped(code)) continue;
    if (code < 0x20 || (windows && isWindowsCharacter(code))) {
      kept[end++] = UNDERSCORE;
      size++;
      continue;
    }
    for (let from = start; from < at; from++) kept[end++] = raw[from] ?? 0;
    size += windows ? 1 : length;
    if (size < LIBTORRENT_CUT || cut) continue;
    const dot = raw.lastIndexOf(DOT);
    if (dot <= Math.max(raw.length - EXTENSION_BYTES, start)) break;
    cut = true;
    at = dot;
  }
  const text = kept.toString('utf8', 0, end);
  const name = windows ? withoutEnd(text, isDotOrBlank) : text;
  return name === '' || name === '.' || name === '..' ? undefined : name;
}

/**
 * The character at `at`. An invalid sequence is skipped by the length that its first byte
 * indicates.
 */
function pointAt(raw: Uint8Array, at: number): Point {
  const first = raw[at] ?? 0;
  const claimed = Math.clz32(~(first << 24)); // The number of its leading ones.
  if (claimed < 2 || claimed > 5) return { point: -1, length: 1 };
  const length = Math.min(claimed, raw.length - at);
  const least = LEAST_POINT[claimed] ?? Infinity;
  if (length < claimed) return { point: -1, length };
  let point = first & (0x7f >> claimed);
  for (let next = at + 1; next < at + length; next++) {
    const byte = raw[next] ?? 0;
    if ((byte & 0xc0) !== 0x80) return { point: -1, length };
    point = (point << 6) | (byte & 0x3f);
  }
  const sound = point >= least && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return { point: sound ? point : -1, length };
}

function isWindowsCharacter(point: number): boolean {
  return point < 0x80 && '<>:"|?*'.includes(String.fromCharCode(point));
}

/** Device names, alone or before a dot. */
const DEVICE = /^(con|prn|aux|nul|com[1-9]|lpt[1-9])(?=$|\.)/i;

/**
 * Maps the torrent's name for a file below its folder, as keys (`keyOf`), to its path; undefined if
 * there is none.
 */
export type PathOf = (below: readonly string[]) => string[] | undefined;

/**
 * Paths as written by Transmission 4.1, beginning with the torrent's name; undefined if that is
 * empty. Invalid UTF-8 becomes U+FFFD, `/` creates folders, control characters become `_`. On
 * Windows it behaves like 4.0.
 */
export function transmission41(name: string, windows: boolean): PathOf {
  if (windows) return transmission40(name);
  return joined(name, (part) => {
    const safe = part.replace(CONTROLS, '_');
    return part === '.' || part === '..' ? `_${safe}` : safe;
  });
}

/** Like `transmission41`, for 4.0, which makes names valid for Windows on every system. */
export function transmission40(name: string): PathOf {
  return joined(name, (part) => {
    const trimmed = withoutEnd(withoutEnd(withoutStart(part, isSpace), isSpace), isDot);
    const safe = trimmed.replace(/[<>:"\\|?*]/g, '_');
    return DEVICE.test(trimmed) ? `_${safe}` : safe;
  });
}

/** Each name as text, cut at a NUL, split at every `/`, and made safe; empty ones are left out. */
function joined(name: string, safe: (part: string) => string): PathOf {
  const partsOf = (key: string): string[] => {
    const text = textOf(key);
    const end = text.indexOf('\0');
    const whole = end === -1 ? text : text.slice(0, end);
    const parts = whole.includes('/') ? whole.split('/') : [whole];
    return parts.map(safe).filter((part) => part !== '');
  };
  const root = partsOf(name);
  return (below) => (root.length === 0 ? undefined : root.concat(...below.map(partsOf)));
}

/**
 * Like `transmission41`, for 3.00: `_` for `/` and for what Windows refuses, device names marked at
 * the end, no blanks at the ends. A path with any component that is not UTF-8 is read entirely as
 * ISO 8859-15.
 */
export function transmission3(name: string): PathOf {
  // The torrent's name ends at a NUL, and is converted to UTF-8 first.
  const bytes = bytesOfKey(name);
  const end = bytes.indexOf(0);
  const whole = end === -1 ? bytes : bytes.subarray(0, end);
  const root = transmission3Name(isUtf8(whole) ? utf8(whole) : latin9(whole));
  return (below) => {
    if (root === '') return undefined;
    if (below.every(isText))
      return [root, ...below.map(transmission3Name).filter((part) => part !== '')];
    const parts = below.map((key) => transmission3Name(latin1(bytesOfKey(key))));
    const read = [latin1(Buffer.from(root)), ...parts.filter((part) => part !== '')];
    return read.map((part) => latin9(Buffer.from(part, 'latin1')));
  };
}

/** For text, or for bytes as Latin-1: only ASCII characters are changed. */
function transmission3Name(name: string): string {
  const safe = name.replace(/[\u0000-\u001f<>:"/\\|?*]/g, '_').replace(DEVICE, '$1_');
  return withoutEnd(withoutStart(safe, isBlank), isDotOrBlank);
}

const CONTROLS = /[\u0000-\u001f]/g;

const isDot = (unit: number): boolean => unit === DOT;
const isBlank = (unit: number): boolean => unit === 0x20;
const isDotOrBlank = (unit: number): boolean => unit === DOT || unit === 0x20;
const isSpace = (unit: number): boolean => unit === 0x20 || (unit >= 0x09 && unit <= 0x0d);

/**
 * Hand-written: a regular expression would try every run of blanks in the middle, in quadratic
 * time.
 */
function withoutEnd(text: string, isCut: (unit: number) => boolean): string {
  let end = text.length;
  while (end > 0 && isCut(text.charCodeAt(end - 1))) end--;
  return end === text.length ? text : text.slice(0, end);
}

function withoutStart(text: string, isCut: (unit: number) => boolean): string {
  let start = 0;
  while (start < text.length && isCut(text.charCodeAt(start))) start++;
  return start === 0 ? text : text.slice(start);
}

/** Whether a key is text: one that is not UTF-8 contains lone surrogates. */
function isText(key: string): boolean {
  return !LONE_SURROGATE.test(key);
}

const LONE_SURROGATE = /\p{Surrogate}/u;

function textOf(key: string): string {
  return isText(key) ? key : utf8(bytesOfKey(key));
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** ISO 8859-15 differs from Latin-1 in eight characters. */
const LATIN_9: Readonly<Record<string, string>> = {
  '¤': '€',
  '¦': 'Š',
  '¨': 'š',
  '´': 'Ž',
  '¸': 'ž',
  '¼': 'Œ',
  '½': 'œ',
  '¾': 'Ÿ',
};

function latin9(bytes: Uint8Array): string {
  return latin1(bytes).replace(/[¤¦¨´¸¼½¾]/g, (character) => LATIN_9[character] ?? character);
}
