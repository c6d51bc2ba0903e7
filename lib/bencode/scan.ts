// Reads from bencoded input only what is asked for. Everything else is checked and passed over, so that
// memory follows from what the caller keeps and not from what a hostile file holds.
import { bad, CHAR_0, CHAR_9, CHAR_D, CHAR_I, CHAR_L, Reader } from './reader';

/** Where a value lies in its input: the bytes from `start` to before `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The values found under the keys that were asked for. */
export type Spans<Key extends string> = { readonly [key in Key]?: Span };

/** Looks into one input. What it passes for the first time is checked: it throws `bad-bencode`. */
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
   * Where the values of `keys` (ASCII) lie in the dictionary at `start`. All of the dictionary is
   * checked, but a key that comes twice is found out only if it is asked for.
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
      reader.at = item.end; // it was used for other things meanwhile
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
