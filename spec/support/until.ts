// Waiting for something that no event tells of.

import { setImmediate as nextTurn } from 'node:timers/promises';

/** Below mocha's 60 s, so that a failure has a name. */
const DEADLINE_MS = 50_000;

/** Looks once in each turn of the loop until it is so; rejects at the deadline, naming what was waited for. */
export async function until(
  isSo: () => boolean,
  what: string,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  let late = false;
  const timer = setTimeout(() => (late = true), deadlineMs);
  try {
    while (!isSo()) {
      if (late) throw new Error(`waited too long for: ${what}`);
      await nextTurn();
    }
  } finally {
    clearTimeout(timer);
  }
}
