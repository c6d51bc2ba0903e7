// Ends a run, for whatever reason: closes peers, frees memory, announces `stopped`, makes verified
// data durable. What follows is in `steps.ts`.

import type { ErrorRecord } from '../../errors/millrace-error';
import type { CloseReason } from '../../messages/close-reasons';
import { closeAccount } from '../account/accounting';
import type { Engine } from '../engine';
import { giveUpDials } from '../swarm/dialing';
import { stopAnnouncing } from '../swarm/last-announces';
import { unlimit } from '../swarm/limits';
import { endFetch } from '../metadata/fetch';
import { enter, errorOf, newCheck } from './life';
import type { Checking, Closed, Stopped } from './life';
import { closePeer } from '../swarm/peer-orders';
import { evictAll } from '../pieces/eviction';
import { withRemedy } from './remedies';
import { wake } from '../rest';
import { isKnown } from '../state';
import type { KnownTorrent, TorrentState } from '../state';
import { verifyAllFilled } from '../pieces/verifying';

/** Ends the run: stops all traffic at once, and starts to make verified data durable. */
export function endRun(
  engine: Engine,
  torrent: TorrentState,
  next: Checking | Stopped | Closed,
): void {
  enter(torrent, next);
  torrent.epoch++;
  wake(engine, torrent);
  closeAccount(engine, torrent);
  endFetch(torrent);
  engine.state.budget.setActive(torrent.id, false);
  closePeers(engine, torrent, next.phase === 'failed' ? 'torrent-failed' : 'torrent-closed');
  if (isKnown(torrent)) {
    if (next.phase !== 'failed') verifyAllFilled(engine, torrent);
    evictAll(engine, torrent);
    if (torrent.content.watch) torrent.content.watch.looking = false;
  }
  giveUpDials(torrent);
  stopAnnouncing(engine, torrent);
  engine.turn.stats.add(torrent);
  engine.happen({ type: 'go-on', torrent });
}

/** The user pauses: closes peers, frees memory, announces `stopped`, keeps verified data. */
export function pauseTorrent(engine: Engine, torrent: TorrentState): void {
  if (torrent.phase === 'closed' || torrent.phase === 'paused') return;
  const error = errorOf(torrent.life);
  endRun(engine, torrent, { phase: 'paused', step: 'settling', error });
}

/**
 * An error that only the user can fix (disk full, no permission): like a pause, with its reason. A
 * paused torrent stays paused.
 */
export function failTorrent(engine: Engine, torrent: TorrentState, cause: ErrorRecord): void {
  if (torrent.phase === 'failed' || torrent.phase === 'closed') return;
  if (torrent.life.phase === 'paused') return notePaused(engine, torrent, torrent.life, cause);
  const error = withRemedy(torrent, cause);
  const { code, message } = error;
  torrent.completeSent = false; // After a resume, `complete` is emitted again.
  engine.log('error', 'torrent stopped', { torrent: torrent.infoHash, code, error: message });
  endRun(engine, torrent, { phase: 'failed', step: 'settling', error: { code, message } });
  // Emitted at once: later, the app might have resumed the torrent already.
  engine.emit({ type: 'error', torrent: torrent.id, error });
}

/** Work that was under way at the pause has failed. The next run tries it again. */
function notePaused(
  engine: Engine,
  torrent: TorrentState,
  life: Stopped,
  cause: ErrorRecord,
): void {
  const { code, message } = withRemedy(torrent, cause);
  engine.log('warn', 'a paused torrent has an error', {
    torrent: torrent.infoHash,
    code,
    error: message,
  });
  life.error ??= { code, message };
  engine.turn.stats.add(torrent);
}

/** Another program touched files that may still be right: the run ends, and they are read again. */
export function recheckRun(engine: Engine, torrent: KnownTorrent): void {
  endRun(engine, torrent, newCheck({ recordFirst: true }));
}

/** Closes the connections of the torrent on all threads, and its files there. */
export function closePeers(engine: Engine, torrent: TorrentState, reason: CloseReason): void {
  for (const peer of [...torrent.peers]) closePeer(engine, peer, reason);
  for (const thread of torrent.openOn)
    engine.order(thread, { type: 'close-torrent', torrent: torrent.id, reason });
  torrent.openOn.clear();
  unlimit(engine, torrent);
}

/** Resolves when a stop has taken effect, or the torrent runs again. */
export function stopped(torrent: TorrentState): Promise<void> {
  const { life } = torrent;
  if (life.phase !== 'closed' && !(life.phase === 'paused' && life.step !== 'rest'))
    return Promise.resolve();
  if (life.phase === 'closed' && life.step === 'gone') return Promise.resolve();
  return new Promise((resolve) => torrent.onStopped.push(resolve));
}

/** Calls all waiting callbacks, once. */
export function settleAll(waiting: (() => void)[]): void {
  for (const settle of waiting.splice(0)) settle();
}
