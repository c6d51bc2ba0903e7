// Chooses the peers that we upload to: interested peers take turns in the torrent's upload slots.

import { chooseUnchoked } from '../../choke/round-robin';
import type { FactOf } from '../../messages/peer-thread';
import type { Engine } from '../engine';
import { transfers } from '../torrent/life';
import type { Peer, TorrentState } from '../state';

/** How long an upload slot is kept while others wait: the rechoke interval of BEP 3. */
const UPLOAD_TURN_MS = 10_000;

export function onInterest(engine: Engine, fact: FactOf<'peer-interest'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  peer.theyAreInterested = fact.interested;
  // A peer that keeps changing its interest must not use up the rechokes that others wait for.
  if (peer.uploadStalled) engine.tickBy(engine.nowMs());
  else engine.turn.rechoke.add(peer.torrent);
}

export function onUploadStalled(engine: Engine, fact: FactOf<'upload-stalled'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  peer.uploadStalled = fact.stalled;
  engine.turn.rechoke.add(peer.torrent);
}

/** A rechoke scans every peer of the torrent: without a token it waits for the next tick. */
export function rechokeIfPaid(engine: Engine, torrent: TorrentState): void {
  const nowMs = engine.nowMs();
  if (torrent.rechokes.balance(nowMs) < 1) return engine.tickBy(nowMs);
  torrent.rechokes.take(1, nowMs);
  engine.turn.rechoke.delete(torrent);
  rechoke(engine, torrent);
}

/** Reassigns the torrent's upload slots. There are none before peers know what we have. */
export function rechoke(engine: Engine, torrent: TorrentState): void {
  if (torrent.peers.size === 0 || !transfers(torrent.life)) return;
  const nowMs = engine.nowMs();
  const peers = [...torrent.peers];
  const unchoked = chooseUnchoked(
    peers.map((peer) => ({
      id: peer.id,
      interested: peer.theyAreInterested && !peer.closing,
      stalled: peer.uploadStalled || letItsTurnPass(peer, nowMs),
      unchokedAtMs: peer.unchokedAtMs,
      lastUnchokedMs: peer.lastUnchokedMs,
    })),
    engine.state.settings.uploadSlots,
    nowMs,
    UPLOAD_TURN_MS,
  );
  for (const peer of peers) {
    const weChoke = !unchoked.has(peer.id);
    if (weChoke === peer.weChoke || peer.closing) continue;
    peer.weChoke = weChoke;
    peer.unchokedAtMs = weChoke ? undefined : nowMs;
    peer.lastUnchokedMs = nowMs;
    if (!weChoke) peer.uploadedAtTurn = peer.uploadedBytes;
    engine.order(peer.thread, { type: 'choke', connection: peer.id, choked: weChoke });
  }
}

/**
 * A peer that requested nothing in its slot ranks behind others for six turns: otherwise many peers
 * that are interested and idle would hold the slots most of the time.
 */
const PASSED_TURN_MS = 6 * UPLOAD_TURN_MS;

function letItsTurnPass(peer: Peer, nowMs: number): boolean {
  if (!peer.weChoke || peer.uploadedBytes !== peer.uploadedAtTurn) return false;
  return peer.lastUnchokedMs > 0 && nowMs - peer.lastUnchokedMs < PASSED_TURN_MS;
}
