// The start data of a peer thread.

import type { NetworkSettings } from './network';
import type { TraceSettings } from './trace';

/** Start data of a peer thread. */
export interface PeerThreadStart {
  readonly thread: number;
  readonly slab: SharedArrayBuffer;
  readonly blockTable: SharedArrayBuffer;
  /** Our 20-byte peer id, one per engine. */
  readonly peerId: Uint8Array;
  readonly limits: PeerThreadLimits;
  readonly network: NetworkSettings;
  /** Our version, for the extended handshake (`v`). */
  readonly version: string;
  /** Absent if there is no trace. */
  readonly trace?: TraceSettings | undefined;
}

export interface PeerThreadLimits {
  /** Connections of this thread, including dials. */
  readonly maxConnections: number;
  /** In addition, incoming connections before their handshake. */
  readonly maxHandshakes: number;
  readonly dialTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  /**
   * A block that has not arrived this long after its request (or the last block) is requested from
   * another peer.
   */
  readonly requestTimeoutMs: number;
  /** Silence of the peer after which a connection is closed. */
  readonly idleTimeoutMs: number;
  /** Silence on our side after which we send a keep-alive. */
  readonly keepAliveMs: number;
  /** The `reqq` that we announce: the most requests that we queue for one peer. */
  readonly requestQueue: number;
  /** File data read ahead and queued to sockets, for all connections of this thread together. */
  readonly uploadBufferBytes: number;
}
