// What a source may be leased: it reports how many blocks it can request, leases end in one way or
// another, and a choke voids them all (unless each request is answered, BEP 6).

import type { FactOf } from '../../messages/peer-thread';
import type { Engine } from '../engine';
import { mayRequest } from './hints';
import { feedSource } from './leasing';
import { giveUpIdleParole } from './parole';
import { onFilled, settle } from './pieces';
import { Refusals } from './refusals';
import { noteSilence } from './silent-sources';
import type { Source } from '../state';

/** Most suggestions that are kept per source; older ones are dropped. */
const MAX_SUGGESTED = 8;

export function onAppetite(engine: Engine, fact: FactOf<'appetite'>): void {
  const source = engine.state.sources.get(fact.connection);
  if (!source || fact.epoch !== source.epoch || !mayRequest(source)) return;
  source.creditBlocks = fact.creditBlocks;
  source.rateBytesPerSec = fact.rateBytesPerSec;
  feedSource(engine, source);
}

export function onAllowedFast(engine: Engine, fact: FactOf<'allowed-fast'>): void {
  const source = engine.state.sources.get(fact.connection);
  if (!source) return;
  source.allowedFast = fact.pieces;
  const { torrent } = source;
  if (fact.pieces.length > 0 && torrent.phase === 'downloading')
    engine.state.budget.setActive(torrent.id, true);
  feedSource(engine, source);
}

export function onSuggested(engine: Engine, fact: FactOf<'suggested'>): void {
  const source = engine.state.sources.get(fact.connection);
  if (!source) return;
  source.suggested = [...source.suggested, ...fact.pieces].slice(-MAX_SUGGESTED);
}

export function onPeerChoke(engine: Engine, fact: FactOf<'peer-choke'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  peer.choked = fact.choked;
  if (fact.choked) {
    if (!peer.answersAll) voidLeases(engine, peer);
    peer.epoch = fact.epoch;
    peer.creditBlocks = 0;
    peer.leasedBlocks = 0;
    peer.refusals = undefined;
    engine.state.hungry.delete(peer);
    return;
  }
  engine.state.budget.setActive(peer.torrent.id, peer.torrent.phase === 'downloading');
  // Credit that allowed pieces left unused is reported no second time.
  feedSource(engine, peer);
}

export function onLeaseEnd(
  engine: Engine,
  fact: FactOf<'lease-done'> | FactOf<'lease-returned'>,
): void {
  const source = engine.state.sources.get(fact.connection);
  if (!source || (fact.epoch !== source.epoch && !source.answersAll)) return;
  if (fact.type === 'lease-returned' && fact.why === 'rejected') {
    source.refusals ??= new Refusals();
    source.refusals.note(fact.piece, engine.nowMs());
  }
  if (fact.type === 'lease-returned' && fact.why === 'silent') noteSilence(engine, source);
  let firstBlock = fact.firstBlock;
  const end = fact.firstBlock + fact.blockCount;
  // The run may span several leases of the same piece: each takes its part.
  while (firstBlock < end) {
    const lease = source.leases.find(
      (candidate) =>
        candidate.piece.blocks.piece === fact.piece &&
        candidate.generation === fact.generation &&
        firstBlock >= candidate.firstBlock &&
        firstBlock < candidate.firstBlock + candidate.blockCount,
    );
    if (!lease) return; // It was recalled meanwhile.
    const blockCount = Math.min(end, lease.firstBlock + lease.blockCount) - firstBlock;
    const full = settle(engine, source, lease, firstBlock, blockCount);
    if (full) onFilled(engine, lease.piece);
    firstBlock += blockCount;
  }
  if (fact.type === 'lease-returned') giveUpIdleParole(engine, source, fact.piece);
}

/** Returns everything that was leased to the source to the picker. */
export function voidLeases(engine: Engine, source: Source): void {
  for (let lease = source.leases[0]; lease; lease = source.leases[0]) {
    if (settle(engine, source, lease)) onFilled(engine, lease.piece);
  }
}
