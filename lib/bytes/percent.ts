// Percent encoding of raw bytes, as a tracker's URL wants an info hash or a peer id (BEP 3): the bytes
// themselves, not their hexadecimal text, and not text at all, so `encodeURIComponent` cannot do it.

const UNRESERVED = /^[A-Za-z0-9\-._~]$/; // RFC 3986, section 2.3

/** What each value of a byte becomes. */
const ENCODED: readonly string[] = Array.from({ length: 256 }, (_, value) => {
  const character = String.fromCharCode(value);
  if (UNRESERVED.test(character)) return character;
  return `%${value.toString(16).toUpperCase().padStart(2, '0')}`;
});

/** Every byte outside the unreserved characters of RFC 3986 as `%XX`, in capitals. */
export function percentEncode(bytes: Uint8Array): string {
  let text = '';
  for (const value of bytes) text += ENCODED[value] ?? '';
  return text;
}
