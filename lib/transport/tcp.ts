// The TCP transport of one thread.

import type { ByteStream, EndPoint, ListenAt, ListenEvents, Listener } from './stream';
import type { StreamHandler, Transport } from './stream';
import { TcpListener } from './tcp-listener';
import { TcpStream } from './tcp-stream';

/**
 * One read buffer serves all sockets of a thread, because a read is consumed before the next one
 * begins. 256 KiB is sixteen blocks per read, and stays in the core's cache between read and copy.
 */
const READ_BUFFER_LENGTH_BYTES = 262_144;

export class TcpTransport implements Transport {
  private readonly buffer = Buffer.allocUnsafeSlow(READ_BUFFER_LENGTH_BYTES);

  dial(target: EndPoint, handler: StreamHandler): ByteStream {
    return TcpStream.dial(target, this.buffer, handler);
  }

  listen(at: ListenAt, events: ListenEvents): Listener {
    return new TcpListener(at, this.buffer, events);
  }
}
