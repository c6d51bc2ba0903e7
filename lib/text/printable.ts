// Makes remote text safe to print: no control characters (a terminal would obey them), no
// bidirectional overrides (they reorder what a reader sees), and a limited length.

// C0, DEL and C1 controls, line and paragraph separators, bidirectional marks and overrides.
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;
const UNPRINTABLE_RUN = new RegExp(`${UNPRINTABLE.source}+`, 'gu');

// In addition, all other invisible characters, such as joiners and tags, and lone surrogates. Words
// and file names of some languages need joiners; a program's name does not.
const SHAPELESS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Printable text of at most `maxChars` characters. Cut text ends with `…`; unprintable characters
 * become spaces.
 */
export function printable(text: string, maxChars: number): string {
  const clean = text.replace(UNPRINTABLE_RUN, ' ').trim();
  const chars = [...clean.slice(0, 2 * maxChars + 2)];
  return chars.length > maxChars ? `${chars.slice(0, maxChars).join('')}…` : clean;
}

/**
 * Bytes as printable text: UTF-8, or Latin-1 if they are not valid UTF-8 (some old trackers send
 * that).
 */
export function printableBytes(bytes: Uint8Array, maxChars: number): string {
  // UTF-8 has at most 4 bytes per character: no later byte can be shown.
  const head = Buffer.from(bytes.subarray(0, 4 * maxChars + 4));
  const utf8 = head.toString('utf8');
  // A cut inside a character leaves one replacement mark at the very end, which is cut off anyway.
  const broken = utf8.slice(0, -1).includes('\ufffd');
  return printable(broken ? head.toString('latin1') : utf8, maxChars);
}

/** The whole text, with every unprintable character written as `\uXXXX`. */
export function escapeUnprintable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * The first `maxChars` characters of a program's name, without invisible ones; undefined if none is
 * left.
 */
export function printableName(text: string, maxChars: number): string | undefined {
  // Cut by code units first, to bound the work, then by characters, so that no surrogate pair is
  // split.
  const shown = text
    .slice(0, 4 * maxChars)
    .replace(SHAPELESS, '')
    .trim();
  return [...shown].slice(0, maxChars).join('') || undefined;
}
