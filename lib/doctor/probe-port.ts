// EDGE. Whether peers can reach our port, as seen from this machine: it listens, and a second
// socket connects to every address of the machine. The effect of a router can only be seen from
// outside.

import { once } from 'node:events';
import * as net from 'node:net';
import { networkInterfaces } from 'node:os';
import PQueue from 'p-queue';
import { onAbort } from '../async/on-abort';

export interface OpenPort {
  readonly port: number;
  /** The system's error code, if the port cannot be opened. */
  readonly cause?: string;
  /** Connects to it at every address of this machine. Never rejects. */
  reach(signal: AbortSignal): Promise<Reach>;
  close(): void;
}

export interface Reach {
  readonly reachedAt: readonly string[];
  readonly notReachedAt: readonly string[];
}

/** Within one machine a connection takes less than a millisecond, unless a firewall drops it. */
const CONNECT_TIMEOUT_MS = 2000;
const CONNECTS_IN_FLIGHT = 16;

/** Listens on all addresses; `port` 0 picks a free one. Never rejects. */
export async function openPort(port: number): Promise<OpenPort> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.destroy();
  });
  try {
    server.listen(port);
    await once(server, 'listening');
  } catch (error) {
    const cause = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const nowhere = async (): Promise<Reach> => ({ reachedAt: [], notReachedAt: [] });
    return { port, cause, reach: nowhere, close: () => undefined };
  }
  server.on('error', () => undefined);
  const bound = server.address() as net.AddressInfo;
  return {
    port: bound.port,
    reach: (signal) => reachAll(bound, signal),
    close: () => void server.close(),
  };
}

async function reachAll({ port, family }: net.AddressInfo, signal: AbortSignal): Promise<Reach> {
  const queue = new PQueue({ concurrency: CONNECTS_IN_FLIGHT });
  const addresses = ownAddresses(family);
  const reached = await Promise.all(
    addresses.map((address) => queue.add(() => connects(address, port, signal))),
  );
  return {
    reachedAt: addresses.filter((_, index) => reached[index]),
    notReachedAt: addresses.filter((_, index) => !reached[index]),
  };
}

/**
 * Addresses that others can use; loopback if there are none. Link-local ones need a zone and are
 * left out.
 */
function ownAddresses(boundFamily: string): string[] {
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  const usable = all.filter(({ family }) => family === 'IPv4' || boundFamily === 'IPv6');
  const outer = usable.filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address));
  return (outer.length > 0 ? outer : usable).map(({ address }) => address);
}

function connects(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const socket = net.connect({ host, port });
    const end = (reached: boolean): void => {
      clearTimeout(timer);
      unwatch();
      socket.destroy();
      resolve(reached);
    };
    const timer = setTimeout(() => end(false), CONNECT_TIMEOUT_MS);
    const unwatch = onAbort(signal, () => end(false));
    socket.on('error', () => end(false));
    socket.on('connect', () => end(true));
  });
}
