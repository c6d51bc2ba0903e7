// What other clients make of the names in a torrent: libtorrent 2.0 (and with it qBittorrent and Deluge)
// and three generations of Transmission. Bytes in, names out; see docs/STORAGE.md for the rules in words.
import { Buffer, isUtf8 } from 'node:buffer';

const DOT = 0x2e;
const UNDERSCORE = 0x5f;

/** libtorrent drops marks that change the direction of writing: they make an .exe look like a .jpg. */
const LIBTORRENT_DROPS = new Set([
  0, 0x2f, 0x5c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e,
]);
/** From this length on libtorrent keeps nothing but the extension: bytes, on Windows characters. */
const LIBTORRENT_CUT = 240;
/** Where it looks for the extension: after the last dot among so many bytes at the end, less one. */
const EXTENSION_BYTES = 10;

/** The first character that needs so many bytes; five are never right. */
const LEAST_POINT = [0, 0, 0x80, 0x800, 0x10000];

/** A byte of a name, or the character that begins there. A `point` of −1 is no UTF-8. */
interface Point {
  readonly point: number;
  readonly length: number;
}

/**
 * A name as libtorrent writes it; undefined where it leaves the name out of the path (`.`, `..`, and
 * what has nothing left). May still be too long: libtorrent's own count skips what it replaced.
 */
export function libtorrentName(raw: Uint8Array, windows: boolean): string | undefined {
  if (raw.length === 0) return '_';
  // As bytes, and made a string at once: one that is built up by `+=` takes 30 bytes a character.
  const kept = Buffer.allocUnsafe(raw.length);
  let end = 0;
  let size = 0;
  let cut = false;
  for (let at = 0; at < raw.length;) {
    const { point, length } = pointAt(raw, at);
    const start = at;
    at += length;
    if (LIBTORRENT_DROPS.has(point)) continue;
    if (point < 0x20 || (windows && isWindowsCharacter(point))) {
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
  const name = windows ? text.replace(/[. ]+$/, '') : text;
  return name === '' || name === '.' || name === '..' ? undefined : name;
}

/** The character at `at`. A sequence that is no UTF-8 is skipped by the length that its first byte claims. */
function pointAt(raw: Uint8Array, at: number): Point {
  const first = raw[at] ?? 0;
  if (first < 0x80) return { point: first, length: 1 };
  const claimed = Math.clz32(~(first << 24)); // its leading ones
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

/** Bare device names, and such as have them before a dot. */
const DEVICE = /^(con|prn|aux|nul|com[1-9]|lpt[1-9])(?=$|\.)/i;

/**
 * A path as Transmission 4.1 writes it, its first name being the torrent's; undefined where that one comes
 * to nothing. What is no UTF-8 is U+FFFD, `/` makes folders, control characters are `_`; on Windows it does
 * as 4.0.
 */
export function transmission41Path(
  raw: readonly Uint8Array[],
  windows: boolean,
): string[] | undefined {
  if (windows) return transmission40Path(raw);
  return joined(raw, (name) => {
    const safe = name.replace(CONTROLS, '_');
    return name === '.' || name === '..' ? `_${safe}` : safe;
  });
}

/** As `transmission41Path` for 4.0, which makes names fit for Windows on every system. */
export function transmission40Path(raw: readonly Uint8Array[]): string[] | undefined {
  return joined(raw, (name) => {
    const trimmed = name.replace(/^[\t-\r ]+|[\t-\r ]+$/g, '').replace(/\.+$/, '');
    const safe = trimmed.replace(/[<>:"\\|?*]/g, '_');
    return DEVICE.test(trimmed) ? `_${safe}` : safe;
  });
}

/** Each name as text, cut at a NUL, made folders of at every `/`, and made safe; empty ones left out. */
function joined(raw: readonly Uint8Array[], safe: (name: string) => string): string[] | undefined {
  const parts = raw.map((bytes) =>
    (textOf(bytes).split('\0', 1)[0] ?? '')
      .split('/')
      .map(safe)
      .filter((name) => name !== ''),
  );
  return parts[0]?.length === 0 ? undefined : parts.flat();
}

/**
 * As `transmission41Path` for 3.00: `_` for what Windows refuses and for `/`, device names marked behind,
 * no blanks at the ends. A path with any part that is no UTF-8 is read as ISO 8859-15, all of it.
 */
export function transmission3Path(raw: readonly Uint8Array[]): string[] | undefined {
  const [whole = new Uint8Array(), ...below] = raw;
  // The torrent's name ends at a NUL, and was made UTF-8 before anything else.
  const end = whole.indexOf(0);
  const name = end === -1 ? whole : whole.subarray(0, end);
  const root = transmission3Name(Buffer.from(isUtf8(name) ? textOf(name) : latin9(name)));
  if (root.length === 0) return undefined;
  const parts = [root, ...below.map(transmission3Name)].filter(({ length }) => length > 0);
  const read = parts.every((part) => isUtf8(part)) ? textOf : latin9;
  return parts.map(read);
}

function transmission3Name(raw: Uint8Array): Buffer {
  const safe = Buffer.from(raw)
    .toString('latin1')
    .replace(/[\u0000-\u001f<>:"/\\|?*]/g, '_') // eslint-disable-line no-control-regex -- they are what it is for
    .replace(DEVICE, '$1_')
    .replace(/^ +|[. ]+$/g, '');
  return Buffer.from(safe, 'latin1');
}

const CONTROLS = /[\u0000-\u001f]/g; // eslint-disable-line no-control-regex -- they are what it is for

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** ISO 8859-15 differs from Latin-1 in eight places. */
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
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return text.replace(/[¤¦¨´¸¼½¾]/g, (character) => LATIN_9[character] ?? character);
}
