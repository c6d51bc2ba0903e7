// What a decoded bencode value is. Byte strings are views of the input: nothing is copied.
import { asText } from './text';

/** `bigint` appears only beyond the safe integers; a byte string is a view of the decoded input. */
export type BencodeValue = number | bigint | Uint8Array | BencodeValue[] | BencodeDictionary;

/**
 * From this many keys on a dictionary has an index; below, walking its keys is faster and smaller.
 */
export const INDEXED_FROM = 9;

/** A dictionary that remembers the exact bytes of its values. Made by the decoder. */
export class BencodeDictionary {
  private readonly source: Uint8Array;
  private readonly names: readonly string[];
  private readonly values: readonly BencodeValue[];
  private readonly spans: readonly number[];
  private readonly index: ReadonlyMap<string, number> | undefined;

  /** `spans` holds the start and the end of every value in `source`, in the order of `names`. */
  constructor(
    source: Uint8Array,
    names: readonly string[],
    values: readonly BencodeValue[],
    spans: readonly number[],
    index: ReadonlyMap<string, number> | undefined,
  ) {
    this.source = source;
    this.names = names;
    this.values = values;
    this.spans = spans;
    this.index = index;
  }

  /** Number of keys. */
  get size(): number {
    return this.names.length;
  }

  /** Keys in the order they came. `keyOf` (text.ts) defines how one that is not UTF-8 reads. */
  keys(): string[] {
    return [...this.names];
  }

  has(key: string): boolean {
    return this.find(key) !== -1;
  }

  get(key: string): BencodeValue | undefined {
    return this.values[this.find(key)];
  }

  /** The bytes of a value exactly as they came: what a hash is taken over. A view of the input. */
  raw(key: string): Uint8Array | undefined {
    const at = this.find(key);
    return at === -1 ? undefined : this.source.subarray(this.spans[2 * at], this.spans[2 * at + 1]);
  }

  /** The byte string under `key`; undefined if there is none or the value is of another kind. */
  bytes(key: string): Uint8Array | undefined {
    const value = this.get(key);
    return value instanceof Uint8Array ? value : undefined;
  }

  /** The byte string under `key` as text (see `asText`); undefined as with `bytes`. */
  text(key: string): string | undefined {
    const value = this.bytes(key);
    return value && asText(value);
  }

  /** The integer under `key`; undefined if there is none, it is not safe, or of another kind. */
  integer(key: string): number | undefined {
    const value = this.get(key);
    return typeof value === 'number' ? value : undefined;
  }

  /** The list under `key`; undefined if there is none or the value is of another kind. */
  list(key: string): BencodeValue[] | undefined {
    const value = this.get(key);
    return Array.isArray(value) ? value : undefined;
  }

  /** The dictionary under `key`; undefined if there is none or the value is of another kind. */
  dict(key: string): BencodeDictionary | undefined {
    const value = this.get(key);
    return value instanceof BencodeDictionary ? value : undefined;
  }

  private find(key: string): number {
    return this.index === undefined ? this.names.indexOf(key) : (this.index.get(key) ?? -1);
  }
}
