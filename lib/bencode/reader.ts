// A cursor over untrusted bencoded input: it reads a value into objects, or skips it. Every length
// is checked against the rest of the input first, and both ways use one grammar.
import { MillraceError } from '../errors/millrace-error';
import { keyOf } from './text';
import { BencodeDictionary, INDEXED_FROM } from './value';
import type { BencodeValue } from './value';

/** Caps on one input. */
export interface DecodeLimits {
  /** Lists and dictionaries inside each other. Default 64 (a torrent needs 5), never above 512. */
  readonly maxDepth?: number;
  /**
   * Most values and keys that become objects. Default 1,048,576: two bytes of input can take a
   * hundred of memory, so this limit, not the input's size, bounds the memory (to some 100 MiB).
   */
  readonly maxItems?: number;
}

const DEFAULT_MAX_DEPTH = 64;
/** The cursor calls itself for each level; 512 levels fit any stack. */
const HARD_MAX_DEPTH = 512;
const DEFAULT_MAX_ITEMS = 1_048_576;
/** Longest dictionary key. Real ones are words, 20-byte hashes, or file names of 255 bytes. */
const MAX_KEY_BYTES = 4_096;
/** 2^64 has 20 digits, and nothing in the protocol counts further. */
const MAX_INTEGER_DIGITS = 20;
/** Every integer of up to 15 digits is safe: 10^15 < 2^53. */
const SAFE_DIGITS = 15;
/** No input is 10^15 bytes long, so a valid length has at most 15 digits. */
const MAX_LENGTH_DIGITS = 15;

export const CHAR_0 = 0x30;
export const CHAR_9 = 0x39;
const CHAR_COLON = 0x3a;
const CHAR_MINUS = 0x2d;
export const CHAR_D = 0x64;
const CHAR_E = 0x65;
export const CHAR_I = 0x69;
export const CHAR_L = 0x6c;

const NO_VALUE = 'no value starts with this byte';

/** A cursor over the input. */
export class Reader {
  at: number;
  readonly bytes: Uint8Array;
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
        return this.string();
    }
  }

  /** Skips a value: its content costs time, but no memory. */
  skip(depth: number): void {
    switch (this.bytes[this.at]) {
      case CHAR_I:
        this.passInteger();
        return;
      case CHAR_L:
        this.open(depth + 1);
        while (!this.closed('list')) this.skip(depth + 1);
        return;
      case CHAR_D:
        this.open(depth + 1);
        while (!this.closed('dictionary')) {
          this.passKey();
          this.skip(depth + 1);
        }
        return;
      default:
        this.passString(NO_VALUE);
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
      const key = keyOf(this.bytes.subarray(this.passKey(), this.at));
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

  integer(): number | bigint {
    let at = this.at + 1;
    this.passInteger();
    const end = this.at - 1;
    const negative = this.bytes[at] === CHAR_MINUS;
    if (negative) at++;
    if (end - at <= SAFE_DIGITS) {
      let magnitude = 0;
      for (; at < end; at++) magnitude = magnitude * 10 + ((this.bytes[at] ?? 0) - CHAR_0);
      return negative ? -magnitude : magnitude;
    }
    let exact = 0n;
    for (; at < end; at++) exact = exact * 10n + BigInt((this.bytes[at] ?? 0) - CHAR_0);
    if (exact <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(negative ? -exact : exact);
    return negative ? -exact : exact;
  }

  private passInteger(): void {
    const start = this.at;
    let at = start + 1;
    const negative = this.bytes[at] === CHAR_MINUS;
    if (negative) at++;
    const firstDigit = at;
    while (isDigit(this.bytes[at])) {
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
  }

  string(): Uint8Array {
    return this.bytes.subarray(this.passString(NO_VALUE), this.at);
  }

  /** Skips a key; returns where its bytes start. They end at `at`. */
  passKey(): number {
    const start = this.at;
    const from = this.passString('a dictionary key must be a byte string');
    if (this.at - from > MAX_KEY_BYTES) {
      throw bad(start, `a dictionary key is longer than ${MAX_KEY_BYTES} bytes`);
    }
    return from;
  }

  /**
   * Skips a string; returns where its bytes start. `otherwise`: the broken rule if there is none.
   */
  passString(otherwise: string): number {
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
    return from;
  }

  /** Enters a list or dictionary at nesting level `depth`. */
  open(depth: number): void {
    if (depth > this.maxDepth) throw bad(this.at, `nested deeper than ${this.maxDepth} levels`);
    this.at++;
  }

  /** Whether the list or dictionary ends here; if so, leaves it. */
  closed(what: string): boolean {
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

export function bad(offset: number, rule: string): MillraceError {
  return new MillraceError('bad-bencode', `bad bencode at byte ${offset}: ${rule}`, {
    offset,
    rule,
  });
}
