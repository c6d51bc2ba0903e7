// PURE. Compact peer lists: addresses with ports, packed (BEP 23; BEP 7 for IPv6).

import { isDialable } from '../address/scope';
import { formatAddress } from '../address/text';
import type { PeerAddress } from './announce';
import { MAX_PEERS_PER_LIST } from './limits';

/** Address and port, packed: 4 + 2 bytes for IPv4, 16 + 2 for IPv6. */
export const COMPACT_IPV4_BYTES = 6;
export const COMPACT_IPV6_BYTES = 18;

/** The dialable peers among the first 1,000 of a packed list; `entryBytes` is 6 or 18. */
export function readCompactPeers(list: Uint8Array, entryBytes: number): PeerAddress[] {
  const peers: PeerAddress[] = [];
  const end = Math.min(list.length, MAX_PEERS_PER_LIST * entryBytes);
  for (let at = 0; at + entryBytes <= end; at += entryBytes) {
    const portAt = at + entryBytes - 2;
    const port = ((list[portAt] ?? 0) << 8) | (list[portAt + 1] ?? 0);
    const packed = list.subarray(at, portAt);
    const host = port === 0 || !isDialable(packed) ? undefined : formatAddress(packed);
    if (host !== undefined) peers.push({ host, port });
  }
  return peers;
}
