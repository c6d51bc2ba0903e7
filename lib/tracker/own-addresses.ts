// EDGE. The addresses of this machine.

import { networkInterfaces } from 'node:os';

/**
 * Addresses of all interfaces as text, including loopback; read each time, because they may change.
 * Empty if the system cannot list them (no file descriptor is left): we may then dial ourselves
 * once.
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
