// Waiting for a condition that no event reports.

import { setTimeout as delay } from 'node:timers/promises';

/** Below mocha's 60 s, so that a failure has a name. */
const DEADLINE_MS = 50_000;

/** Between two checks: checking in each turn of the loop would take a core from what is awaited. */
const CHECK_EVERY_MS = 2;

/** Checks until it is so; rejects at the deadline with an error that names `what` was awaited. */
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
      await delay(CHECK_EVERY_MS);
    }
  } finally {
    clearTimeout(timer);
  }
}
