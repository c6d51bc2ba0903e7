// Waits until a torrent is complete, has seeded enough, fails, closes, stalls or is interrupted,
// whichever comes first. Leaves no timer or listener behind.

import type { Torrent, TorrentStats } from '../../index';
import type { Context } from '../context';
import { hasSeededEnough, StallWatch } from './rules';
import type { SeedLimits } from './rules';

/** Interval between comparisons of the figures with the rules. */
const LOOK_EVERY_MS = 250;

/**
 * Watches the torrent's figures until `done` returns true; `done` may throw. Rejects with the
 * torrent's error, with `closed` if the torrent is removed, or with the signal's reason.
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
    // `completed` has the reason (a removal, a dead coordinator thread). After completion there is
    // none, but an engine that ends while it seeds is still a failure.
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

/**
 * Waits until every piece is verified and on disk; rejects with `stalled` after too long without
 * data.
 */
export async function untilComplete(
  torrent: Torrent,
  context: Pick<Context, 'api' | 'signal'>,
  stallTimeoutSec?: number,
): Promise<void> {
  let complete = false;
  const onComplete = (): void => void (complete = true);
  // The event is immediate; the promise also covers an earlier completion.
  torrent.on('complete', onComplete);
  torrent.completed.then(onComplete, () => undefined); // The events `error` and `closed` report the same.
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

/** Waits until enough was uploaded; without limits, until the signal. */
export async function untilSeeded(
  torrent: Torrent,
  signal: AbortSignal,
  limits: SeedLimits,
): Promise<void> {
  const startedMs = performance.now();
  await untilTrue(torrent, signal, ({ uploadedBytes, totalBytes = 0 }) =>
    hasSeededEnough(limits, {
      uploadedBytes,
      totalBytes,
      elapsedMs: performance.now() - startedMs,
    }),
  );
}
