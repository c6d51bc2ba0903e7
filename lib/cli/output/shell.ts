// Quotes words for a POSIX shell. Pure.

/** Characters without a special meaning in any shell. */
const PLAIN = /^[A-Za-z0-9_./:@%+=,-]+$/;

/** The word, quoted if necessary. */
export function shellWord(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
