// Preference between peers that are equal otherwise, by canonical peer priority (BEP 40): both ends
// prefer the same connections, and a newcomer finds places in a full swarm.

import { addressOfHost } from '../../address/text';
import { peerPriority } from '../../address/priority';
import type { Preference } from './book-order';
import type { Engine } from '../engine';
import type { Peer } from '../state';

/** Preference of a peer whose address or ours is not known: the middle of the range. */
const UNKNOWN = 2 ** 31;

/** A tracker or peer reports our address. `voter` identifies it, so that each counts once. */
export function noteExternalAddress({ state }: Engine, ip: string, voter: string): void {
  const packed = addressOfHost(ip);
  if (packed !== undefined) state.external.vote(packed, voter);
}

/** In the order of the address book. */
export function preferenceOf(engine: Engine): Preference {
  const { version } = engine.state.external;
  return { of: (host, port) => priorityOf(engine, host, port), version };
}

/** From 0 to 2^32 - 1; higher is better. Equal for all peers while our own address is unknown. */
function priorityOf({ state }: Engine, host: string, port: number): number {
  const theirs = addressOfHost(host);
  const ours = theirs && state.external.of(theirs.length);
  if (theirs === undefined || ours === undefined) return UNKNOWN;
  const here = { packed: ours, port: state.listenPort ?? 0 };
  return peerPriority(here, { packed: theirs, port }) ?? UNKNOWN;
}

/** The preference of a connected peer, by its listening port if that is known. */
export function preferenceOfPeer(engine: Engine, peer: Peer): number {
  const port = peer.dialed?.port ?? peer.listenPort ?? peer.port;
  return priorityOf(engine, peer.host, port);
}
