// Whether a peer that has completed its handshake may stay: it is not banned, duplicates no
// connection, and gets a place.

import { toHex } from '../../bytes/hex';
import type { CloseReason } from '../../messages/close-reasons';
import type { Engine } from '../engine';
import { closePeer } from './peer-orders';
import { takePlace, uselessSinceMs } from './places';
import type { Peer, TorrentState } from '../state';

/**
 * Connections within this time of each other were dialled simultaneously: one or two slow round
 * trips.
 */
const CROSSING_MS = 5_000;

/** Why the peer must be closed; undefined if it stays. A peer whose place it takes is closed. */
export function whyRefuse(
  engine: Engine,
  torrent: TorrentState,
  peer: Peer,
): CloseReason | undefined {
  if (torrent.book.isBanned(peer.host, peer.port, peer.peerId)) return 'banned';
  const { dialed } = peer;
  if (dialed && torrent.book.isOrphan(dialed.host, dialed.port)) return 'private-torrent';
  if (torrent.phase === 'failed') return 'torrent-failed';
  // Its thread has the order to close the torrent and everything of it.
  if (!torrent.openOn.has(peer.thread)) return 'torrent-closed';
  const twin = twinOf(torrent, peer);
  if (!twin) {
    const neighbour = neighbourOf(engine, torrent, peer);
    // A restarted client has another peer id, and its former connection may still be open here.
    if (neighbour && uselessSinceMs(neighbour, engine.nowMs()) === undefined) return 'same-address';
    if (!takePlace(engine, torrent, peer)) return 'too-many-connections';
    if (neighbour) closePeer(engine, neighbour, 'gave-way');
    return undefined;
  }
  if (!isBetterTwin(engine, peer, twin)) {
    // The duplicate gave us the address of its twin: while the twin stays, that address need not be
    // dialled.
    if (peer.address && !twin.address) {
      twin.address = peer.address;
      peer.address = undefined;
    }
    return 'duplicate-peer';
  }
  closePeer(engine, twin, 'duplicate-peer'); // The new peer takes its place.
  return undefined;
}

/**
 * Another connected peer at the same address, unless several are allowed. Loopback is exempt, because
 * unrelated peers share it.
 */
function neighbourOf({ state }: Engine, torrent: TorrentState, peer: Peer): Peer | undefined {
  if (state.settings.multiplePerAddress || peer.share === undefined) return undefined;
  for (const other of torrent.peers) if (other.host === peer.host && !other.closing) return other;
  return undefined;
}

function twinOf(torrent: TorrentState, peer: Peer): Peer | undefined {
  for (const other of torrent.peers) {
    if (other.peerId === peer.peerId && !other.closing) return other;
  }
  return undefined;
}

/**
 * The first connection to a peer stays, unless both sides dialled at the same time. Then each side
 * has both connections, in its own order, and if each refused the second, none would be left. So
 * the connection dialled by the side with the greater peer id stays: both sides know which one that
 * is.
 */
function isBetterTwin(engine: Engine, peer: Peer, twin: Peer): boolean {
  const weDialed = peer.dialed !== undefined;
  const crossed =
    weDialed !== (twin.dialed !== undefined) &&
    peer.connectedAtMs - twin.connectedAtMs < CROSSING_MS;
  return crossed && weDialed === toHex(engine.state.peerId) > peer.peerId;
}
