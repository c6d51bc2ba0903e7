// Which ports threads of this process may share. With `SO_REUSEPORT` each thread listens for itself and the
// system spreads the connections, but another process of the same user that asks for the same would
// get a part of them in silence: nobody would be told that the port is taken.
//
// So a port is shared only by who holds its name, an abstract socket of Linux: one holder per network
// namespace, as for ports, gone with the holder, and in no file system. Why two engines never share one:
// 1. Both share: both would hold the name.
// 2. One shares, the other listens alone (it did not get the name, has one thread or an older Node):
//    `SO_REUSEPORT` is missing on one side, so the system refuses the later one, EADDRINUSE.
// 3. Both listen alone: the same.
// Two engines on one port number of two addresses do not meet, and none of this stands in their way.
// A program that is no Millrace and shares the port when we come is found by listening alone first
// (`tcp-listener.ts`). One of the same user that joins later is not: the system offers nothing for that.

import net from 'node:net';

export interface PortClaim {
  release(): void;
}

/** Whether `reusePort` is there: Linux, from Node 22.12 on. Elsewhere one thread listens. */
export function canSharePorts(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return process.platform === 'linux' && (major > 22 || (major === 22 && minor >= 12));
}

/** Undefined if somebody else holds the name of the port, or there are no such names. */
export function claimPort(port: number): Promise<PortClaim | undefined> {
  return new Promise((resolve) => {
    const name = net.createServer((socket) => socket.destroy());
    name.unref(); // held as long as the thread runs, not the other way round
    // Also later: anybody may connect to the name, and descriptors for that may be out.
    name.on('error', () => resolve(undefined));
    name.listen(`\0millrace-port-${port}`, () => resolve({ release: () => name.close() }));
  });
}
