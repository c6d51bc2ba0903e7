// PURE. Fields of a bencoded dictionary from a tracker. A field of the wrong type is treated as
// absent, because one bad field must not cost the user the peers beside it.

import type { BencodeDictionary } from '../bencode/value';
import { printableBytes } from '../text/printable';

/** A non-negative integer that a number can hold. */
export function countField(dictionary: BencodeDictionary, key: string): number | undefined {
  const count = dictionary.integer(key);
  return count !== undefined && count >= 0 ? count : undefined;
}

/** Printable text; absent if there is none. */
export function textField(
  dictionary: BencodeDictionary,
  key: string,
  maxChars: number,
): string | undefined {
  const value = dictionary.bytes(key);
  const text = value === undefined ? '' : printableBytes(value, maxChars);
  return text === '' ? undefined : text;
}
