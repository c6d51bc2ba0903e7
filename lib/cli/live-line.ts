// One line that says how things stand: on a terminal it is drawn over, elsewhere it is printed again
// when it has changed.

import type { Io, RunFlags } from './context';

const REDRAW_EVERY_MS = 1000;

export interface LiveLine {
  /** A line of its own, above the live one. */
  say(line: string): void;
  /** Shows the figures a last time and gives the terminal back. */
  end(): void;
}

/** `lineEveryMs`: where there is no terminal. With `flags.quiet` and `flags.json` nothing is shown. */
export function liveLine(
  io: Io,
  flags: RunFlags,
  lineEveryMs: number,
  describe: () => string,
): LiveLine {
  if (flags.quiet || flags.json) return { say: () => undefined, end: () => undefined };
  let last = '';
  const wipe = io.terminal ? '\r\u001b[K' : '';
  const show = (): void => {
    const line = describe();
    if (io.terminal) io.stderr(`${wipe}${line}`);
    else if (line !== last) io.stderr(`${line}\n`);
    last = line;
  };
  const timer = setInterval(show, io.terminal ? REDRAW_EVERY_MS : lineEveryMs);
  return {
    say: (line) => io.stderr(`${wipe}${line}\n`),
    end() {
      clearInterval(timer);
      show();
      if (io.terminal) io.stderr('\n');
    },
  };
}
