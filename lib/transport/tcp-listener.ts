// Accepts incoming TCP connections, and passes them on before anything is read.

import net from 'node:net';
import type { Server, Socket } from 'node:net';
import { isWithoutIpv6, listenReason } from '../errors/system-error';
import type { ByteStream, EndPoint, IncomingStream, StreamHandler } from './stream';
import type { ListenAt, ListenEvents, Listener } from './stream';
import { TcpStream, plainHost } from './tcp-stream';
import type { Accepting } from './tcp-stream';

/** Connections that the system completes in advance: enough for a whole swarm at once. */
const BACKLOG = 128;

/** `reusePort` and its types are newer than the oldest supported Node. */
type ListenOptions = net.ListenOptions & { readonly reusePort: boolean };

export class TcpListener implements Listener {
  private readonly at: ListenAt;
  private readonly accepting: Accepting;
  private readonly events: ListenEvents;
  private server: Server | undefined;

  constructor(at: ListenAt, accepting: Accepting, events: ListenEvents) {
    this.at = at;
    this.accepting = accepting;
    this.events = events;
    // `reusePort` would silently share a port with another process. The system never picks the same
    // port twice for it; any other port is first tried alone.
    const probe = at.share === 'first' && at.port !== 0;
    this.open(at.host ?? '::', probe);
  }

  close(): void {
    this.server?.close();
    this.server = undefined;
  }

  private open(host: string, probe: boolean): void {
    const { port, share } = this.at;
    // Paused: nothing may be read before the socket has its reader.
    const server = net.createServer({ pauseOnConnect: true });
    this.server = server;
    let listening = false;
    server.on('error', (error) => {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      if (this.server !== server) return;
      if (listening) this.events.onError(error);
      else if (this.at.host === undefined && host === '::' && isWithoutIpv6(code))
        this.open('0.0.0.0', probe);
      else this.events.onFailed(code, listenReason(error));
    });
    server.on('listening', () => {
      if (this.server !== server) return server.close(); // It was closed meanwhile.
      listening = true;
      if (probe) {
        server.close(); // The port is free at once.
        this.open(host, false);
        return;
      }
      const address = server.address();
      this.events.onListening(typeof address === 'object' ? (address?.port ?? port) : port);
    });
    server.on('connection', (socket) => {
      const { remoteAddress, remotePort } = socket;
      if (probe || remoteAddress === undefined || remotePort === undefined) {
        socket.destroy(); // It is gone already, or arrived while the port was tried alone.
        return;
      }
      const from = { host: plainHost(remoteAddress), port: remotePort };
      this.events.onIncoming(new IncomingTcp(socket, from, this.accepting));
    });
    const reusePort = share !== 'alone' && !probe;
    const options: ListenOptions = { port, host, backlog: BACKLOG, reusePort };
    try {
      server.listen(options);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      this.events.onFailed(code, listenReason(error));
    }
  }
}

class IncomingTcp implements IncomingStream {
  readonly from: EndPoint;
  private readonly socket: Socket;
  private readonly accepting: Accepting;

  constructor(socket: Socket, from: EndPoint, accepting: Accepting) {
    this.socket = socket;
    this.from = from;
    this.accepting = accepting;
  }

  open(handler: StreamHandler): ByteStream {
    return TcpStream.accept(this.socket, this.accepting, handler);
  }
  refuse(): void {
    this.socket.destroy();
  }
}
