// PURE. What counts as one address where each has a share: a household, however it is written.

import { isLoopback } from './scope';
import { addressOfHost } from './text';

/** A key of a map: equal for addresses of one household, and for no others. */
export type Household = number | string;

/** One IPv4 address, or a /64 of IPv6, of which everybody has 2^64 addresses; from 4 or 16 bytes. */
export function householdOf(packed: Uint8Array): Household {
  if (packed.length !== 4) return String.fromCharCode(...packed.subarray(0, 8));
  const [a = 0, b = 0, c = 0, d = 0] = packed;
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** That of a host as text; a name is one of its own. */
export function householdOfHost(host: string): Household {
  const packed = addressOfHost(host);
  return packed === undefined ? host : householdOf(packed);
}

/** What counts as one address among peers: undefined, so none, on loopback, where unrelated peers share one. */
export function shareOf(host: string): Household | undefined {
  return isLoopback(host) ? undefined : householdOfHost(host);
}
