// PURE. How many connections each customer holds: one address must not take all there are.

import { parseAddress } from './address';
import { ipKey } from './swarm-registry';

export class ConnectionPlaces {
  readonly #max: number;
  readonly #held = new Map<number | string, number>();

  /** `max`: connections of one IPv4 address or one /64 of IPv6. */
  constructor(max: number) {
    this.#max = max;
  }

  /** A place for a connection from this address; false when there is none. Each taken is given back. */
  take(address: string): boolean {
    const key = keyOf(address);
    const held = this.#held.get(key) ?? 0;
    if (held >= this.#max) return false;
    this.#held.set(key, held + 1);
    return true;
  }

  giveBack(address: string): void {
    const key = keyOf(address);
    const left = (this.#held.get(key) ?? 1) - 1;
    if (left === 0) this.#held.delete(key);
    else this.#held.set(key, left);
  }

  /** Customers that hold any. */
  get size(): number {
    return this.#held.size;
  }
}

/** Without the zone that the system adds to link-local addresses (`fe80::1%eth0`). */
function keyOf(address: string): number | string {
  const [ip = ''] = address.split('%', 1);
  const packed = parseAddress(ip);
  return packed === undefined ? ip : ipKey(packed);
}
