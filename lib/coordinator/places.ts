// Who gets the places of a torrent and of the engine when they are all taken: what each connection is
// good for, and who gives way to a newcomer. The rule itself is `choke/places`.

import { placesToGive, whoGivesWay } from '../choke/places';
import type { PlaceHolder } from '../choke/places';
import type { Engine } from './engine';
import { closePeer } from './peer-orders';
import type { Peer, TorrentState } from './state';

/** A bitfield and an interest come with the first round trips; after 20 s it is clear who wants what. */
const ACQUAINTANCE_MS = 20_000;
/** A request is answered within seconds, by a slow peer too: one unanswered for a minute is lost. */
const SILENCE_MS = 60_000;
/** A seed with a long queue may let a peer wait for long; after 10 min others may have the place. */
const CHOKED_MS = 600_000;

/**
 * Of all places of the engine an address may keep four times its share of one torrent, because it may
 * have several torrents; but no more than a quarter of all places, unless that share alone is more.
 */
const SHARES_OF_ENGINE = 4;
const PART_OF_ENGINE = 1 / 4;

/** Places of one torrent, or of the engine, and who holds them. */
interface Scope {
  readonly places: number;
  readonly perAddress: number;
  readonly peers: Iterable<Peer>;
  /** Connections, those that are being closed included. */
  readonly count: number;
  readonly dials: number;
}

/**
 * A place for a newcomer in both scopes: each peer that gives way is closed. Returns
 * false where nobody does; then nobody was closed.
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

/** How many dials there is room for: free places, else those that newcomers would be given. */
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
    holders.push({ id, share, connectedAtMs, uselessSinceMs: uselessSinceMs(peer, nowMs) });
  }
  return holders;
}

/** Since when the peer has been of no use; undefined while it is, or may still become so. */
export function uselessSinceMs(peer: Peer, nowMs: number): number | undefined {
  const sinceMs = Math.max(peer.connectedAtMs, peer.lastPayloadMs);
  const after = (patienceMs: number, startMs = sinceMs): number | undefined =>
    nowMs - startMs >= patienceMs ? startMs : undefined;
  if (peer.weAreInterested) return after(peer.choked ? CHOKED_MS : SILENCE_MS);
  if (!peer.theyAreInterested) return after(ACQUAINTANCE_MS);
  // It gets no turn while others wait for one: then it would wait for ever.
  if (peer.uploadStalled && peer.weChoke) return after(ACQUAINTANCE_MS);
  if (!peer.weChoke) return after(SILENCE_MS, Math.max(sinceMs, peer.unchokedAtMs ?? 0));
  // It wants our bytes and waits for its turn: of no use only if it let its last one pass.
  const tookNothing = peer.lastUnchokedMs > 0 && peer.uploadedBytes === peer.uploadedAtTurn;
  return tookNothing ? after(ACQUAINTANCE_MS, Math.max(sinceMs, peer.lastUnchokedMs)) : undefined;
}
