// Words as a POSIX shell wants them. Pure.

/** No shell gives these a meaning inside a word. */
const PLAIN = /^[A-Za-z0-9_./:@%+=,-]+$/;

/** The word as it has to be typed to arrive as it is. */
export function shellWord(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
