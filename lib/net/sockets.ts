// TCP sockets that read into one buffer of their thread. Outgoing ones take it as an option of Node;
// accepted ones do not, so their handle is wrapped anew where Node's internals allow it.

import net from 'node:net';
import type { OnReadOpts, SocketConstructorOpts } from 'node:net';

/**
 * One read buffer serves every socket of a thread, because a read is consumed before the next one
 * begins. 256 KiB is sixteen blocks a read and stays in the core's cache between read and copy.
 */
export const READ_BUFFER_LENGTH_BYTES = 262_144;

/** Told the buffer and how much of it is new; the buffer is free again when it returns. */
export type OnBytes = (bytes: Uint8Array, start: number, end: number) => void;

function onread(buffer: Buffer, onBytes: OnBytes): OnReadOpts {
  return {
    buffer,
    callback: (readBytes: number, bytes: Uint8Array): boolean => {
      onBytes(bytes, 0, readBytes);
      return true;
    },
  };
}

/** Connects; throws `ERR_SOCKET_BAD_PORT` and the like, everything else is an `error` event. */
export function dialSocket(
  target: { readonly host: string; readonly port: number },
  buffer: Buffer,
  onBytes: OnBytes,
): net.Socket {
  return net.connect({
    host: target.host,
    port: target.port,
    noDelay: true,
    onread: onread(buffer, onBytes),
  });
}

interface Internals {
  _handle?: unknown;
  _server?: unknown;
}

/**
 * An accepted, paused socket, reading through `onBytes`. The private `_handle` moves to a new
 * socket with the shared buffer (254 KB a read on loopback against 65 KB); where it is missing,
 * plain `data` events do.
 */
export function adoptSocket(accepted: net.Socket, buffer: Buffer, onBytes: OnBytes): net.Socket {
  const inner = accepted as unknown as Internals;
  const handle = inner._handle;
  if (typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle) {
    const options = { handle, onread: onread(buffer, onBytes) };
    const socket = new net.Socket(options as unknown as SocketConstructorOpts);
    // The server counts its open sockets through this field.
    (socket as unknown as Internals)._server = inner._server;
    inner._handle = null;
    inner._server = null;
    socket.setNoDelay(true);
    return socket;
  }
  accepted.setNoDelay(true);
  accepted.on('data', (chunk: Buffer) => onBytes(chunk, 0, chunk.length));
  accepted.resume();
  return accepted;
}
