// Peer exchange (BEP 11), as far as it concerns more than one peer: which peers of a torrent others
// are told of, and what happens to the addresses that peers tell us.

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
 * Shortest time between two lists of a torrent, and only after a peer came or left. A list of 200
 * peers takes some 20 µs and 4 KB for each peer thread. A peer that comes gets the last list at once
 * and further news after a minute, so that an old list would keep it waiting.
 */
const LIST_INTERVAL_MS = 5_000;

/** Sends the peer threads whom the peers of the torrent may be told of, if that has changed. */
export function listSwarm(engine: Engine, torrent: TorrentState): void {
  const { exchange, peers } = torrent;
  if (!exchange.hasChanged || isPrivate(torrent)) return;
  const nowMs = engine.nowMs();
  // The next peer must not be told of those that have left.
  if (peers.size > 0 && nowMs - exchange.listedAtMs < LIST_INTERVAL_MS) return;
  exchange.hasChanged = false;
  const entries = [...peers].flatMap((peer) => entryOf(peer) ?? []);
  // A single peer has nobody to be told of.
  if (entries.length < 2 && exchange.isEmpty) return;
  exchange.isEmpty = entries.length === 0;
  exchange.listedAtMs = nowMs;
  const ipv4 = joined(entries.filter(({ length }) => length === COMPACT_IPV4_BYTES + 1));
  const ipv6 = joined(entries.filter(({ length }) => length !== COMPACT_IPV4_BYTES + 1));
  for (const thread of torrent.openOn)
    engine.order(thread, { type: 'swarm', torrent: torrent.id, ipv4, ipv6 });
}

/** Address, port and flags of a peer; undefined while nobody knows where it listens. */
function entryOf(peer: Peer): Uint8Array | undefined {
  const port = peer.dialed?.port ?? peer.listenPort;
  if (peer.closing || port === undefined) return undefined;
  const where = writeCompactPeer(peer.dialed?.host ?? peer.host, port);
  if (where === undefined) return undefined; // The user gave its name.
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
  // Peers of one household count as one teller, except on loopback.
  const teller = String(peer.share ?? peer.identity.name);
  for (const { host, port } of fact.dropped) torrent.book.unlearn(host, port, teller);
  const others = fact.added.filter(({ host, port }) => !isOwnAddress(engine, host, port));
  const news = torrent.book.learn(others, { teller, weSeed: hasAll(torrent) }, nowMs);
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
