// The treaty between the coordinator and its peer threads. Orders go down, facts come up, bytes of
// pieces never travel: they are in the slab.
//
// Ids: `torrent` and `dial` are small integers that the coordinator hands out. `connection` is
// handed out by the peer thread and never used twice in a process: thread number + 32 × counter.

import type { CloseReason } from './close-reasons';
import type { StorageRef, StoredFile } from './storage';
import type { TraceSettings } from './trace';

/** At most this many peer threads: the block table keeps 5 bits for the thread that writes (its `MAX_THREADS`). */
export const MAX_PEER_THREADS = 32;

/** The peer thread that handed out the id of a connection. */
export function threadOfConnection(connection: number): number {
  return connection % MAX_PEER_THREADS;
}

/** What a peer thread is started with. */
export interface PeerThreadStart {
  readonly thread: number;
  readonly slab: SharedArrayBuffer;
  readonly blockTable: SharedArrayBuffer;
  /** Our 20-byte peer id; one per engine. */
  readonly peerId: Uint8Array;
  readonly limits: PeerThreadLimits;
  /** Ours, for the extended handshake (`v`). */
  readonly version: string;
  /** Absent where nothing is traced. */
  readonly trace?: TraceSettings | undefined;
}

export interface PeerThreadLimits {
  /** Connections of this thread, dialling ones included. */
  readonly maxConnections: number;
  /** Beside these: incoming connections that have not shaken hands yet. */
  readonly maxHandshakes: number;
  readonly dialTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  /** A block not here this long after its request (or the last block) is asked of somebody else. */
  readonly requestTimeoutMs: number;
  /** Silence that ends a connection. */
  readonly idleTimeoutMs: number;
  /** Silence of ours after which we send a keep-alive. */
  readonly keepAliveMs: number;
  /** `reqq` that we announce, and the most requests we keep for one peer. */
  readonly requestQueue: number;
  /** Bytes of file data read ahead and queued to sockets, all connections of this thread together. */
  readonly uploadBufferBytes: number;
}

/** What a peer thread must know to talk to the peers of one torrent. */
export interface PeerTorrent {
  readonly torrent: number;
  readonly infoHash: Uint8Array;
  /** Undefined while it is not known: `torrent-content` brings it. */
  readonly content: PeerContent | undefined;
}

/** What a peer thread must know to transfer the content of a torrent. */
export interface PeerContent {
  readonly pieceCount: number;
  readonly pieceLengthBytes: number;
  readonly totalLengthBytes: number;
  /** The verified pieces, wire bit order; written by the coordinator only, read everywhere. */
  readonly have: SharedArrayBuffer;
  readonly storage: StorageRef;
  readonly files: readonly StoredFile[];
}

/**
 * A promise of memory: blocks `firstBlock` … + `blockCount` of a piece may be requested and have a
 * place. `segments` gives the places as pairs (first slab unit, number of units), in block order;
 * a unit is 16 KiB and holds one block.
 */
export interface Lease {
  readonly connection: number;
  /** The choke epoch that the coordinator knew: a session drops leases of an older one. */
  readonly epoch: number;
  readonly piece: number;
  readonly firstBlock: number;
  readonly blockCount: number;
  /** Block-table generation that a claim must meet. */
  readonly generation: number;
  readonly segments: readonly number[];
}

/** Coordinator → peer thread. */
export type PeerOrder =
  /**
   * Listen for incoming connections; answered by `listening` or `listen-failed`. Port 0 picks one.
   * `share`: `alone` keeps every other listener off the port; `first` fails as that does, but other threads
   * may join; `beside` joins a thread that was the first. Default: `alone`.
   */
  | {
      readonly type: 'listen';
      readonly port: number;
      readonly host?: string;
      readonly share?: 'alone' | 'first' | 'beside';
    }
  /** Talk about this torrent from now on: incoming handshakes with its info hash are answered. */
  | { readonly type: 'open-torrent'; readonly torrent: PeerTorrent }
  /**
   * The content of an open torrent is known now: what its peers have said of their pieces is reported, and
   * blocks may be leased.
   */
  | {
      readonly type: 'torrent-content';
      readonly torrent: number;
      readonly content: PeerContent;
    }
  /** Close all its connections and file handles, forget it; answered by `torrent-closed`. */
  | { readonly type: 'close-torrent'; readonly torrent: number; readonly reason: CloseReason }
  /** Connect to a peer; answered by `connected` or `dial-failed`. */
  | {
      readonly type: 'dial';
      readonly dial: number;
      readonly torrent: number;
      readonly host: string;
      readonly port: number;
    }
  /** Blocks this connection may request. */
  | { readonly type: 'lease'; readonly lease: Lease }
  /** These leased blocks are no longer wanted of this connection: cancel what is outstanding. */
  | {
      readonly type: 'cancel-lease';
      readonly connection: number;
      readonly piece: number;
      readonly generation: number;
    }
  /** Pieces verified since the last order: tell every connection of the torrent. */
  | { readonly type: 'have'; readonly torrent: number; readonly pieces: readonly number[] }
  /** Tell the peer whether we want anything it has. */
  | { readonly type: 'interest'; readonly connection: number; readonly interested: boolean }
  /** Choke or unchoke the peer. */
  | { readonly type: 'choke'; readonly connection: number; readonly choked: boolean }
  /** The port we listen on, for the extended handshake (`p`). */
  | { readonly type: 'listen-port'; readonly port: number }
  /** End one connection. */
  | { readonly type: 'close'; readonly connection: number; readonly reason: CloseReason }
  /** Close everything; answered by `stopped`. */
  | { readonly type: 'stop' };

/** Peer thread → coordinator. */
export type PeerFact =
  /** The thread is up. */
  | { readonly type: 'ready' }
  /** This thread accepts connections on that port. */
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'listen-failed'; readonly code: string; readonly message: string }
  /** A handshake is complete. `dial` is absent for an incoming connection. */
  | {
      readonly type: 'connected';
      readonly connection: number;
      readonly torrent: number;
      readonly dial?: number;
      readonly host: string;
      readonly port: number;
      readonly peerId: Uint8Array;
    }
  /** A dial ended before its handshake was complete. */
  | {
      readonly type: 'dial-failed';
      readonly dial: number;
      readonly reason: CloseReason;
      readonly detail: string;
    }
  /** A connected peer is gone; all its leases are void. Totals are for the whole connection. */
  | {
      readonly type: 'closed';
      readonly connection: number;
      readonly reason: CloseReason;
      readonly detail: string;
      readonly downloadedBytes: number;
      readonly uploadedBytes: number;
    }
  /** An incoming connection ended before a valid handshake. */
  | {
      readonly type: 'rejected';
      readonly host: string;
      readonly port: number;
      readonly reason: CloseReason;
      readonly detail: string;
    }
  /** The peer's whole bitfield. */
  | { readonly type: 'peer-bitfield'; readonly connection: number; readonly bits: Uint8Array }
  /** Pieces the peer has verified since the last fact. */
  | { readonly type: 'peer-have'; readonly connection: number; readonly pieces: readonly number[] }
  /** The peer choked us (all leases of older epochs are void) or unchoked us. `epoch` counts chokes. */
  | {
      readonly type: 'peer-choke';
      readonly connection: number;
      readonly choked: boolean;
      readonly epoch: number;
    }
  | { readonly type: 'peer-interest'; readonly connection: number; readonly interested: boolean }
  /**
   * The peer makes no use of an upload slot, or does again: it took nothing of the blocks that wait for
   * it for a second, asked for none for two, or floods us and is not read.
   */
  | { readonly type: 'upload-stalled'; readonly connection: number; readonly stalled: boolean }
  /** The peer's extended handshake. */
  | {
      readonly type: 'extended-handshake';
      readonly connection: number;
      readonly client?: string;
      readonly listenPort?: number;
      readonly requestQueue?: number;
    }
  /**
   * How much work the session will take. `creditBlocks` is cumulative since the epoch began: the
   * coordinator may have leased that many blocks in all, so a late answer can never overshoot.
   */
  | {
      readonly type: 'appetite';
      readonly connection: number;
      readonly epoch: number;
      readonly creditBlocks: number;
      readonly rateBytesPerSec: number;
    }
  /** Every block of these leased runs is here, filled by this connection or by others. */
  | {
      readonly type: 'lease-done';
      readonly connection: number;
      readonly epoch: number;
      readonly piece: number;
      readonly generation: number;
      readonly firstBlock: number;
      readonly blockCount: number;
    }
  /** The session gives these blocks back unfilled (time-out): somebody else may have them. */
  | {
      readonly type: 'lease-returned';
      readonly connection: number;
      readonly epoch: number;
      readonly piece: number;
      readonly generation: number;
      readonly firstBlock: number;
      readonly blockCount: number;
    }
  /**
   * Byte counts since the last such fact, flattened, one row of four per connection that moved:
   * connection, payload bytes in, payload bytes out, wasted bytes in (duplicates and late blocks).
   */
  | { readonly type: 'traffic'; readonly rows: readonly number[] }
  /**
   * What holds downloads up, every 250 ms while there are any: `busy` is the part of that time, 0 to
   * 1, in which the thread's event loop did not rest. Rows of four per connection that downloads:
   * connection, bytes asked for and not here, payload bytes in since the last such fact, and one of
   * `SESSION_LIMIT`. A connection without a row downloads nothing.
   */
  | { readonly type: 'load'; readonly busy: number; readonly rows: readonly number[] }
  /**
   * A file of the torrent could not be read for upload, at most once a second and torrent: `code` is
   * `short-read` (cut, or gone) or the storage's own, `path` the stored file where one was being read.
   */
  | {
      readonly type: 'read-failed';
      readonly torrent: number;
      readonly code: string;
      readonly message: string;
      readonly path: string | undefined;
    }
  | { readonly type: 'torrent-closed'; readonly torrent: number }
  /** The thread met an error that is nobody's: it goes on, the coordinator logs it. */
  | {
      readonly type: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields?: Readonly<Record<string, string | number | boolean>>;
    }
  /** Lines of the wire trace since the last such fact; `lost` more found no room. */
  | { readonly type: 'trace'; readonly lines: readonly string[]; readonly lost: number }
  | { readonly type: 'stopped' };

/** The facts of one type. */
export type FactOf<Type extends PeerFact['type']> = Extract<PeerFact, { readonly type: Type }>;
