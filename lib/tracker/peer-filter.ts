// PURE. Which peers of a tracker's reply are worth dialling. A tracker may lie: it must not make us
// dial ourselves, services of our own machine, or hosts on our link.

import { isReachablePort } from '../address/host-port';
import { isDialable, scopeOf } from '../address/scope';
import { addressOfHost } from '../address/text';
import type { PeerAddress } from './announce';

export interface PeerFilterOptions {
  /** The address that replied, as text; absent if unknown (behind a proxy). */
  readonly trackerIp?: string;
  /**
   * Our own addresses as text: those we listen on, those reported by trackers, the local end of a
   * socket.
   */
  readonly ownIps: readonly string[];
  /** Our port for peers; 0 if we do not listen. */
  readonly ownPort: number;
}

/**
 * Returns peers that can be dialled, each once: without port 0, unspecified, multicast, broadcast
 * and reserved addresses, and ourselves; loopback and link-local ones only from a tracker that
 * itself has such an address, or runs on this machine.
 */
export function filterPeers(
  peers: readonly PeerAddress[],
  { trackerIp, ownIps, ownPort }: PeerFilterOptions,
): PeerAddress[] {
  const tracker = packedOf(trackerIp);
  const own = new Set(ownIps.map((ip) => keyOf(packedOf(ip))));
  own.delete('');
  const trackerScope = tracker === undefined ? 'public' : scopeOf(tracker);
  const onThisMachine = trackerScope === 'loopback' || own.has(keyOf(tracker));
  const seen = new Set<string>();
  return peers.filter(({ host, port }) => {
    const packed = packedOf(host);
    if (packed === undefined || !isReachablePort(port) || !isDialable(packed)) return false;
    if (port === ownPort && own.has(keyOf(packed))) return false;
    const key = `${keyOf(packed)} ${port}`;
    if (seen.has(key)) return false;
    seen.add(key);
    const scope = scopeOf(packed);
    const isNear = scope === 'loopback' || scope === 'link-local';
    return !isNear || onThisMachine || scope === trackerScope;
  });
}

function packedOf(ip: string | undefined): Uint8Array | undefined {
  return ip === undefined ? undefined : addressOfHost(ip);
}

function keyOf(packed: Uint8Array | undefined): string {
  return packed === undefined ? '' : packed.join('.');
}
