// From the adding of a share's torrent until others can download it.

import { MillraceError } from '../errors/millrace-error';
import type { TorrentStats } from '../messages/stats';
import type { CreateOptions } from './create-torrent';
import type { Torrent } from './torrent';

/**
 * How long to wait for the announce: our own tracker on our own machine replies at once, or is
 * unreachable by this name.
 */
const ANNOUNCE_DEADLINE_MS = 10_000;

/** Reports how much the engine has verified; returns a function that ends the reports. */
export function reportVerified(torrent: Torrent, report: CreateOptions['onProgress']): () => void {
  const { totalBytes = 0, pieceLengthBytes = 0 } = torrent;
  const onStats = ({ piecesChecked, piecesToCheck }: TorrentStats): void => {
    if (piecesToCheck === 0) return; // Not started, or the record of an earlier run covers everything.
    const bytesOf = (pieces: number): number => Math.min(pieces * pieceLengthBytes, totalBytes);
    report?.({ doneBytes: bytesOf(piecesChecked), totalBytes: bytesOf(piecesToCheck) });
  };
  const onComplete = (): void => report?.({ doneBytes: totalBytes, totalBytes });
  torrent.on('stats', onStats).once('complete', onComplete);
  return () => torrent.off('stats', onStats).off('complete', onComplete);
}

/** Resolves when the data is complete and a tracker knows the seed, so that later peers find it. */
export function untilSeeding(
  torrent: Torrent,
  host: string,
  deadlineMs = ANNOUNCE_DEADLINE_MS,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let reason = 'no answer';
    let timer: NodeJS.Timeout | undefined;
    let settled = false;
    const settle = (how: () => void): void => {
      settled = true;
      clearTimeout(timer);
      torrent.off('tracker', onTracker);
      torrent.off('closed', onClosed);
      how();
    };
    const fail = (error: unknown): void => settle(() => reject(error as Error));
    const onClosed = (): void => fail(new MillraceError('closed', 'the torrent was removed'));
    const onTracker = ({ ok, message }: { ok: boolean; message: string | undefined }): void => {
      if (ok) settle(resolve);
      else reason = message ?? reason;
    };
    const onLate = (): void =>
      fail(
        new MillraceError(
          'share-unreachable',
          `this machine does not reach its own tracker at ${host} (${reason}): name it by an address of its own`,
        ),
      );
    torrent.on('tracker', onTracker);
    torrent.on('closed', onClosed);
    torrent.completed.then(() => {
      // The reply may have arrived together with the completion.
      if (!settled) timer = setTimeout(onLate, deadlineMs);
    }, fail);
  });
}
