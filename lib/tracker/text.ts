// Remote bytes as text that is safe to print: no control characters (a terminal would obey them),
// no bidirectional overrides (they make a line read as something else), and never long.

// C0, DEL and C1 controls, line and paragraph separators, bidirectional marks and overrides.
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/gu;

/** Printable text of at most `maxChars` characters; what is cut or unprintable leaves `…` or a space. */
export function printable(text: string, maxChars: number): string {
  const clean = text.replace(UNPRINTABLE, ' ').trim();
  const chars = [...clean.slice(0, 2 * maxChars + 2)];
  return chars.length > maxChars ? `${chars.slice(0, maxChars).join('')}…` : clean;
}

/** Bytes as printable text: UTF-8, or Latin-1 where they are not UTF-8 (old trackers send such). */
export function printableBytes(bytes: Uint8Array, maxChars: number): string {
  // 4 bytes per character is UTF-8's longest: nothing behind that can be shown.
  const head = Buffer.from(bytes.subarray(0, 4 * maxChars + 4));
  const utf8 = head.toString('utf8');
  // A cut in the middle of a character leaves one mark at the very end, which is cut off anyway.
  const broken = utf8.slice(0, -1).includes('\ufffd');
  return printable(broken ? head.toString('latin1') : utf8, maxChars);
}
