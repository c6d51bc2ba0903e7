// The live line of a terminal, which is overwritten. Other output erases it first, so that no line
// is torn; its owner draws it again below.

import type { Io } from '../context';

/** The destination of text. */
export interface Streams {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Whether `stderr` is a terminal. */
  readonly terminal: boolean;
  /** The present width of the terminal; undefined or 0 if unknown. */
  columns(): number | undefined;
}

/** Back to the beginning of the line, and clear to its end. */
const WIPE = '\r\u001b[K';

/** The only writer of these streams. */
export function terminalIo(streams: Streams): Io {
  let drawn = false;
  const wipe = (): void => {
    if (drawn) streams.stderr(WIPE);
    drawn = false;
  };
  return {
    terminal: streams.terminal,
    stdout(text) {
      wipe();
      streams.stdout(text);
    },
    stderr(text) {
      wipe();
      streams.stderr(text);
    },
    draw(line) {
      // A line that wraps could not be erased.
      const most = (streams.columns() || Infinity) - 1;
      streams.stderr(`${WIPE}${line.slice(0, most)}`);
      drawn = true;
    },
    wipe,
  };
}
