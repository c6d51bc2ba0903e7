// One line that says how things stand: on a terminal it is drawn over, elsewhere it is printed again
// when it has changed.

import type { Io, RunFlags } from '../context';

const REDRAW_EVERY_MS = 1000;

export interface LiveLine {
  /** Shows the figures a last time, in a line that stays. */
  end(): void;
}

/** `lineEveryMs`: where there is no terminal. With `flags.quiet` and `flags.json` nothing is shown. */
export function liveLine(
  io: Io,
  flags: RunFlags,
  lineEveryMs: number,
  describe: () => string,
): LiveLine {
  if (flags.quiet || flags.json) return { end: () => undefined };
  let last = '';
  const show = (): void => {
    const line = describe();
    if (io.terminal) io.draw(line);
    else if (line !== last) io.stderr(`${line}\n`);
    last = line;
  };
  const timer = setInterval(show, io.terminal ? REDRAW_EVERY_MS : lineEveryMs);
  return {
    end() {
      clearInterval(timer);
      const line = describe();
      if (io.terminal || line !== last) io.stderr(`${line}\n`);
    },
  };
}
