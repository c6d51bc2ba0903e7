// A source that sends not a single byte while requests time out: its connection may be dead, which TCP
// notices only after many minutes. Its blocks go to other sources; if there are none, it is dialled again.

import type { Engine } from '../engine';
import { closePeer } from '../swarm/peer-orders';
import { Peer } from '../state';
import type { Source } from '../state';

/**
 * All requests to the source timed out, and it sent no byte meanwhile. If that happens twice in a row,
 * and no other source serves us, the connection is closed, and the address book dials the peer again.
 */
export function noteSilence(engine: Engine, source: Source): void {
  const nowMs = engine.nowMs();
  source.silentSinceMs ??= nowMs;
  // One time-out ends several leases at once.
  if (nowMs - source.silentSinceMs < engine.state.settings.limits.requestTimeoutMs / 2) return;
  // An incoming peer whose port is not known could not be dialled.
  if (!(source instanceof Peer) || source.address === undefined) return;
  for (const other of source.torrent.sources) if (other !== source && serves(other)) return;
  closePeer(engine, source, 'silent');
}

function serves({ choked, closing, usefulPieces, silentSinceMs }: Source): boolean {
  return !choked && closing === undefined && usefulPieces > 0 && silentSinceMs === undefined;
}
