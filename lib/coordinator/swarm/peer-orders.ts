// Orders about a peer to its thread; none is sent unless it changes something.

import type { CloseReason } from '../../messages/close-reasons';
import type { Engine } from '../engine';
import type { Peer } from '../state';

/**
 * Orders the thread to close a peer. Until its `closed` fact arrives, the peer gets no more work.
 */
export function closePeer(engine: Engine, peer: Peer, reason: CloseReason): void {
  if (peer.closing) return;
  peer.closing = reason;
  engine.order(peer.thread, { type: 'close', connection: peer.id, reason });
}

/** Updates whether we are interested in the peer; only changes are sent. */
export function updateInterest(engine: Engine, peer: Peer): void {
  const interested = peer.usefulPieces > 0 && peer.torrent.phase === 'downloading';
  if (peer.weAreInterested === interested || peer.closing) return;
  peer.weAreInterested = interested;
  engine.order(peer.thread, { type: 'interest', connection: peer.id, interested });
}

/** Two sides that want nothing have nothing to exchange: two seeds, or partial seeds (BEP 21). */
export function closeIfUseless(engine: Engine, peer: Peer): void {
  const wantsNothing = peer.isSeed || peer.uploadOnly;
  if (wantsNothing && peer.torrent.phase === 'seeding') closePeer(engine, peer, 'not-useful');
}
