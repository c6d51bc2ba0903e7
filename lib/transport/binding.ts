// EDGE. The own addresses that sockets are bound to, as the system lists them now.

import { networkInterfaces } from 'node:os';
import { ownAddresses } from '../address/binding';
import type { Interfaces, OwnAddresses, OwnAddressesNow } from '../address/binding';

/** `bind`: an address, or the name of an interface. */
export function bindingTo(
  bind: string,
  list: () => Interfaces = networkInterfaces,
): OwnAddressesNow {
  let last: OwnAddresses = { ipv4: undefined, ipv6: undefined };
  return () => {
    try {
      last = ownAddresses(bind, list());
    } catch {
      // Listing them fails when no file descriptor is free: the last addresses stay.
    }
    return last;
  };
}
