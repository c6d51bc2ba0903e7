// The kind of source that a text names, by its scheme.

/** Whether a text begins like a magnet link, valid or not. */
export function isMagnet(text: string): boolean {
  return /^\s*magnet:/i.test(text);
}
