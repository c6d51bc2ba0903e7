// The TCP transport of one thread.

import { sourceFor } from '../address/binding';
import type { OwnAddresses, OwnAddressesNow, Source } from '../address/binding';
import { NO_OWN_ADDRESS } from './dial-errors';
import { BoundListener } from './bound-listener';
import type { ByteStream, ListenAt, ListenEvents, Listener } from './stream';
import type { Transport } from './stream';
import { TcpListener } from './tcp-listener';
import { TcpStream } from './tcp-stream';

/**
 * One read buffer serves all sockets of a thread, because a read is consumed before the next one
 * begins. 256 KiB is sixteen blocks per read, and stays in the core's cache between read and copy.
 */
const READ_BUFFER_LENGTH_BYTES = 262_144;

export interface TcpOptions {
  /** The addresses that every stream is bound to. Default: the system chooses. */
  readonly own?: OwnAddressesNow | undefined;
  /** DSCP of what streams send, 0–63 (`dscp.ts`). Default: not marked. */
  readonly dscp?: number | undefined;
}

export class TcpTransport implements Transport {
  private readonly buffer = Buffer.allocUnsafeSlow(READ_BUFFER_LENGTH_BYTES);
  private readonly own: OwnAddressesNow | undefined;
  private readonly dscp: number | undefined;

  constructor({ own, dscp }: TcpOptions = {}) {
    this.own = own;
    this.dscp = dscp;
  }

  dial(...[target, handler, mayReach]: Parameters<Transport['dial']>): ByteStream {
    const source = this.own && sourceOf(target.host, this.own());
    const { buffer, dscp } = this;
    return TcpStream.dial(target, buffer, handler, { mayReach, source, dscp });
  }

  listen(at: ListenAt, events: ListenEvents): Listener {
    const { own, buffer, dscp } = this;
    const accepting = { buffer, dscp };
    if (own === undefined || at.host !== undefined) return new TcpListener(at, accepting, events);
    return new BoundListener(at, own, accepting, events);
  }
}

/** Throws if there is no own address for this target. */
function sourceOf(host: string, own: OwnAddresses): Source {
  const source = sourceFor(host, own);
  if (source !== undefined) return source;
  const none = own.ipv4 === undefined && own.ipv6 === undefined;
  const why = none
    ? 'the interface that the engine is bound to has no address'
    : 'the engine is bound to no address of that family';
  throw Object.assign(new Error(why), { code: none ? NO_OWN_ADDRESS : 'EAFNOSUPPORT' });
}
