// PURE. Which addresses count as one where each address has a share: those of one household.

import { isLoopback } from './scope';
import { addressOfHost } from './text';

/** A key that is equal for the addresses of one household only. */
export type Household = number | string;

/**
 * A single IPv4 address, or a /64 of IPv6, because a household has 2^64 of those. Takes 4 or 16
 * bytes.
 */
export function householdOf(packed: Uint8Array): Household {
  if (packed.length !== 4) return String.fromCharCode(...packed.subarray(0, 8));
  const [a = 0, b = 0, c = 0, d = 0] = packed;
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** The household of a host given as text; a name counts as its own. */
export function householdOfHost(host: string): Household {
  const packed = addressOfHost(host);
  return packed === undefined ? host : householdOf(packed);
}

/** The household of a peer; undefined on loopback, where unrelated peers share an address. */
export function shareOf(host: string): Household | undefined {
  return isLoopback(host) ? undefined : householdOfHost(host);
}
