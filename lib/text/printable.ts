// Remote text that is safe to print: no control characters (a terminal would obey them), no
// bidirectional overrides (they make a line read as something else), and never long.

// C0, DEL and C1 controls, line and paragraph separators, bidirectional marks and overrides.
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;
const UNPRINTABLE_RUN = new RegExp(`${UNPRINTABLE.source}+`, 'gu');

// The same and every other character without a shape of its own, such as joiners and tags, and lone
// surrogates. Words and file names of some languages need joiners; a program's name does not.
const SHAPELESS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Printable text of at most `maxChars` characters; what is cut or unprintable leaves `…` or a space. */
export function printable(text: string, maxChars: number): string {
  const clean = text.replace(UNPRINTABLE_RUN, ' ').trim();
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

/** The whole text with every unprintable character written as `\uXXXX`. */
export function escapeUnprintable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The first `maxChars` characters of a program's name, without those that have no shape; undefined where none is left. */
export function printableName(text: string, maxChars: number): string | undefined {
  // Cut by code units first (bounded work), then by characters (no half surrogate pair is left).
  const shown = text
    .slice(0, 4 * maxChars)
    .replace(SHAPELESS, '')
    .trim();
  return [...shown].slice(0, maxChars).join('') || undefined;
}
