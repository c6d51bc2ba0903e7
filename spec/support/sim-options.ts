// The options of a simulated client: its line, its machine, its pieces, and its faults.

import type { MakeExtension } from '../../lib/peer/extensions/extension';
import type { LimitChange, LimitPeriod } from '../../lib/messages/rates';

export interface SimNodeOptions {
  /** Bytes per second that the node can send. Default 10 MB/s. */
  readonly uplinkBytesPerSec?: number;
  /** Bytes per second that the node can receive. Default: unlimited. */
  readonly downlinkBytesPerSec?: number;
  /** One way, to every node. Default 10 ms. */
  readonly latencyMs?: number;
  /** Each message takes up to that much longer; none overtakes another. Default 0. */
  readonly jitterMs?: number;
  readonly memoryBytes?: number;
  /** Pieces stored from the beginning. */
  readonly have?: 'all' | readonly number[];
  /** Stays after completion. Default true. */
  readonly seed?: boolean;
  /** Super-seeds once it is complete (BEP 16). Default false. */
  readonly superSeed?: boolean;
  /** Has the torrent by its info hash alone, and fetches its metadata: the swarm must serve it. */
  readonly magnet?: boolean;
  /**
   * Serves other metadata: with a spoiled byte in some pieces, in all of them, or of another length. With
   * `magnet` it lies from the beginning.
   */
  readonly metadataLie?: 'some' | 'all' | 'length';
  /** Milliseconds for which it knows only the info hash of its torrent; default 0. */
  readonly learnsAfterMs?: number;
  /** Spoils every block of these pieces that it sends. */
  readonly spoils?: readonly number[];
  /** False: it does not announce the fast extension (BEP 6). Default true. */
  readonly fast?: boolean;
  /** False: it is behind NAT. Default true. */
  readonly dialable?: boolean;
  readonly uploadSlots?: number;
  /** Rate limits of the engine. */
  readonly rateLimits?: LimitChange & { readonly limitSchedule?: readonly LimitPeriod[] };
  /** Connections of its torrent. Default 100. */
  readonly maxConnections?: number;
  /** `reqq`: requests that a peer may have outstanding at this node. Default 500. */
  readonly requestQueue?: number;
  /** What its verify threads hash, and write, in a millisecond. Default 400,000 bytes of each. */
  readonly hashBytesPerMs?: number;
  readonly writeBytesPerMs?: number;
  /** Stored in files, with a resume record, so that it can crash and start again. Default false. */
  readonly onDisk?: boolean;
  /** Its extensions besides the extended handshake; a hostile node may have its own. Default: all of ours. */
  readonly extensions?: readonly MakeExtension[];
  /** Keeps a journal of its coordinator. */
  readonly record?: boolean;
}
