// Which ports the threads of this process may share. With `SO_REUSEPORT` each thread listens
// separately and the system spreads the connections. But another process of the same user that does
// the same would silently get a part of them, without any error.
//
// So an engine shares a port only if it holds the port's name, an abstract socket of Linux: there
// is one holder per network namespace, as for ports; the name ends with its holder, and is not in a
// file system. Two engines never share a port:
// 1. If both shared it, both would hold the name.
// 2. If one shares and the other listens alone (without the name, with one thread or an older
// Node), `SO_REUSEPORT` is missing on one side, so the system refuses the later one with
// EADDRINUSE.
// 3. If both listen alone, the system also refuses the later one.
// Two engines may use the same port number on different addresses. Another program that already
// shares the port is found by first listening alone (`tcp-listener.ts`). One of the same user that
// joins later is not found: the system offers no way.

import net from 'node:net';

export interface PortClaim {
  release(): void;
}

/**
 * Whether `reusePort` is available: Linux with Node 22.12 or later. Elsewhere one thread listens.
 */
export function canSharePorts(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return process.platform === 'linux' && (major > 22 || (major === 22 && minor >= 12));
}

/** Undefined if the name of the port is taken, or the system has no such names. */
export function claimPort(port: number): Promise<PortClaim | undefined> {
  return new Promise((resolve) => {
    const name = net.createServer((socket) => socket.destroy());
    name.unref(); // The name must not keep the thread alive.
    // Also later: other processes may connect to the name, and descriptors for that may run out.
    name.on('error', () => resolve(undefined));
    name.listen(`\0millrace-port-${port}`, () => resolve({ release: () => name.close() }));
  });
}
