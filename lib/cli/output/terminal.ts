// The terminal's live line: the one line that is drawn over. Whatever else is written wipes it first,
// so that no line is torn; who drew it draws it again below.

import type { Io } from '../context';

/** Where text goes in the end. */
export interface Streams {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Whether `stderr` is a terminal. */
  readonly terminal: boolean;
  /** How wide the terminal is now; undefined or 0 where that is not known. */
  columns(): number | undefined;
}

/** Back to the line's begin, and clear to its end. */
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
      // A line that wraps could not be wiped.
      const most = (streams.columns() || Infinity) - 1;
      streams.stderr(`${WIPE}${line.slice(0, most)}`);
      drawn = true;
    },
    wipe,
  };
}
