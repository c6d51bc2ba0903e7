// EDGE. The addresses of this machine.

import { networkInterfaces } from 'node:os';

/**
 * As text, of all interfaces, loopback included; asked anew each time because they change. None where
 * the system cannot say (no file descriptor is left): then peers that are ourselves are dialled once.
 */
export function localIps(): string[] {
  try {
    return Object.values(networkInterfaces()).flatMap((found) =>
      (found ?? []).map(({ address }) => address),
    );
  } catch {
    return [];
  }
}
