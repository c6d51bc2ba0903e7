// Decodes untrusted bytes to values (BEP 3): depth and count are limited, and time is linear in the
// input. Use scan.ts for large input of which little is needed.
import { bad, Reader } from './reader';
import type { DecodeLimits } from './reader';
import type { BencodeValue } from './value';

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
