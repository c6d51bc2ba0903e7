// TCP sockets as streams that read into one buffer of their thread. Outgoing sockets accept the
// buffer as a Node option; accepted ones do not, so their handle is moved to a new socket where
// Node's internals allow it.

import net from 'node:net';
import type { OnReadOpts, Socket, SocketConstructorOpts } from 'node:net';
import type { Source } from '../address/binding';
import { mark } from './dscp';
import { lookupWithin } from './look-up';
import type { ByteStream, EndPoint, StreamHandler } from './stream';

function onread(buffer: Buffer, handler: StreamHandler): OnReadOpts {
  return {
    buffer,
    callback: (readBytes: number, bytes: Uint8Array): boolean => {
      handler.onBytes(bytes, 0, readBytes);
      return true;
    },
  };
}

export interface DialOptions {
  /** Whether an address that a name resolved to may be dialled. Default: all may. */
  readonly mayReach?: ((address: string) => boolean) | undefined;
  /** Default: the system chooses. */
  readonly source?: Source | undefined;
  /** DSCP of what it sends, 0–63. Default: not marked. */
  readonly dscp?: number | undefined;
}

/** What the streams of a listener share. */
export interface Accepting {
  /** Their read buffer. */
  readonly buffer: Buffer;
  readonly dscp: number | undefined;
}

export class TcpStream implements ByteStream {
  private readonly socket: Socket;

  private constructor(socket: Socket, handler: StreamHandler) {
    this.socket = socket;
    socket.on('error', (error) => handler.onError(error));
    socket.on('end', () => handler.onEnd());
    socket.on('close', () => handler.onClose());
  }

  /** Connects. Throws `ERR_SOCKET_BAD_PORT` and the like; all other errors are reported. */
  static dial(
    target: EndPoint,
    buffer: Buffer,
    handler: StreamHandler,
    { mayReach, source, dscp }: DialOptions = {},
  ): TcpStream {
    const { host, port } = target;
    const lookup = mayReach && lookupWithin(mayReach);
    const read = onread(buffer, handler);
    const socket = net.connect({ host, port, noDelay: true, onread: read, lookup, ...source });
    socket.once('connect', () => {
      if (dscp !== undefined) mark(socket, dscp);
      handler.onOpen();
    });
    return new TcpStream(socket, handler);
  }

  /** Adopts an accepted, paused socket. */
  static accept(accepted: Socket, { buffer, dscp }: Accepting, handler: StreamHandler): TcpStream {
    const socket = adopt(accepted, buffer, handler);
    socket.setNoDelay(true);
    if (dscp !== undefined) mark(socket, dscp);
    return new TcpStream(socket, handler);
  }

  get queuedBytes(): number {
    return this.socket.writableLength;
  }
  get local(): EndPoint | undefined {
    return endPoint(this.socket.localAddress, this.socket.localPort);
  }
  get remote(): EndPoint | undefined {
    return endPoint(this.socket.remoteAddress, this.socket.remotePort);
  }

  write(bytes: Uint8Array, onFlushed?: () => void): void {
    this.socket.write(bytes, onFlushed);
  }
  cork(): void {
    this.socket.cork();
  }
  uncork(): void {
    this.socket.uncork();
  }
  pause(): void {
    this.socket.pause();
  }
  resume(): void {
    this.socket.resume();
  }
  destroy(): void {
    this.socket.destroy();
  }
}

interface Internals {
  _handle?: unknown;
  _server?: unknown;
}

/**
 * Moves the private `_handle` to a new socket with the shared buffer (254 KB per read on loopback
 * instead of 65 KB); without a `_handle`, plain `data` events are used.
 */
function adopt(accepted: Socket, buffer: Buffer, handler: StreamHandler): Socket {
  const inner = accepted as unknown as Internals;
  const handle = inner._handle;
  if (typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle) {
    const options = { handle, onread: onread(buffer, handler) };
    const socket = new net.Socket(options as unknown as SocketConstructorOpts);
    // The server counts its open sockets through this field.
    (socket as unknown as Internals)._server = inner._server;
    inner._handle = null;
    inner._server = null;
    return socket;
  }
  accepted.on('data', (chunk: Buffer) => handler.onBytes(chunk, 0, chunk.length));
  accepted.resume();
  return accepted;
}

function endPoint(address: string | undefined, port: number | undefined): EndPoint | undefined {
  if (address === undefined || port === undefined) return undefined;
  return { host: plainHost(address), port };
}

/** An address as peers write it: IPv4 from a dual-stack socket becomes IPv4. */
export function plainHost(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
