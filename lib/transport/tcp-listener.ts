// Accepts incoming TCP connections and hands them on, still unread.

import net from 'node:net';
import type { Server, Socket } from 'node:net';
import { listenReason } from '../errors/system-error';
import type { ByteStream, IncomingStream, ListenEvents, Listener } from './stream';
import type { EndPoint, StreamHandler } from './stream';
import { TcpStream, plainHost } from './tcp-stream';

/** Connections that the system completes before we look: a swarm's worth at once. */
const BACKLOG = 128;

/** What a machine without IPv6 answers to listening on `::`. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL', 'EPROTONOSUPPORT']);

export class TcpListener implements Listener {
  private readonly events: ListenEvents;
  private readonly buffer: Buffer;
  private server: Server | undefined;

  /** `buffer`: what the streams read into. */
  constructor(port: number, host: string | undefined, buffer: Buffer, events: ListenEvents) {
    this.events = events;
    this.buffer = buffer;
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
      const from = { host: plainHost(remoteAddress), port: remotePort };
      this.events.onIncoming(new IncomingTcp(socket, from, this.buffer));
    });
    try {
      server.listen({ port, host, backlog: BACKLOG });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      this.events.onFailed(code, listenReason(error));
    }
  }
}

class IncomingTcp implements IncomingStream {
  readonly from: EndPoint;
  private readonly socket: Socket;
  private readonly buffer: Buffer;

  constructor(socket: Socket, from: EndPoint, buffer: Buffer) {
    this.socket = socket;
    this.from = from;
    this.buffer = buffer;
  }

  open(handler: StreamHandler): ByteStream {
    return TcpStream.accept(this.socket, this.buffer, handler);
  }
  refuse(): void {
    this.socket.destroy();
  }
}
