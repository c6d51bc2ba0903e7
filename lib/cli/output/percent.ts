// Progress of work that hashes files: one line on a terminal that is drawn over, else a line every
// few seconds.

import type { Io, RunFlags } from '../context';
import { formatBytes, formatPercent } from '../../text/quantities';

const REDRAW_EVERY_MS = 100;
const LINE_EVERY_MS = 5000;

export interface HashProgress {
  update(progress: { readonly doneBytes: number; readonly totalBytes: number }): void;
  /** Wipes the line on a terminal. */
  end(): void;
}

/** `flags.quiet` and `flags.json` show nothing: JSON is for programs, which have no use for it. */
export function hashProgress(
  io: Io,
  verb: string,
  flags: RunFlags,
  now: () => number = () => performance.now(),
): HashProgress {
  if (flags.quiet || flags.json) return { update: () => undefined, end: () => undefined };
  const everyMs = io.terminal ? REDRAW_EVERY_MS : LINE_EVERY_MS;
  let lastMs = now();
  return {
    update({ doneBytes, totalBytes }) {
      const nowMs = now();
      if (nowMs - lastMs < everyMs) return;
      lastMs = nowMs;
      const line = `${verb}: ${formatPercent(doneBytes, totalBytes)} of ${formatBytes(totalBytes)}`;
      if (io.terminal) io.draw(line);
      else io.stderr(`${line}\n`);
    },
    end: () => io.wipe(),
  };
}
