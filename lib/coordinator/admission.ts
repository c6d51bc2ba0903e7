// Whether a peer that has just shaken hands may stay: not banned, no twin of another connection, and a
// place for it.

import { toHex } from '../bytes/hex';
import type { CloseReason } from '../messages/close-reasons';
import type { Engine } from './engine';
import { closePeer } from './peer-orders';
import { takePlace } from './places';
import type { Peer, TorrentState } from './state';

/** Two connections this close to each other were dialled at the same time: a slow round trip or two. */
const CROSSING_MS = 5_000;

/** Why the peer must go; undefined where it stays. Those whose place it takes are closed. */
export function whyRefuse(
  engine: Engine,
  torrent: TorrentState,
  peer: Peer,
): CloseReason | undefined {
  if (torrent.book.isBanned(peer.host, peer.port, peer.peerId)) return 'banned';
  if (torrent.phase === 'failed') return 'torrent-failed';
  if (torrent.phase === 'paused' || torrent.phase === 'closed') return 'torrent-closed';
  const twin = twinOf(torrent, peer);
  if (!twin) return takePlace(engine, torrent, peer) ? undefined : 'too-many-connections';
  if (!isBetterTwin(engine, peer, twin)) {
    // We know now where the twin is reached: while it stays, nobody need dial there.
    if (peer.address && !twin.address) {
      twin.address = peer.address;
      peer.address = undefined;
    }
    return 'duplicate-peer';
  }
  closePeer(engine, twin, 'duplicate-peer'); // and its place is taken over
  return undefined;
}

function twinOf(torrent: TorrentState, peer: Peer): Peer | undefined {
  for (const other of torrent.peers) {
    if (other.peerId === peer.peerId && !other.closing) return other;
  }
  return undefined;
}

/**
 * The first connection to a peer stays, unless both sides dialled at the same time. Then each has
 * two of them in an order of its own, and each refusing the second would leave none: what the side
 * with the greater peer id dialled stays: both sides know which one that is.
 */
function isBetterTwin(engine: Engine, peer: Peer, twin: Peer): boolean {
  const weDialed = peer.dialed !== undefined;
  const crossed =
    weDialed !== (twin.dialed !== undefined) &&
    peer.connectedAtMs - twin.connectedAtMs < CROSSING_MS;
  return crossed && weDialed === toHex(engine.state.peerId) > peer.peerId;
}
