// Accepts incoming connections and hands them on, still unread.

import net from 'node:net';
import type { Server, Socket } from 'node:net';

import { listenReason } from '../errors/system-error';

export interface ListenerEvents {
  onListening(port: number): void;
  onFailed(code: string, message: string): void;
  onAccepted(socket: Socket, peer: { readonly host: string; readonly port: number }): void;
  /** An error that did not end the listening, such as too many open files. */
  onError(error: Error): void;
}

/** Connections that the system completes before we look: a swarm's worth at once. */
const BACKLOG = 128;

/** What a machine without IPv6 answers to listening on `::`. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL', 'EPROTONOSUPPORT']);

/** An address as peers write it: IPv4 that came through a dual-stack socket is IPv4. */
export function plainHost(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

export class Listener {
  private readonly events: ListenerEvents;
  private server: Server | undefined;

  constructor(events: ListenerEvents) {
    this.events = events;
  }

  /** Port 0 picks one. Without a host: both address families, or IPv4 where there is no IPv6. */
  listen(port: number, host: string | undefined): void {
    this.close();
    this.open(port, host ?? '::', host === undefined);
  }

  close(): void {
    this.server?.close();
    this.server = undefined;
  }

  private open(port: number, host: string, mayFallBack: boolean): void {
    // Paused: not a byte may be read before the socket has its reader.
    const server = net.createServer({ pauseOnConnect: true });
    this.server = server;
    let listening = false;
    server.on('error', (error) => {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      if (this.server !== server) return;
      if (listening) this.events.onError(error);
      else if (mayFallBack && NO_IPV6.has(code)) this.open(port, '0.0.0.0', false);
      else this.events.onFailed(code, listenReason(error));
    });
    server.on('listening', () => {
      listening = true;
      const address = server.address();
      this.events.onListening(typeof address === 'object' ? (address?.port ?? port) : port);
    });
    server.on('connection', (socket) => {
      const { remoteAddress, remotePort } = socket;
      if (remoteAddress === undefined || remotePort === undefined) {
        socket.destroy(); // gone already
        return;
      }
      this.events.onAccepted(socket, { host: plainHost(remoteAddress), port: remotePort });
    });
    try {
      server.listen({ port, host, backlog: BACKLOG });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      this.events.onFailed(code, listenReason(error));
    }
  }
}
