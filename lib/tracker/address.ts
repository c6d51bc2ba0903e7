// IP addresses between text and the packed network order of compact peer lists (BEP 23, BEP 7).

import { isIPv6 } from 'node:net';
import { scopeOf } from './address-scope';
import type { AddressScope } from './address-scope';
import type { PeerAddress } from './announce';
import { MAX_PEERS_PER_LIST } from './limits';

/** Address and port, packed: 4 + 2 bytes for IPv4, 16 + 2 for IPv6. */
export const COMPACT_IPV4_BYTES = 6;
export const COMPACT_IPV6_BYTES = 18;

/** A packed address as text, in the one canonical form (RFC 5952); IPv4 inside IPv6 comes out as IPv4. */
export function formatAddress(packed: Uint8Array): string | undefined {
  if (packed.length === 4) return packed.join('.');
  if (packed.length !== 16) return undefined;
  if (isMapped(packed)) return packed.subarray(12).join('.');
  const words: number[] = [];
  for (let i = 0; i < 16; i += 2) words.push(((packed[i] ?? 0) << 8) | (packed[i + 1] ?? 0));
  // The longest run of zero words, of two or more, becomes `::`; the first of equals.
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start += 1) {
    let end = start;
    while (end < 8 && words[end] === 0) end += 1;
    if (end - start > bestLength) {
      bestStart = start;
      bestLength = end - start;
    }
  }
  const hex = words.map((word) => word.toString(16));
  if (bestStart < 0) return hex.join(':');
  return `${hex.slice(0, bestStart).join(':')}::${hex.slice(bestStart + bestLength).join(':')}`;
}

/** An IP address in text as 4 or 16 bytes; undefined for anything else (names, zone ids, brackets). */
export function parseAddress(text: string): Uint8Array | undefined {
  // 45 characters is the longest text of an IPv6 address.
  if (text.length > 45) return undefined;
  const four = parseIpv4(text);
  if (four !== undefined) return four;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const packed = packIpv6(text);
  return isMapped(packed) ? packed.slice(12) : packed;
}

/** Four numbers of 0 to 255 without leading zeros. By hand: our tracker does this for every packet. */
function parseIpv4(text: string): Uint8Array | undefined {
  if (text.length < 7 || text.length > 15) return undefined;
  const packed = new Uint8Array(4);
  let part = 0;
  let value = -1;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit >= 0 && digit <= 9) {
      if (value === 0) return undefined;
      value = value < 0 ? digit : value * 10 + digit;
      if (value > 255) return undefined;
    } else if (digit === -2 && value >= 0 && part < 3) {
      packed[part] = value;
      part += 1;
      value = -1;
    } else return undefined;
  }
  if (part !== 3 || value < 0) return undefined;
  packed[3] = value;
  return packed;
}

function packIpv6(text: string): Uint8Array {
  const [head = '', tail] = text.split('::');
  const front = wordsOf(head);
  const back = tail === undefined ? [] : wordsOf(tail);
  const words = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

function wordsOf(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((piece) => {
    if (!piece.includes('.')) return [parseInt(piece, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = piece.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

/** `::ffff:a.b.c.d`, as dual-stack sockets show IPv4 peers. */
function isMapped(packed: Uint8Array): boolean {
  if (packed.length !== 16 || packed[10] !== 0xff || packed[11] !== 0xff) return false;
  for (let i = 0; i < 10; i += 1) if (packed[i] !== 0) return false;
  return true;
}

/** The scope of an address as text, with or without brackets and zone; undefined for a name. */
export function scopeOfText(address: string): AddressScope | undefined {
  // A zone (`fe80::1%eth0`) names an interface of ours, it is no part of the address.
  const packed = parseAddress(address.replace(/^\[|\]$/g, '').split('%', 1)[0] ?? '');
  return packed === undefined ? undefined : scopeOf(packed);
}

/**
 * Whether a peer can be behind it: not if it is unspecified, multicast, reserved, broadcast or a cloud's
 * metadata service. Loopback can.
 */
export function isDialable(packed: Uint8Array): boolean {
  const scope = scopeOf(packed);
  return scope !== 'nowhere' && scope !== 'metadata';
}

/** The dialable peers of a packed list, of at most its first 1,000; `entryBytes` is 6 or 18. */
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
