// Ends of connections: each is counted by its reason, and emitted to the app.

import type { CloseReason } from '../messages/close-reasons';
import type { EngineEvent } from '../messages/control';
import type { PeerFact } from '../messages/peer-thread';
import type { Engine } from './engine';
import type { TorrentState } from './state';

type PeerClosed = Extract<EngineEvent, { type: 'peer-closed' }>;

/** A connection to a peer of a torrent, or a dial, is over. */
export function tellClosed(
  engine: Engine,
  torrent: number,
  end: Omit<PeerClosed, 'type' | 'torrent'>,
): void {
  countClosed(engine, end.reason);
  engine.emit({ type: 'peer-closed', torrent, ...end });
}

/** A peer thread that has not reported the ends of its last peers by then hangs, and is not waited for. */
const LAST_PEERS_DEADLINE_MS = 3_000;

/** Resolves once the ends of all peers of a removed torrent have been emitted. */
export function untilPeersGone(engine: Engine, torrent: TorrentState): Promise<void> {
  if (torrent.peers.size === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const cancel = engine.clock.after(LAST_PEERS_DEADLINE_MS, resolve);
    torrent.onPeersGone.push(() => {
      cancel();
      resolve();
    });
  });
}

/** Counts an end without emitting it: its torrent no longer exists. */
export function countClosed(engine: Engine, reason: CloseReason): void {
  count(engine.state.closed, reason);
}

/** An incoming connection ended before anybody knew for which torrent it came. */
export function onRejected(engine: Engine, fact: Extract<PeerFact, { type: 'rejected' }>): void {
  const { host, port, reason, detail } = fact;
  count(engine.state.rejected, reason);
  engine.emit({ type: 'peer-rejected', host, port, reason, detail });
  engine.log('debug', 'an incoming connection was refused', { ...fact });
}

function count(counts: Map<CloseReason, number>, reason: CloseReason): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}
