// Counts which source has which pieces into the picker: at once as a rule, and with a rate limit
// where sources with long bitfields come and go.

import { Bitfield } from '../../bytes/bitfield';
import type { FactOf } from '../../messages/peer-thread';
import type { Engine } from '../engine';
import { feedSource } from './leasing';
import { endGrant } from '../swarm/allow-fast';
import { closeIfUseless, updateInterest } from '../swarm/peer-orders';
import { noteAnnounced } from '../swarm/super-seeding';
import { Peer, isKnown } from '../state';
import type { KnownTorrent, Source } from '../state';

/**
 * A step takes 50 ns in a torrent of 10,000 pieces, and 300 ns in one of 2,000,000, which exceeds
 * any cache. So a flood of bitfields takes 1 to 6 % of the thread, and the burst counts 30 peers of
 * 2,000 pieces at once. Pieces of sources not counted yet only look rarer than they are.
 */
export const COUNTING_RATE = { perSec: 200_000, burst: 65_536 };

export function onBitfield(engine: Engine, fact: FactOf<'peer-bitfield'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  const { torrent } = peer;
  if (!isKnown(torrent)) return;
  uncountSource(engine, peer);
  const { possession, layout } = torrent.content;
  if (typeof fact.bits === 'string') {
    peer.bits = new Bitfield(layout.pieceCount);
    if (fact.bits === 'all') peer.bits.setAll();
    peer.haveCount = fact.bits === 'all' ? layout.pieceCount : 0;
    peer.usefulPieces = fact.bits === 'all' ? possession.missingWantedPieces : 0;
  } else {
    peer.bits = new Bitfield(layout.pieceCount, fact.bits);
    peer.haveCount = peer.bits.count();
    peer.usefulPieces = possession.countLacking(peer.bits);
  }
  countSource(engine, torrent, peer);
  noteAnnounced(engine, peer);
  afterNews(engine, torrent, peer);
}

export function onHave(engine: Engine, fact: FactOf<'peer-have'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer || peer.isSeed) return;
  const { torrent } = peer;
  if (!isKnown(torrent)) return;
  const { availability, possession } = torrent.content;
  for (const piece of fact.pieces) {
    if (peer.bits.get(piece)) continue;
    peer.bits.set(piece);
    peer.haveCount++;
    if (peer.pieces) availability.noteHave(peer.pieces, piece);
    if (possession.lacks(piece)) peer.usefulPieces++;
  }
  if (!peer.pieces || peer.haveCount === peer.bits.length) {
    uncountSource(engine, peer);
    countSource(engine, torrent, peer);
  }
  noteAnnounced(engine, peer, fact.pieces);
  afterNews(engine, torrent, peer);
}

/** The peer no longer has a piece (BEP 54). */
export function onLost(engine: Engine, { connection, piece }: FactOf<'peer-lost'>): void {
  const peer = engine.state.peers.get(connection);
  if (!peer || !isKnown(peer.torrent) || !peer.bits.get(piece)) return;
  const { torrent } = peer;
  const { availability, possession } = torrent.content;
  const wasSeed = peer.isSeed;
  if (wasSeed) uncountSource(engine, peer);
  else if (peer.pieces) availability.noteLoss(peer.pieces, piece);
  peer.bits.clear(piece);
  peer.haveCount--;
  if (wasSeed) countSource(engine, torrent, peer);
  if (possession.lacks(piece)) peer.usefulPieces--;
  updateInterest(engine, peer);
}

function afterNews(engine: Engine, torrent: KnownTorrent, peer: Peer): void {
  updateInterest(engine, peer);
  endGrant(engine, torrent, peer);
  feedSource(engine, peer);
  closeIfUseless(engine, peer);
}

/** A piece was gained: it is no longer useful from the sources that have it. */
export function noteGain(engine: Engine, torrent: KnownTorrent, piece: number): void {
  for (const source of torrent.sources) {
    if (!source.has(piece)) continue;
    source.usefulPieces--;
    if (source.usefulPieces === 0 && source instanceof Peer) updateInterest(engine, source);
  }
}

/** Counts a source by its `bits` and `haveCount`. It must not be counted yet. */
function countSource(engine: Engine, torrent: KnownTorrent, source: Source): void {
  source.isSeed = source.haveCount === source.bits.length;
  source.pieces = undefined;
  if (source.isSeed) return torrent.content.possession.picker.addSeed();
  source.pieces = torrent.content.availability.join(source.bits);
  engine.state.counting.add(torrent);
  countOn(engine);
}

/** Removes a source from the count: it is gone, or its pieces are about to change. */
export function uncountSource(engine: Engine, source: Source): void {
  const { torrent, pieces } = source;
  if (!isKnown(torrent)) return;
  if (source.isSeed) torrent.content.possession.picker.removeSeed();
  if (!pieces) return;
  torrent.content.availability.leave(pieces);
  engine.state.counting.add(torrent);
  countOn(engine);
}

/** Counts as much as the rate limit allows now; the next turn continues. */
export function countOn(engine: Engine): void {
  const { counting, countingSteps } = engine.state;
  if (counting.size === 0) return;
  const nowMs = engine.nowMs();
  for (const torrent of counting) {
    countingSteps.take(torrent.content.availability.count(countingSteps.balance(nowMs)), nowMs);
    if (torrent.content.availability.pending) return engine.tickBy(nowMs);
    counting.delete(torrent);
  }
}
