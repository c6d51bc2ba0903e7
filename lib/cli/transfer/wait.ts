// Waiting for a torrent to reach an end: complete, seeded enough, failed, closed, stalled or
// interrupted, whichever comes first. Leaves no timer and no listener behind.

import type { Torrent, TorrentStats } from '../../index';
import type { Context } from '../context';
import { hasSeededEnough, StallWatch } from './rules';
import type { SeedLimits } from './rules';

/** How often figures are compared with the rules. */
const LOOK_EVERY_MS = 250;

/**
 * Looks at the torrent's figures until `done` says so; `done` may throw. Rejects with the torrent's
 * error, with `closed` when the torrent goes away, and with the signal's reason.
 */
export function untilTrue(
  torrent: Torrent,
  signal: AbortSignal,
  done: (stats: TorrentStats) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      clearInterval(timer);
      signal.removeEventListener('abort', onAbort);
      torrent.off('error', fail);
      torrent.off('closed', onClosed);
      torrent.off('stats', look);
      torrent.off('complete', look);
      settle();
    };
    const fail = (error: unknown): void => finish(() => reject(error as Error));
    const onAbort = (): void => fail(signal.reason);
    // `completed` carries the reason (a removal, a dead coordinator thread); once the torrent was
    // complete there is none, and an engine that ends while it seeds is a failure all the same.
    const onClosed = (): void => {
      torrent.completed.then(() => fail(new Error('the engine ended unexpectedly')), fail);
    };
    const look = (): void => {
      try {
        if (done(torrent.stats())) finish(resolve);
      } catch (error) {
        fail(error);
      }
    };
    const timer = setInterval(look, LOOK_EVERY_MS);
    signal.addEventListener('abort', onAbort);
    torrent.on('error', fail);
    torrent.on('closed', onClosed);
    torrent.on('stats', look);
    torrent.on('complete', look);
    if (signal.aborted) onAbort();
    else look();
  });
}

/** Until every piece is verified and on disk; rejects with `stalled` after too long without a byte. */
export async function untilComplete(
  torrent: Torrent,
  context: Pick<Context, 'api' | 'signal'>,
  stallTimeoutSec?: number,
): Promise<void> {
  let complete = false;
  const onComplete = (): void => void (complete = true);
  // The event comes at once; the promise also tells of what happened before we listened.
  torrent.on('complete', onComplete);
  torrent.completed.then(onComplete, () => undefined); // `error` and `closed` events say the same.
  const watch =
    stallTimeoutSec === undefined
      ? undefined
      : new StallWatch(stallTimeoutSec * 1000, performance.now());
  await untilTrue(torrent, context.signal, (stats) => {
    if (!complete && watch?.isStalled(performance.now(), stats)) {
      throw new context.api.MillraceError(
        'stalled',
        `no byte arrived for ${stallTimeoutSec} s (--stall-timeout); what was verified is kept`,
      );
    }
    return complete;
  }).finally(() => torrent.off('complete', onComplete));
}

/** Until enough was uploaded; without limits until the signal. */
export async function untilSeeded(
  torrent: Torrent,
  signal: AbortSignal,
  limits: SeedLimits,
): Promise<void> {
  const startedMs = performance.now();
  await untilTrue(torrent, signal, ({ uploadedBytes, totalBytes }) =>
    hasSeededEnough(limits, {
      uploadedBytes,
      totalBytes,
      elapsedMs: performance.now() - startedMs,
    }),
  );
}
