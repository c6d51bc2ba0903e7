// Chooses the peers that we upload to. While a torrent downloads, its slots go to the peers that upload
// most to us; once it is complete, by the option `seedChoking`. The rules are in `choke`.

import { chooseUnchoked } from '../../choke/round-robin';
import { chooseByWorth } from '../../choke/tit-for-tat';
import type { Hold, RankedCandidate } from '../../choke/tit-for-tat';
import type { Choking } from '../../messages/choking';
import type { FactOf } from '../../messages/peer-thread';
import type { Engine } from '../engine';
import { closeIfUseless } from './peer-orders';
import { transfers } from '../torrent/life';
import type { Peer, TorrentState } from '../state';

/** The rechoke interval of BEP 3: a round, and a turn of `round-robin` while others wait. */
const ROUND_MS = 10_000;

export function onInterest(engine: Engine, fact: FactOf<'peer-interest'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  peer.claimsInterest = fact.interested;
  peer.theyAreInterested = fact.interested && !peer.uploadOnly;
  // A peer that keeps changing its interest must not use up the rechokes that others wait for.
  if (peer.uploadStalled) engine.tickBy(engine.nowMs());
  else engine.turn.rechoke.add(peer.torrent);
}

/** The peer announced that it wants nothing, or something again (BEP 21). */
export function onUploadOnly(engine: Engine, fact: FactOf<'upload-only'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  peer.uploadOnly = fact.uploadOnly;
  // Its interest may have come first: it is reported only when it changes.
  peer.theyAreInterested = peer.claimsInterest && !fact.uploadOnly;
  engine.turn.rechoke.add(peer.torrent);
  if (fact.uploadOnly) closeIfUseless(engine, peer);
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

/** The rule by which the torrent chooses now, and its number of slots. */
export function choosing(
  { state: { settings } }: Engine,
  { phase, uploading }: TorrentState,
): { readonly choking: Choking; readonly slots: number } {
  return {
    choking: phase === 'seeding' || phase === 'complete' ? settings.seedChoking : 'tit-for-tat',
    slots: settings.uploadSlots === 'auto' ? uploading.slots.count : settings.uploadSlots,
  };
}

/** Reassigns the torrent's upload slots. There are none before peers know what we have. */
export function rechoke(engine: Engine, torrent: TorrentState): void {
  if (torrent.peers.size === 0 || !transfers(torrent.life)) return;
  const nowMs = engine.nowMs();
  const isNew = nowMs >= torrent.uploading.roundEndsMs;
  if (isNew) adaptSlots(torrent, nowMs);
  const holds = choose(engine, torrent, isNew, nowMs);
  for (const peer of torrent.peers) {
    const hold = holds.get(peer.id);
    peer.hasEarnedSlot = hold === 'earned';
    setChoked(engine, peer, hold === undefined, nowMs);
  }
  if (isNew) endRound(torrent, nowMs);
}

function choose(
  engine: Engine,
  torrent: TorrentState,
  isNew: boolean,
  nowMs: number,
): ReadonlyMap<number, Hold> {
  const { choking, slots } = choosing(engine, torrent);
  const candidates = [...torrent.peers].map((peer): RankedCandidate => ({
    id: peer.id,
    interested: peer.theyAreInterested && !peer.closing,
    stalled: peer.uploadStalled || letItsTurnPass(peer, nowMs),
    unchokedAtMs: peer.unchokedAtMs,
    lastUnchokedMs: peer.lastUnchokedMs,
    worthBytes: choking === 'tit-for-tat' ? peer.givenLately : peer.took.gained(peer.uploadedBytes),
    earned: peer.hasEarnedSlot,
    connectedAtMs: peer.connectedAtMs,
  }));
  if (choking === 'round-robin') {
    const unchoked = chooseUnchoked(candidates, slots, nowMs, ROUND_MS);
    return new Map([...unchoked].map((id) => [id, 'optimistic']));
  }
  const random = (): number => engine.random();
  return chooseByWorth(candidates, { slots, isNew, nowMs, random });
}

function setChoked(engine: Engine, peer: Peer, weChoke: boolean, nowMs: number): void {
  if (weChoke === peer.weChoke || peer.closing) return;
  peer.weChoke = weChoke;
  peer.unchokedAtMs = weChoke ? undefined : nowMs;
  peer.lastUnchokedMs = nowMs;
  if (!weChoke) peer.uploadedAtTurn = peer.uploadedBytes;
  engine.order(peer.thread, { type: 'choke', connection: peer.id, choked: weChoke });
}

/** Adapts the number of slots to the upload rate of the round that ends. */
function adaptSlots({ peers, uploading, uploadedBytes, rates }: TorrentState, nowMs: number): void {
  const { slots, roundStartedMs, uploadedAtStart } = uploading;
  let wanting = 0;
  for (const peer of peers) if (peer.theyAreInterested && !peer.uploadStalled) wanting++;
  const elapsedMs = Math.max(ROUND_MS, nowMs - roundStartedMs);
  const bytesPerSec = ((uploadedBytes - uploadedAtStart) * 1000) / elapsedMs;
  const limitBytesPerSec = rates.inForce.upLimitBytesPerSec;
  slots.endRound({ bytesPerSec, scarce: wanting > slots.count, limitBytesPerSec });
}

function endRound({ peers, sources, uploading, uploadedBytes }: TorrentState, nowMs: number): void {
  uploading.roundStartedMs = nowMs;
  uploading.roundEndsMs = nowMs + ROUND_MS;
  uploading.uploadedAtStart = uploadedBytes;
  for (const peer of peers) {
    peer.took.endRound(peer.uploadedBytes);
  }
  for (const source of sources) source.gave.endRound(source.downloadedBytes);
}

/**
 * A peer that requested nothing in its slot ranks behind others for six turns: otherwise many peers
 * that are interested and idle would hold the slots most of the time.
 */
const PASSED_TURN_MS = 6 * ROUND_MS;

function letItsTurnPass(peer: Peer, nowMs: number): boolean {
  if (!peer.weChoke || peer.uploadedBytes !== peer.uploadedAtTurn) return false;
  return peer.lastUnchokedMs > 0 && nowMs - peer.lastUnchokedMs < PASSED_TURN_MS;
}
