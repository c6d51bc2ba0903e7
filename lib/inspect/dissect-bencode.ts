// Divides a tracker's bencoded reply into labelled byte ranges. Unlike the decoder it continues to
// the first wrong byte and explains the error, because it is meant for puzzling replies.

import type { ByteRange } from './hexdump';
import { toHex } from '../bytes/hex';
import { formatAddress } from '../address/text';
import { COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES } from '../address/compact-peers';
import { bytesInWords, keyInWords, peerInWords } from './dissect-values';

export interface DissectOptions {
  /** Most peers of one packed list with a range of their own; the others share one. Default 200. */
  readonly maxPeers?: number;
  /** Most ranges, plus one for the rest. Default 5,000. */
  readonly maxRanges?: number;
}

export const DEFAULT_MAX_PEERS = 200;
const DEFAULT_MAX_RANGES = 5_000;
/** Deepest nesting of lists and dictionaries; a reply needs 3. */
const MAX_DEPTH = 64;
/** `-` and the 20 digits of 2^64. */
const MAX_INTEGER_CHARS = 21;
const MAX_LENGTH_DIGITS = 10;
/** Longest label: that of a deeper value is cut at the front. */
const MAX_LABEL_CHARS = 120;

/** Label of bytes after a complete reply, except blanks: a single range, which clients ignore. */
export const AFTER_THE_END = 'after the end';

/** Ranges that cover every byte once, in order, for any bytes. */
export function dissectBencode(bytes: Uint8Array, options: DissectOptions = {}): ByteRange[] {
  return new Walker(bytes, options).walk();
}

/** A list or dictionary that is open. */
interface Open {
  readonly kind: 'list' | 'dictionary';
  /** Its own label; empty at the top. */
  readonly label: string;
  /** Number of values so far. */
  count: number;
  /** In a dictionary: the key whose value comes next. */
  key: string | undefined;
}

class Walker {
  private readonly bytes: Uint8Array;
  private readonly maxPeers: number;
  private readonly maxRanges: number;
  private readonly ranges: ByteRange[] = [];
  private readonly open: Open[] = [];
  private at = 0;

  constructor(bytes: Uint8Array, options: DissectOptions) {
    this.bytes = bytes;
    this.maxPeers = options.maxPeers ?? DEFAULT_MAX_PEERS;
    this.maxRanges = options.maxRanges ?? DEFAULT_MAX_RANGES;
  }

  walk(): ByteRange[] {
    const { length } = this.bytes;
    while (this.at < length) {
      if (this.ranges.length >= this.maxRanges) {
        this.put(length, 'frame', `and ${length - this.at} more bytes, not listed`);
      } else if (this.open.length === 0 && this.ranges.length > 0) this.afterEnd();
      else this.next();
    }
    return this.ranges;
  }

  private next(): void {
    const top = this.open.at(-1);
    const byte = this.char();
    const waitsForValue = top?.kind === 'dictionary' && top.key !== undefined;
    if (byte === 'e' && top !== undefined && !waitsForValue) {
      this.put(this.at + 1, 'frame', `end of ${top.kind}`, top.label);
      this.open.pop();
    } else if (top?.kind === 'dictionary' && !waitsForValue) this.key(top);
    else this.value(top);
  }

  private key(top: Open): void {
    const key = this.stringSpan();
    if (typeof key === 'string') return this.bad(key);
    const bytes = this.bytes.subarray(key.from, key.end);
    // The keys of a scrape's `files` are info hashes, even if they look like text (BEP 48).
    top.key = top.label === 'files' ? toHex(bytes.subarray(0, 64)) : keyInWords(bytes);
    this.put(key.end, 'frame', 'key', `"${top.key}"`);
  }

  private value(top: Open | undefined): void {
    const label = labelIn(top);
    if (top !== undefined) {
      top.count += 1;
      top.key = undefined;
    }
    const byte = this.char();
    if (byte === 'i') return this.integer(label);
    if (byte !== 'l' && byte !== 'd') return this.string(label);
    if (this.open.length === MAX_DEPTH) return this.bad(`nested deeper than ${MAX_DEPTH} levels`);
    const kind = byte === 'l' ? 'list' : 'dictionary';
    this.put(this.at + 1, 'frame', kind, label);
    this.open.push({ kind, label, count: 0, key: undefined });
  }

  private integer(label: string): void {
    const start = this.at + 1;
    const head = this.latin1(start, start + MAX_INTEGER_CHARS + 1);
    const match = /^(-?\d+)e/.exec(head);
    if (match !== null) {
      return this.put(start + match[0].length, 'field', label || 'reply', match[1] ?? '');
    }
    const cut = start + head.length === this.bytes.length && /^-?\d*$/.test(head);
    this.bad(cut ? 'an integer is cut short' : 'an integer must be i, digits, e');
  }

  private string(label: string): void {
    const span = this.stringSpan();
    if (typeof span === 'string') return this.bad(span);
    const { from, end } = span;
    const content = this.bytes.subarray(from, end);
    const stride =
      label === 'peers' ? COMPACT_IPV4_BYTES : label === 'peers6' ? COMPACT_IPV6_BYTES : 0;
    if (stride > 0 && content.length > 0) return this.compact(label, from, end, stride);
    const address = label === 'external ip' ? formatAddress(content) : undefined;
    this.put(end, 'field', label || 'reply', address ?? bytesInWords(content));
  }

  private compact(label: string, from: number, end: number, stride: number): void {
    const lengthBytes = end - from;
    if (lengthBytes % stride !== 0) {
      const value = `${lengthBytes} bytes, which is no multiple of ${stride}`;
      return this.put(end, 'bad', label, value);
    }
    const count = lengthBytes / stride;
    this.put(from, 'field', label, `${count} in ${lengthBytes} bytes, ${stride} each`);
    const listed = Math.min(count, this.maxPeers, this.maxRanges - this.ranges.length);
    for (let index = 0; index < listed; index += 1) {
      const next = this.at + stride;
      const value = peerInWords(this.bytes.subarray(this.at, next));
      this.put(next, 'field', `${label}[${index}]`, value);
    }
    if (listed < count) this.put(end, 'field', label, `and ${count - listed} more`);
  }

  /** Where the content of the string that starts here lies, or the error. */
  private stringSpan(): { readonly from: number; readonly end: number } | string {
    const head = this.latin1(this.at, this.at + MAX_LENGTH_DIGITS + 1);
    const match = /^(\d+):/.exec(head);
    if (match === null) {
      const cut = this.at + head.length === this.bytes.length && /^\d+$/.test(head);
      return cut ? 'the length of a string is cut short' : 'no bencoded value starts here';
    }
    const from = this.at + match[0].length;
    const length = Number(match[1]);
    const left = this.bytes.length - from;
    if (length > left) return `a string of ${length} bytes is announced, ${left} are left`;
    return { from, end: from + length };
  }

  private afterEnd(): void {
    const rest = this.bytes.subarray(this.at);
    if (rest.every((byte) => byte <= 0x20)) this.put(this.bytes.length, 'frame', 'white space');
    else this.put(this.bytes.length, 'bad', AFTER_THE_END, bytesInWords(rest));
  }

  /** Everything from here on: the start of the next value is unknown. */
  private bad(rule: string): void {
    this.put(this.bytes.length, 'bad', 'not bencode', rule);
  }

  private put(endByte: number, kind: ByteRange['kind'], label: string, value = ''): void {
    this.ranges.push({ startByte: this.at, endByte, kind, label, value });
    this.at = endByte;
  }

  private char(): string {
    return String.fromCharCode(this.bytes[this.at] ?? 0);
  }

  private latin1(start: number, end: number): string {
    let text = '';
    for (let at = start; at < Math.min(end, this.bytes.length); at += 1) {
      text += String.fromCharCode(this.bytes[at] ?? 0);
    }
    return text;
  }
}

/**
 * Labels such as `interval`, `files.<hash>.complete`, `peers[3].ip`; `reply` for a single value at
 * the top.
 */
function labelIn(top: Open | undefined): string {
  if (top === undefined) return '';
  const { kind, label, count, key = '' } = top;
  const own = kind === 'list' ? `${label}[${count}]` : label === '' ? key : `${label}.${key}`;
  return own.length > MAX_LABEL_CHARS ? `…${own.slice(-MAX_LABEL_CHARS)}` : own;
}
