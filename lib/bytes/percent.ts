// Percent-encodes raw bytes, as in a tracker URL's info hash or peer id (BEP 3). The input is not
// text, so `encodeURIComponent` does not apply.

const UNRESERVED = /^[A-Za-z0-9\-._~]$/; // RFC 3986, section 2.3

/** The encoding of each byte value. */
const ENCODED: readonly string[] = Array.from({ length: 256 }, (_, value) => {
  const character = String.fromCharCode(value);
  if (UNRESERVED.test(character)) return character;
  return `%${value.toString(16).toUpperCase().padStart(2, '0')}`;
});

/** Encodes every byte except the unreserved characters of RFC 3986 as `%XX`, in upper case. */
export function percentEncode(bytes: Uint8Array): string {
  let text = '';
  for (const value of bytes) text += ENCODED[value] ?? '';
  return text;
}
