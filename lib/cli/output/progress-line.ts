// The progress line: on a terminal it is overwritten, elsewhere it is printed again when it has
// changed. Other output goes through it.

import type { Io, RunFlags } from '../context';
import { formatBytes, formatPercent } from '../../text/quantities';

export class ProgressLine {
  private readonly io: Io;
  private readonly drawnOver: boolean;
  /** The last content is drawn, and not printed as a line of its own. */
  private isDrawn = false;
  private last = '';

  /** `drawnOver`: overwrite instead of printing. Default: on a terminal. */
  constructor(io: Io, drawnOver = io.terminal) {
    this.io = io;
    this.drawnOver = drawnOver;
  }

  /** `bar` precedes the line where it is overwritten, and is not part of the line that stays. */
  show(line: string, bar = ''): void {
    if (this.drawnOver) this.io.draw(`${bar}${line}`);
    else if (line !== this.last) this.say(line);
    this.isDrawn = this.drawnOver;
    this.last = line;
  }

  /** Prints a separate line; the next progress is drawn below it. */
  say(line: string): void {
    this.isDrawn = false;
    this.io.stderr(`${line}\n`);
  }

  /** Keeps the progress as a line: the last one shown, or `line`. */
  settle(line = this.last): void {
    if (this.isDrawn || line !== this.last) this.say(line);
    this.last = line;
  }

  /** Erases the progress line. */
  wipe(): void {
    this.isDrawn = false;
    this.io.wipe();
  }
}

/** Programs that read JSON do not need progress lines. */
function isUnwanted({ quiet, json }: RunFlags): boolean {
  return quiet === true || json === true;
}

const LIVE_REDRAW_EVERY_MS = 1000;

export interface LiveLine {
  /** Shows the figures a last time, in a line that stays. */
  end(): void;
}

/** Shows the present figures repeatedly; `lineEveryMs`: interval without a terminal. */
export function liveLine(
  io: Io,
  flags: RunFlags,
  lineEveryMs: number,
  describe: () => string,
): LiveLine {
  if (isUnwanted(flags)) return { end: () => undefined };
  const line = new ProgressLine(io);
  const show = (): void => line.show(describe());
  const timer = setInterval(show, io.terminal ? LIVE_REDRAW_EVERY_MS : lineEveryMs);
  return {
    end() {
      clearInterval(timer);
      line.settle(describe());
    },
  };
}

const HASH_REDRAW_EVERY_MS = 100;
const HASH_LINE_EVERY_MS = 5000;

export interface HashProgress {
  update(progress: { readonly doneBytes: number; readonly totalBytes: number }): void;
  /** Wipes the line on a terminal. */
  end(): void;
}

/** How far the hashing of files is. */
export function hashProgress(
  io: Io,
  verb: string,
  flags: RunFlags,
  now: () => number = () => performance.now(),
): HashProgress {
  if (isUnwanted(flags)) return { update: () => undefined, end: () => undefined };
  const line = new ProgressLine(io);
  const everyMs = io.terminal ? HASH_REDRAW_EVERY_MS : HASH_LINE_EVERY_MS;
  let lastMs = now();
  return {
    update({ doneBytes, totalBytes }) {
      const nowMs = now();
      if (nowMs - lastMs < everyMs) return;
      lastMs = nowMs;
      line.show(`${verb}: ${formatPercent(doneBytes, totalBytes)} of ${formatBytes(totalBytes)}`);
    },
    end: () => line.wipe(),
  };
}
