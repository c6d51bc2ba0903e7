// PURE. Recognises bytes that are not a .torrent: a login page, an archive, a magnet link. Used
// only after parsing failed, and never certain; only the parser decides what a torrent is.

import { toHex } from '../bytes/hex';

export interface Look {
  /** Stable: `details.looksLike` of the error. */
  readonly kind: string;
  /** Worded to follow "it ". */
  readonly words: string;
  /** What to do about it. */
  readonly advice: string;
  /** Text from the content: a title, a refusal, the first line. */
  readonly quote?: string;
}

/**
 * Number of bytes that are examined: they include the signatures of all formats and nearly all page
 * titles.
 */
const HEAD_BYTES = 4096;

/** Longest quote from the content, in characters. */
const QUOTE_CHARS = 120;

const CHOOSE = 'name the .torrent file itself';
const UNPACK = 'unpack it and name the .torrent file inside';
const AGAIN = 'it is damaged or was cut off: download it again';
const BROWSE =
  'open it in a browser, log in if the site asks for it, and save the file behind its download link';

type Format = readonly [hexHead: string, kind: string, words: string, advice: string];

const FORMATS: readonly Format[] = [
  ['1f8b', 'gzip', 'is compressed (gzip)', UNPACK],
  ['504b0304', 'zip', 'is a ZIP archive', UNPACK],
  ['504b0506', 'zip', 'is an empty ZIP archive', CHOOSE],
  ['526172211a07', 'rar', 'is a RAR archive', UNPACK],
  ['377abcaf271c', '7z', 'is a 7z archive', UNPACK],
  ['fd377a585a00', 'xz', 'is compressed (xz)', UNPACK],
  ['28b52ffd', 'zstd', 'is compressed (zstd)', UNPACK],
  ['425a68', 'bzip2', 'is compressed (bzip2)', UNPACK],
  ['255044462d', 'pdf', 'is a PDF document', CHOOSE],
  ['89504e47', 'image', 'is a picture (PNG)', CHOOSE],
  ['ffd8ff', 'image', 'is a picture (JPEG)', CHOOSE],
  ['47494638', 'image', 'is a picture (GIF)', CHOOSE],
  ['7f454c46', 'program', 'is a program', CHOOSE],
  ['1a45dfa3', 'video', 'is a video (Matroska)', CHOOSE],
  ['efbbbf64', 'edited', 'begins with a byte order mark: a text editor rewrote it', AGAIN],
  ['fffe', 'utf-16', 'is text in UTF-16', CHOOSE],
  ['feff', 'utf-16', 'is text in UTF-16', CHOOSE],
];

/**
 * What `bytes` look like. Undefined for content that begins like bencode and is not known as
 * another kind of file: the broken rule is then more helpful. Never throws; takes the same time for
 * any length.
 */
export function lookOf(bytes: Uint8Array): Look | undefined {
  if (bytes.length === 0) {
    return { kind: 'empty', words: 'is empty', advice: 'download it again' };
  }
  const head = bytes.subarray(0, HEAD_BYTES);
  if (head.every((byte) => byte === 0)) {
    return { kind: 'zeros', words: 'holds nothing but zeros', advice: AGAIN };
  }
  const hex = toHex(head.subarray(0, 8));
  const format = FORMATS.find(([start]) => hex.startsWith(start));
  if (format !== undefined) return { kind: format[1], words: format[2], advice: format[3] };
  const text = new TextDecoder().decode(head).trimStart();
  return BENCODED.test(text) ? dictionary(text) : (markup(text) ?? writing(text));
}

const BENCODED = /^(?:d(?:e$|\d{1,6}:)|l(?:e$|[dl]|i-?\d|\d{1,6}:)|i-?\d+e|\d{1,9}:)/;

/** Dictionaries of other programs, recognised by keys that no .torrent begins with. */
function dictionary(text: string): Look | undefined {
  const refusal = /14:failure reason(\d{1,4}):/.exec(text);
  if (refusal !== null) {
    const start = refusal.index + refusal[0].length;
    return reply('refusal', text.slice(start, start + Number(refusal[1])));
  }
  if (/^d(?:8:complete|10:incomplete|8:interval|12:min interval)i/.test(text))
    return reply('reply');
  if (/11:file-format\d{1,3}:libtorrent resume/.test(text)) {
    const words = 'is a resume file of another client';
    return { kind: 'resume-file', words, advice: CHOOSE };
  }
  return undefined;
}

function reply(what: string, quote?: string): Look {
  return {
    kind: 'tracker-reply',
    words: `is the ${what} of a tracker`,
    advice:
      'the URL is that of a tracker, not that of a .torrent: use the link that downloads the .torrent',
    ...(quote !== undefined && { quote: quoted(quote) }),
  };
}

function markup(text: string): Look | undefined {
  if (
    /^(?:<!--[^]{0,500}?-->\s*)?<(?:!doctype\s+html|html|head|body|script|meta|title)\b/i.test(
      text,
    ) ||
    /<html[\s>]/i.test(text)
  ) {
    const title = /<title[^<>]{0,100}>([^<]{1,400})/i.exec(text)?.[1];
    return {
      kind: 'html',
      words: 'is a web page (HTML)',
      advice: BROWSE,
      ...(title !== undefined && { quote: quoted(title) }),
    };
  }
  if (/^<(?:\?xml|rss|feed|metalink)\b/i.test(text)) {
    const advice = 'use the link of one torrent in it';
    return { kind: 'xml', words: 'is XML, such as a feed', advice };
  }
  return undefined;
}

function writing(text: string): Look {
  const quote = { quote: quoted(text) };
  if (/^magnet:\?/i.test(text)) {
    const advice = 'magnet links are not supported yet: get the .torrent file';
    return { kind: 'magnet', words: 'holds a magnet link', advice };
  }
  if (/^(?:https?:\/\/|\[InternetShortcut\])/i.test(text)) {
    const advice = 'it leads to the torrent: name that URL instead';
    return { kind: 'link', words: 'holds a link', advice };
  }
  if (/^[[{]\s*["[{\]}\d]/.test(text)) {
    return {
      kind: 'json',
      words: 'is JSON',
      advice: 'use the link that downloads the .torrent',
      ...quote,
    };
  }
  if (/^ZD[A-Za-z0-9+/\s]{20,}/.test(text)) {
    return { kind: 'base64', words: 'is text in Base64', advice: 'decode it first' };
  }
  // Control characters, and bytes that are not UTF-8.
  if (/[^\P{Cc}\s]|\ufffd/u.test(text.slice(0, 256))) {
    return { kind: 'binary', words: 'is a file of another kind', advice: CHOOSE };
  }
  return { kind: 'text', words: 'is plain text', advice: CHOOSE, ...quote };
}

/** The beginning of the content, on one line. */
function quoted(text: string): string {
  const line = text
    .slice(0, 4 * QUOTE_CHARS)
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > QUOTE_CHARS ? `${line.slice(0, QUOTE_CHARS)}…` : line;
}
