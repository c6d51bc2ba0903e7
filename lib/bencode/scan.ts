// Reads only the requested parts of bencoded input. Everything else is checked and skipped, so that
// memory depends on what the caller keeps and not on what a hostile file contains.
import { bad, CHAR_0, CHAR_9, CHAR_D, CHAR_I, CHAR_L, Reader } from './reader';

/** Where a value lies in its input: the bytes from `start` to before `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The values found under the requested keys. */
export type Spans<Key extends string> = { readonly [key in Key]?: Span };

/**
 * Looks into one input. Bytes that are passed for the first time are checked: it throws
 * `bad-bencode`.
 */
export class Scanner {
  readonly bytes: Uint8Array;
  private readonly reader: Reader;

  constructor(bytes: Uint8Array) {
    this.reader = new Reader(bytes, 0, {});
    this.bytes = this.reader.bytes;
  }

  /** Checks the value at `start`, whatever it is. */
  value(start: number): Span {
    this.reader.at = start;
    this.reader.skip(0);
    return { start, end: this.reader.at };
  }

  /**
   * Where the values of `keys` (ASCII) lie in the dictionary at `start`. The whole dictionary is
   * checked, but a duplicate key is noticed only if it was requested.
   */
  dictionary<Key extends string>(start: number, keys: readonly Key[]): Spans<Key> {
    const { reader } = this;
    const found: { [key in Key]?: Span } = {};
    reader.at = start;
    reader.open(1);
    while (!reader.closed('dictionary')) {
      const keyAt = reader.at;
      const keyStart = reader.passKey();
      const valueAt = reader.at;
      const key = keys.find((wanted) => this.isAt(wanted, keyStart, valueAt));
      reader.skip(1);
      if (key === undefined) continue;
      if (found[key] !== undefined) throw bad(keyAt, 'a dictionary has the same key twice');
      found[key] = { start: valueAt, end: reader.at };
    }
    return found;
  }

  /** The items of the list at `listStart`, one after the other. */
  *list(listStart: number): Generator<Span, void, void> {
    const { reader } = this;
    reader.at = listStart;
    reader.open(1);
    while (!reader.closed('list')) {
      const start = reader.at;
      reader.skip(1);
      const item = { start, end: reader.at };
      yield item;
      reader.at = item.end; // The reader may have been used in between.
    }
  }

  isDictionary(span: Span | undefined): span is Span {
    return span !== undefined && this.bytes[span.start] === CHAR_D;
  }

  isList(span: Span | undefined): span is Span {
    return span !== undefined && this.bytes[span.start] === CHAR_L;
  }

  /** The integer in `span`, or undefined if the value there is of another kind. */
  integer(span: Span | undefined): number | bigint | undefined {
    if (span === undefined || this.bytes[span.start] !== CHAR_I) return undefined;
    this.reader.at = span.start;
    return this.reader.integer();
  }

  /** The byte string in `span` as a view of the input, or undefined if the value is of another kind. */
  string(span: Span | undefined): Uint8Array | undefined {
    const first = span === undefined ? 0 : (this.bytes[span.start] ?? 0);
    if (span === undefined || first < CHAR_0 || first > CHAR_9) return undefined;
    this.reader.at = span.start;
    return this.reader.string();
  }

  private isAt(key: string, start: number, end: number): boolean {
    if (end - start !== key.length) return false;
    for (let at = 0; at < key.length; at++) {
      if (this.bytes[start + at] !== key.charCodeAt(at)) return false;
    }
    return true;
  }
}
