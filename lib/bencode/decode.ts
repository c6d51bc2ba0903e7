// Bytes to values (BEP 3), for input that nobody vouches for: every length is checked against what
// is left before it is believed, depth and count are capped, and time is linear in the input.
import { MillraceError } from '../errors/millrace-error';
import { keyOf } from './text';
import { BencodeDictionary, INDEXED_FROM } from './value';
import type { BencodeValue } from './value';

/** Caps on one input. */
export interface DecodeLimits {
  /** Lists and dictionaries inside each other. Default 64 (a torrent needs 5), never above 512. */
  readonly maxDepth?: number;
  /**
   * Values and keys in all. Default 1,048,576: two bytes of input can cost a hundred of memory, so
   * this, not the input's size, is what bounds it (to some 100 MiB).
   */
  readonly maxItems?: number;
}

const DEFAULT_MAX_DEPTH = 64;
/** The decoder calls itself for each level; so many levels fit any stack. */
const HARD_MAX_DEPTH = 512;
const DEFAULT_MAX_ITEMS = 1_048_576;
/** Longest dictionary key. Real ones are words, 20-byte hashes, or file names of 255 bytes. */
const MAX_KEY_BYTES = 4_096;
/** 2^64 has 20 digits, and nothing in the protocol counts further. */
const MAX_INTEGER_DIGITS = 20;
/** Every integer of so many digits is safe: 10^15 < 2^53. */
const SAFE_DIGITS = 15;
/** 2^53 has 16 digits; no input is so long. */
const MAX_LENGTH_DIGITS = 15;

const CHAR_0 = 0x30;
const CHAR_9 = 0x39;
const CHAR_COLON = 0x3a;
const CHAR_MINUS = 0x2d;
const CHAR_D = 0x64;
const CHAR_E = 0x65;
const CHAR_I = 0x69;
const CHAR_L = 0x6c;

/**
 * The one value that `bytes` holds. Unsorted keys are accepted, because real files have them; so
 * keep `raw` spans rather than encoding again. Throws `bad-bencode`, naming the byte and the rule.
 */
export function decode(bytes: Uint8Array, limits: DecodeLimits = {}): BencodeValue {
  const { value, end } = decodePrefix(bytes, 0, limits);
  if (end !== bytes.length) throw bad(end, 'bytes follow the end of the value');
  return value;
}

/**
 * The value that starts at `start`, and where it ends: for payloads that carry raw bytes after a
 * dictionary (BEP 9, BEP 10). Throws `bad-bencode`; its offset counts from the start of `bytes`.
 */
export function decodePrefix(
  bytes: Uint8Array,
  start = 0,
  limits: DecodeLimits = {},
): { value: BencodeValue; end: number } {
  const reader = new Reader(bytes, start, limits);
  const value = reader.value(0);
  return { value, end: reader.at };
}

/** A cursor over the input. */
class Reader {
  at: number;
  private readonly bytes: Uint8Array;
  private readonly maxDepth: number;
  private itemsLeft: number;

  constructor(bytes: Uint8Array, start: number, limits: DecodeLimits) {
    // A Buffer's slices are Buffers; the values promise plain arrays.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = start;
    this.maxDepth = Math.min(limits.maxDepth ?? DEFAULT_MAX_DEPTH, HARD_MAX_DEPTH);
    this.itemsLeft = limits.maxItems ?? DEFAULT_MAX_ITEMS;
  }

  value(depth: number): BencodeValue {
    this.countItem();
    switch (this.bytes[this.at]) {
      case CHAR_I:
        return this.integer();
      case CHAR_L:
        return this.list(depth + 1);
      case CHAR_D:
        return this.dictionary(depth + 1);
      default:
        return this.string('no value starts with this byte');
    }
  }

  private list(depth: number): BencodeValue[] {
    this.open(depth);
    const list: BencodeValue[] = [];
    while (!this.closed('list')) list.push(this.value(depth));
    return list;
  }

  private dictionary(depth: number): BencodeDictionary {
    this.open(depth);
    const names: string[] = [];
    const values: BencodeValue[] = [];
    const spans: number[] = [];
    let index: Map<string, number> | undefined;
    while (!this.closed('dictionary')) {
      const keyAt = this.at;
      this.countItem();
      const keyBytes = this.string('a dictionary key must be a byte string');
      if (keyBytes.length > MAX_KEY_BYTES) {
        throw bad(keyAt, `a dictionary key is longer than ${MAX_KEY_BYTES} bytes`);
      }
      const key = keyOf(keyBytes);
      if (index === undefined ? names.includes(key) : index.has(key)) {
        throw bad(keyAt, 'a dictionary has the same key twice');
      }
      index?.set(key, names.length);
      names.push(key);
      if (names.length === INDEXED_FROM) index = new Map(names.map((name, at) => [name, at]));
      const valueAt = this.at;
      values.push(this.value(depth));
      spans.push(valueAt, this.at);
    }
    return new BencodeDictionary(this.bytes, names, values, spans, index);
  }

  private integer(): number | bigint {
    const start = this.at;
    let at = start + 1;
    const negative = this.bytes[at] === CHAR_MINUS;
    if (negative) at++;
    const firstDigit = at;
    let magnitude = 0;
    while (isDigit(this.bytes[at])) {
      magnitude = magnitude * 10 + ((this.bytes[at] ?? 0) - CHAR_0);
      at++;
      if (at - firstDigit > MAX_INTEGER_DIGITS) {
        throw bad(start, `an integer has more than ${MAX_INTEGER_DIGITS} digits`);
      }
    }
    const digits = at - firstDigit;
    if (digits === 0 && at < this.bytes.length) throw bad(at, 'an integer has no digit here');
    if (this.bytes[at] !== CHAR_E) throw this.badOrTruncated(at, 'an integer must end with "e"');
    if (this.bytes[firstDigit] === CHAR_0) {
      if (digits > 1) throw bad(start, 'an integer has a leading zero');
      if (negative) throw bad(start, 'negative zero is no integer');
    }
    this.at = at + 1;
    if (digits <= SAFE_DIGITS) return negative ? -magnitude : magnitude;
    let exact = 0n;
    for (let digit = firstDigit; digit < at; digit++) {
      exact = exact * 10n + BigInt((this.bytes[digit] ?? 0) - CHAR_0);
    }
    if (exact <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(negative ? -exact : exact);
    return negative ? -exact : exact;
  }

  /** `otherwise` is the rule that is broken when no string starts here. */
  private string(otherwise: string): Uint8Array {
    const start = this.at;
    let at = start;
    let length = 0;
    while (isDigit(this.bytes[at])) {
      length = length * 10 + ((this.bytes[at] ?? 0) - CHAR_0);
      at++;
      if (at - start > MAX_LENGTH_DIGITS) throw bad(start, 'the length of a string is absurd');
    }
    if (at === start) throw this.badOrTruncated(at, otherwise);
    if (this.bytes[at] !== CHAR_COLON) {
      throw this.badOrTruncated(at, 'the length of a string must be followed by ":"');
    }
    if (this.bytes[start] === CHAR_0 && at - start > 1) {
      throw bad(start, 'the length of a string has a leading zero');
    }
    const from = at + 1;
    if (length > this.bytes.length - from) {
      throw bad(
        start,
        `a string of ${length} bytes is announced, ${this.bytes.length - from} are left`,
      );
    }
    this.at = from + length;
    return this.bytes.subarray(from, this.at);
  }

  private open(depth: number): void {
    if (depth > this.maxDepth) throw bad(this.at, `nested deeper than ${this.maxDepth} levels`);
    this.at++;
  }

  private closed(what: string): boolean {
    const next = this.bytes[this.at];
    if (next === undefined) throw bad(this.at, `the input ends inside a ${what}`);
    if (next !== CHAR_E) return false;
    this.at++;
    return true;
  }

  private countItem(): void {
    if (this.itemsLeft-- <= 0) throw bad(this.at, 'more values than the limit allows');
  }

  private badOrTruncated(at: number, rule: string): MillraceError {
    return bad(at, at < this.bytes.length ? rule : 'the input ends inside a value');
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= CHAR_0 && byte <= CHAR_9;
}

function bad(offset: number, rule: string): MillraceError {
  return new MillraceError('bad-bencode', `bad bencode at byte ${offset}: ${rule}`, {
    offset,
    rule,
  });
}
