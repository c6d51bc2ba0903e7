// PURE. Compact peer lists: addresses with ports, packed (BEP 23; BEP 7 for IPv6).

import { isReachablePort } from './host-port';
import { isDialable } from './scope';
import { addressOfHost, formatAddress } from './text';

/** Address and port, packed: 4 + 2 bytes for IPv4, 16 + 2 for IPv6. */
export const COMPACT_IPV4_BYTES = 6;
export const COMPACT_IPV6_BYTES = 18;

const PORT_BYTES = 2;

/** The listening address of a peer, as text, and its port. */
export interface CompactPeer {
  readonly host: string;
  readonly port: number;
}

/** The dialable peers among the first `maxPeers` of a packed list; `entryBytes` is 6 or 18. */
export function readCompactPeers(
  list: Uint8Array,
  entryBytes: number,
  maxPeers: number,
): CompactPeer[] {
  const peers: CompactPeer[] = [];
  const end = Math.min(list.length, maxPeers * entryBytes);
  for (let at = 0; at + entryBytes <= end; at += entryBytes) {
    const peer = readCompactPeer(list.subarray(at, at + entryBytes));
    if (peer !== undefined) peers.push(peer);
  }
  return peers;
}

/** A peer of 6 or 18 bytes; undefined if it cannot be dialled. */
export function readCompactPeer(entry: Uint8Array): CompactPeer | undefined {
  const packed = addressIn(entry);
  const port = ((entry[packed.length] ?? 0) << 8) | (entry[packed.length + 1] ?? 0);
  const host = port === 0 || !isDialable(packed) ? undefined : formatAddress(packed);
  return host === undefined ? undefined : { host, port };
}

/** The packed address in an entry of 6 or 18 bytes. */
export function addressIn(entry: Uint8Array): Uint8Array {
  return entry.subarray(0, Math.max(entry.length - PORT_BYTES, 0));
}

/** A peer in 6 or 18 bytes; undefined if its host is a name, or its port cannot be dialled. */
export function writeCompactPeer(host: string, port: number): Uint8Array | undefined {
  const packed = addressOfHost(host);
  return packed === undefined || !isReachablePort(port) ? undefined : packPeer(packed, port);
}

/** An address of 4 or 16 bytes with its port, in 6 or 18 bytes. */
export function packPeer(packed: Uint8Array, port: number): Uint8Array {
  const entry = new Uint8Array(packed.length + PORT_BYTES);
  entry.set(packed);
  entry[packed.length] = port >> 8;
  entry[packed.length + 1] = port & 0xff;
  return entry;
}
