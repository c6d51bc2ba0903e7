// Peer exchange (BEP 11) in the coordinator: the list of peers that sessions send, and the addresses
// that they receive.

import { COMPACT_IPV4_BYTES, writeCompactPeer } from '../../address/compact-peers';
import type { FactOf } from '../../messages/peer-thread';
import { PEER_FLAG } from '../../wire/peer-exchange';
import type { Engine } from '../engine';
import { wake } from '../rest';
import { hasAll, isPrivate } from '../state';
import type { Peer, TorrentState } from '../state';
import { dialMore } from './dialing';
import { isOwnAddress } from './own-addresses';

/**
 * Shortest time between two lists of a torrent. A list of 200 peers takes some 20 µs and 4 KB for
 * each peer thread. A new peer is sent the last list at once and changes only a minute later, so the
 * list must not be much older.
 */
const LIST_INTERVAL_MS = 5_000;

/** Sends the list of the torrent's peers to the peer threads, if a peer came or left since the last one. */
export function listSwarm(engine: Engine, torrent: TorrentState): void {
  const { exchange, peers } = torrent;
  if (!exchange.hasChanged || isPrivate(torrent)) return;
  const nowMs = engine.nowMs();
  // With no peer left, the empty list is sent at once: the next peer must not get the old one.
  if (peers.size > 0 && nowMs - exchange.listedAtMs < LIST_INTERVAL_MS) return;
  exchange.hasChanged = false;
  const entries = [...peers].flatMap((peer) => entryOf(peer) ?? []);
  // With a single peer there is nothing to exchange.
  if (entries.length < 2 && exchange.isEmpty) return;
  exchange.isEmpty = entries.length === 0;
  exchange.listedAtMs = nowMs;
  const ipv4 = joined(entries.filter(({ length }) => length === COMPACT_IPV4_BYTES + 1));
  const ipv6 = joined(entries.filter(({ length }) => length !== COMPACT_IPV4_BYTES + 1));
  for (const thread of torrent.openOn)
    engine.order(thread, { type: 'swarm', torrent: torrent.id, ipv4, ipv6 });
}

/** Address, port and flags of a peer; undefined while its listening port is not known. */
function entryOf(peer: Peer): Uint8Array | undefined {
  const port = peer.dialed?.port ?? peer.listenPort;
  if (peer.closing || port === undefined) return undefined;
  const where = writeCompactPeer(peer.dialed?.host ?? peer.host, port);
  if (where === undefined) return undefined; // The user gave a host name.
  const entry = new Uint8Array(where.length + 1);
  entry.set(where);
  entry[where.length] =
    (peer.isSeed ? PEER_FLAG.seed : 0) | (peer.dialed === undefined ? 0 : PEER_FLAG.reachable);
  return entry;
}

function joined(entries: readonly Uint8Array[]): Uint8Array {
  const lengthBytes = entries.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(lengthBytes);
  let at = 0;
  for (const entry of entries) {
    bytes.set(entry, at);
    at += entry.length;
  }
  return bytes;
}

export function onPeerExchange(engine: Engine, fact: FactOf<'peer-exchange'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer || peer.closing || isPrivate(peer.torrent)) return;
  const { torrent } = peer;
  const nowMs = engine.nowMs();
  // Peers of one household (an address, or a /64 of IPv6) count as one sender, except on loopback.
  const sender = String(peer.share ?? peer.identity.name);
  for (const { host, port } of fact.dropped) torrent.book.retract(host, port, sender);
  const others = fact.added.filter(({ host, port }) => !isOwnAddress(engine, host, port));
  const news = torrent.book.learn(others, { sender, weSeed: hasAll(torrent) }, nowMs);
  engine.log('debug', 'peer exchange', {
    torrent: torrent.infoHash,
    peer: peer.identity.name,
    added: fact.added.length,
    dropped: fact.dropped.length,
    new: news,
  });
  if (news === 0) return;
  dialMore(engine, torrent);
  wake(engine, torrent);
}
