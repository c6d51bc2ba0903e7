// What a peer thread gives each of its connections. Only types.

import type { BlockTable } from '../memory/block-table';
import type { Slab } from '../memory/slab';
import type { PeerFact, PeerThreadLimits } from '../messages/peer-thread';
import type { ThreadRates } from '../rate/thread-rates';
import type { Transport } from '../transport/stream';
import type { ReadTurns } from './read-turns';
import type { OpenTorrent } from './open-torrent';
import type { Tracer } from './tracer';
import type { Uploader } from './upload/uploader';

/** What a thread needs from each of its connections. */
export interface ThreadConnection {
  readonly id: number;
  readonly host: string;
  /** The torrent, once known. */
  readonly torrent: OpenTorrent | undefined;
  /** Lets it in, after `mayEnter` made it wait. */
  enter(): void;
  /** Called after orders: sends what they changed in one write. */
  endTurn(): void;
}

/** What all connections of a thread share. */
export interface ConnectionContext {
  readonly thread: number;
  readonly peerId: Uint8Array;
  /** `v` of the extended handshake (BEP 10). */
  readonly clientName: string;
  readonly limits: PeerThreadLimits;
  readonly slab: Slab;
  readonly table: BlockTable;
  readonly transport: Transport;
  readonly uploader: Uploader;
  readonly readTurns: ReadTurns;
  readonly rates: ThreadRates;
  /** Undefined if there is no trace. */
  readonly tracer?: Tracer | undefined;
  readonly nowMs: () => number;
  readonly send: (fact: PeerFact) => void;
  readonly findTorrent: (infoHash: Uint8Array) => OpenTorrent | undefined;
  /** Whether an address that a host name resolved to may be dialled. */
  readonly mayReach: (address: string) => boolean;
  readonly listenPort: () => number | undefined;
  /**
   * An incoming connection has completed its handshake. False: it waits until its `enter` is
   * called.
   */
  readonly mayEnter: (connection: ThreadConnection) => boolean;
  /** The connection has ended: forget it. */
  readonly onGone: (connection: ThreadConnection) => void;
}
