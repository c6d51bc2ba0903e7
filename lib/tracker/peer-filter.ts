// PURE. Which peers of a tracker's answer are worth a dial. A tracker may lie: it must not make us
// call ourselves, our own machine's services, the neighbours on the link, or everybody at once.

import { isReachablePort } from '../address/host-port';
import { isDialable, scopeOf } from '../address/scope';
import { addressOfHost } from '../address/text';
import type { PeerAddress } from './announce';

export interface PeerFilterOptions {
  /** Address that answered, as text; absent where it is not known (behind a proxy). */
  readonly trackerIp?: string;
  /** Addresses of ours, as text: where we listen, what trackers say, the local end of a socket. */
  readonly ownIps: readonly string[];
  /** Where we accept peers; 0 when we do not. */
  readonly ownPort: number;
}

/**
 * The peers that somebody else can be behind: not port 0, not unspecified, multicast, broadcast or
 * reserved addresses, not ourselves, each once; loopback and link-local ones only from a tracker that is itself
 * there, or that runs on this machine.
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
