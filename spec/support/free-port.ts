// Ports for listeners that must know their number before they start, and for addresses that must
// not answer.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Systems pick ports of outgoing connections from 32,768 (Linux) or 49,152 up: none of these. */
const FIRST = 20_000;
const END = 32_000;

/** Two processes that look for ports at the same time begin at different ones. */
let next = FIRST + (process.pid % (END - FIRST));

/**
 * A port of this machine that is unused over TCP and UDP. No port is returned twice until all
 * 12,000 were, and the system assigns none of them by itself.
 */
export async function freePort(): Promise<number> {
  for (let tries = END - FIRST; tries > 0; tries--) {
    const port = next;
    next = next + 1 === END ? FIRST : next + 1;
    if ((await isFree(port, listenTcp)) && (await isFree(port, listenUdp))) return port;
  }
  throw new Error(`every port from ${FIRST} to ${END - 1} is in use`);
}

/** Listens on a port of all addresses; rejects when it is taken. */
type Listen = (port: number) => Promise<{ close(closed: () => void): unknown }>;

const listenTcp: Listen = async (port) => {
  const server = createServer().listen(port);
  await once(server, 'listening');
  return server;
};

const listenUdp: Listen = async (port) => {
  const socket = createSocket('udp4').bind(port);
  await once(socket, 'listening');
  return socket;
};

async function isFree(port: number, listen: Listen): Promise<boolean> {
  try {
    const listener = await listen(port);
    await new Promise<void>((closed) => listener.close(closed));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
}
