// What a peer thread lends each of its connections. Only types.

import type { BlockTable } from '../memory/block-table';
import type { Slab } from '../memory/slab';
import type { PeerFact, PeerThreadLimits } from '../messages/peer-thread';
import type { Transport } from '../transport/stream';
import type { ReadTurns } from './read-turns';
import type { OpenTorrent } from './open-torrent';
import type { Tracer } from './tracer';
import type { Uploader } from './upload/uploader';

/** What a thread asks of each of its connections. */
export interface ThreadConnection {
  readonly id: number;
  readonly host: string;
  /** The torrent, once it is known which. */
  readonly torrent: OpenTorrent | undefined;
  /** Its turn has come, after `mayEnter` made it wait. */
  enter(): void;
  /** After orders: what they changed goes out in one write. */
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
  /** Undefined where nothing is traced. */
  readonly tracer?: Tracer | undefined;
  readonly nowMs: () => number;
  readonly send: (fact: PeerFact) => void;
  readonly findTorrent: (infoHash: Uint8Array) => OpenTorrent | undefined;
  readonly listenPort: () => number | undefined;
  /** An incoming connection has shaken hands. False: it waits until its `enter` is called. */
  readonly mayEnter: (connection: ThreadConnection) => boolean;
  /** The connection is over: forget it. */
  readonly onGone: (connection: ThreadConnection) => void;
}
