// What kind of source a text names, by its scheme.

/** Whether a text is meant as a magnet link, right or wrong. */
export function isMagnet(text: string): boolean {
  return /^\s*magnet:/i.test(text);
}
