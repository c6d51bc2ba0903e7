// Grants allowed fast pieces (BEP 6) to newcomers that we keep choked: interested peers with fewer
// pieces than we allow.

import { addressOfHost } from '../../address/text';
import { allowedFastCount, allowedFastSet } from '../../choke/allowed-fast';
import type { Engine } from '../engine';
import type { KnownTorrent, Peer } from '../state';

/**
 * Time choked before a grant: a peer that gets a slot at once needs none. Peers of one /24 have the same
 * set, so a seed that granted it to all of them would send the same pieces to each.
 */
const CHOKED_MS = 2_000;

/**
 * Grants pieces to the newcomers of a torrent, once each. Called on ticks. Only a seed grants: a download
 * keeps its uplink for peers that upload to us. A super-seed shows different pieces to each peer instead.
 */
export function allowFast(engine: Engine, torrent: KnownTorrent): void {
  if (torrent.phase !== 'seeding' || torrent.content.superSeed !== undefined) return;
  const longAgoMs = engine.nowMs() - CHOKED_MS;
  const count = allowedCount(torrent);
  for (const peer of torrent.peers) {
    if (peer.fastGrant !== 'none' || !peer.answersAll || peer.connectedAtMs > longAgoMs) continue;
    if (peer.weChoke && peer.theyAreInterested && peer.haveCount < count && !peer.closing)
      grant(engine, torrent, peer, count);
  }
}

function grant(engine: Engine, torrent: KnownTorrent, peer: Peer, count: number): void {
  const address = addressOfHost(peer.host);
  if (address?.length !== 4) return; // BEP 6 defines no set for IPv6.
  const { pieceCount } = torrent.content.layout;
  const pieces = allowedFastSet({ infoHash: torrent.infoHashBytes, pieceCount }, address, count);
  peer.fastGrant = 'granted';
  engine.order(peer.thread, { type: 'allow-fast', connection: peer.id, pieces });
}

/** The peer announced more pieces: its grant ends once it has as many as we allow. */
export function endGrant(engine: Engine, torrent: KnownTorrent, peer: Peer): void {
  if (peer.fastGrant !== 'granted' || peer.haveCount < allowedCount(torrent)) return;
  peer.fastGrant = 'ended';
  engine.order(peer.thread, { type: 'allow-fast', connection: peer.id, pieces: [] });
}

function allowedCount({ content: { layout } }: KnownTorrent): number {
  return allowedFastCount(layout.pieceCount, layout.pieceLengthBytes);
}
