// EDGE. The addresses of this machine.

import { networkInterfaces } from 'node:os';

/** As text, of all interfaces, loopback included; asked anew each time because they change. */
export function localIps(): string[] {
  return Object.values(networkInterfaces()).flatMap((found) =>
    (found ?? []).map(({ address }) => address),
  );
}
