// Decides which peer keeps its place in a torrent and in the engine when all places are taken: how
// useful each connection is, and which one gives way to a newcomer. The rule itself is in
// `choke/places`.

import { placesToGive, whoGivesWay } from '../../choke/places';
import type { PlaceHolder } from '../../choke/places';
import { SESSION_LIMIT } from '../../messages/account';
import type { Engine } from '../engine';
import { closePeer } from './peer-orders';
import { preferenceOfPeer } from './preference';
import type { Peer, TorrentState } from '../state';

/**
 * Time after which it is clear who wants what: bitfield and interest arrive with the first round
 * trips.
 */
const ACQUAINTANCE_MS = 20_000;
/**
 * Time after which an unanswered request counts as lost: even a slow peer answers within seconds.
 * While the content is not known, a peer gets as long to tell us what it is.
 */
const SILENCE_MS = 60_000;
/**
 * How long a peer may choke us while it has pieces we want: a seed with a long queue takes its
 * time. While the content is checked, we keep the peer waiting, and a newcomer would wait, too.
 */
const CHOKED_MS = 600_000;

/**
 * In the whole engine an address may hold four times its share of one torrent, because it may have
 * several torrents; but at most a quarter of all places, unless its share of one torrent is more.
 */
const SHARES_OF_ENGINE = 4;
const PART_OF_ENGINE = 1 / 4;

/** The places of one torrent, or of the engine, and the peers that hold them. */
interface Scope {
  readonly places: number;
  readonly perAddress: number;
  readonly peers: Iterable<Peer>;
  /** Number of connections, including those being closed. */
  readonly count: number;
  readonly dials: number;
}

/**
 * Finds a place for a newcomer in both scopes, and closes each peer that gives way. Returns false
 * if there is none; then no peer is closed.
 */
export function takePlace(engine: Engine, torrent: TorrentState, newcomer: Peer): boolean {
  const leaving = new Map<number, Peer>();
  for (const scope of scopesOf(engine, torrent)) {
    if (scope.count < scope.places) continue;
    const holders = holdersOf(engine, scope).filter(({ id }) => !leaving.has(id));
    if (holders.length < scope.places) continue;
    const holder = whoGivesWay(newcomer.share, holders, scope.perAddress);
    const peer = holder === undefined ? undefined : engine.state.peers.get(holder.id);
    if (peer === undefined) return false;
    leaving.set(peer.id, peer);
  }
  for (const peer of leaving.values()) closePeer(engine, peer, 'gave-way');
  return true;
}

/** For how many dials there is room: free places, or else places that a newcomer would be given. */
export function roomToDial(engine: Engine, torrent: TorrentState): number {
  const rooms = scopesOf(engine, torrent).map((scope) => {
    const free = scope.places - scope.count - scope.dials;
    return free > 0 ? free : free + placesToGive(holdersOf(engine, scope), scope.perAddress);
  });
  return Math.min(...rooms);
}

function scopesOf({ state }: Engine, torrent: TorrentState): readonly Scope[] {
  const { maxConnections, maxConnectionsPerTorrent, connectionsPerAddress } = state.settings;
  return [
    {
      places: maxConnectionsPerTorrent,
      perAddress: connectionsPerAddress,
      peers: torrent.peers,
      count: torrent.peers.size,
      dials: torrent.dialing,
    },
    {
      places: maxConnections,
      perAddress: Math.max(
        connectionsPerAddress,
        Math.min(connectionsPerAddress * SHARES_OF_ENGINE, maxConnections * PART_OF_ENGINE),
      ),
      peers: state.peers.values(),
      count: state.peers.size,
      dials: state.dials.size,
    },
  ];
}

function holdersOf(engine: Engine, { peers }: Scope): PlaceHolder[] {
  const nowMs = engine.nowMs();
  const holders: PlaceHolder[] = [];
  for (const peer of peers) {
    if (peer.closing) continue;
    const { id, share, connectedAtMs } = peer;
    const sinceMs = uselessSinceMs(peer, nowMs);
    // Used only to choose among useless peers.
    const preference = sinceMs === undefined ? 0 : preferenceOfPeer(engine, peer);
    holders.push({ id, share, connectedAtMs, uselessSinceMs: sinceMs, preference });
  }
  return holders;
}

/** Since when the peer has been useless; undefined while it is useful, or may become so. */
export function uselessSinceMs(peer: Peer, nowMs: number): number | undefined {
  const { phase, content } = peer.torrent;
  // Before peers know what we have, none can show what it wants.
  const sharedAtMs = content?.sharedAtMs ?? -Infinity;
  const sinceMs = Math.max(peer.connectedAtMs, peer.lastPayloadMs, sharedAtMs);
  const after = (patienceMs: number, startMs = sinceMs): number | undefined =>
    nowMs - startMs >= patienceMs ? startMs : undefined;
  if (phase === 'metadata') return after(SILENCE_MS);
  if (phase === 'checking') return after(CHOKED_MS);
  // A rate limit holds back our requests: the peer is not at fault.
  const isHeldBack = !peer.choked && peer.limit === SESSION_LIMIT.rate;
  if (peer.weAreInterested && isHeldBack) return undefined;
  if (peer.weAreInterested) return after(peer.choked ? CHOKED_MS : SILENCE_MS);
  if (!peer.theyAreInterested) return after(ACQUAINTANCE_MS);
  // It gets no turn while others wait, so it might wait for ever.
  if (peer.uploadStalled && peer.weChoke) return after(ACQUAINTANCE_MS);
  if (!peer.weChoke) return after(SILENCE_MS, Math.max(sinceMs, peer.unchokedAtMs ?? 0));
  // It wants our data and waits for its turn. It is useless only if it let its last turn pass.
  const tookNothing = peer.lastUnchokedMs > 0 && peer.uploadedBytes === peer.uploadedAtTurn;
  return tookNothing ? after(ACQUAINTANCE_MS, Math.max(sinceMs, peer.lastUnchokedMs)) : undefined;
}
