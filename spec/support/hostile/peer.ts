// A raw TCP peer controlled by a spec: sends exactly the given bytes and keeps what it receives.

import net from 'node:net';
import { once } from 'node:events';
import { encodeHandshake } from '../../../lib/wire/handshake';

export class HostilePeer {
  readonly socket: net.Socket;
  /** Resolves when the connection is closed, by either side. */
  readonly closed: Promise<void>;
  private chunks: Buffer[] = [];
  private receivedBytes = 0;
  private waiters: (() => void)[] = [];

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined); // a reset is a way of being closed
    socket.on('data', (chunk) => {
      this.chunks.push(chunk);
      this.receivedBytes += chunk.length;
      this.wake();
    });
    this.closed = new Promise((resolve) =>
      socket.on('close', () => {
        this.wake();
        resolve();
      }),
    );
  }

  /** `localAddress`: its source address. Default: chosen by the system. */
  static async connect(
    port: number,
    host = '127.0.0.1',
    localAddress?: string,
  ): Promise<HostilePeer> {
    const socket = net.connect({
      port,
      host,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    const peer = new HostilePeer(socket);
    await once(socket, 'connect');
    return peer;
  }

  /** Listens for one connection on `port`. */
  static async listen(): Promise<{ port: number; peer: Promise<HostilePeer>; close: () => void }> {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const peer = once(server, 'connection').then(
      ([socket]) => new HostilePeer(socket as net.Socket),
    );
    const { port } = server.address() as net.AddressInfo;
    return { port, peer, close: () => server.close() };
  }

  /** Everything received so far. */
  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Resolves once `lengthBytes` were received, or with fewer when the connection is closed. */
  async receive(lengthBytes: number): Promise<Buffer> {
    while (this.receivedBytes < lengthBytes && !this.socket.destroyed) {
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
    return this.received;
  }

  /** Drops the bytes received so far. */
  forget(): void {
    this.chunks = [];
    this.receivedBytes = 0;
  }

  send(...parts: readonly Uint8Array[]): this {
    for (const part of parts) this.socket.write(part);
    return this;
  }

  /** Sends byte by byte, each passed to the system before the next. */
  async trickle(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at++) {
      await new Promise<void>((resolve) => {
        this.socket.write(bytes.subarray(at, at + 1), () => setImmediate(resolve));
      });
    }
  }

  sendHandshake(infoHash: Uint8Array, peerId = Buffer.from('-XX0000-hostile-peer')): this {
    return this.send(encodeHandshake({ infoHash, peerId }));
  }

  end(): void {
    this.socket.destroy();
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const resolve of waiters) resolve();
  }
}
