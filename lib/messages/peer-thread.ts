// The contract between the coordinator and its peer threads: orders go one way, facts the other.
// Piece data never crosses; it lies in the slab.
//
// Ids: `torrent` and `dial` are small integers assigned by the coordinator. `connection` is
// assigned by the peer thread and never reused in a process: thread number + 32 × counter.

import type { CloseReason } from './close-reasons';
import type { StorageRef, StoredFile } from './storage';
import type { LogLevel } from '../text/log-levels';

/** Most peer threads: the block table has 5 bits for the writing thread (its `MAX_THREADS`). */
export const MAX_PEER_THREADS = 32;

/** The peer thread that assigned the id of a connection. */
export function threadOfConnection(connection: number): number {
  return connection % MAX_PEER_THREADS;
}

/**
 * Most added, and most dropped peers that are read from a message of peer exchange: BEP 11 allows 50 of
 * each after the first message, and libtorrent sends 100.
 */
export const MAX_PEERS_PER_EXCHANGE = 100;

export type { PeerThreadLimits, PeerThreadStart } from './peer-thread-start';

/** What a peer thread must know to talk to the peers of one torrent. */
export interface PeerTorrent {
  readonly torrent: number;
  readonly infoHash: Uint8Array;
  /** Known to be private (BEP 27): no peer exchange. */
  readonly private: boolean;
  /** We want nothing more of it (BEP 21); `upload-only` changes that. Default false. */
  readonly uploadOnly?: boolean;
  /** Undefined while it is not known: `torrent-content` brings it. */
  readonly content: PeerContent | undefined;
  /**
   * The info dictionary, served to peers (BEP 9). Undefined while it is not known (`torrent-info`
   * brings it), for a private torrent, and for one that was added without its bytes.
   */
  readonly info?: SharedArrayBuffer | undefined;
}

/** What a peer thread must know to transfer the content of a torrent. */
export interface PeerContent {
  readonly pieceCount: number;
  readonly pieceLengthBytes: number;
  readonly totalLengthBytes: number;
  /** The verified pieces, in wire bit order; only the coordinator writes them. */
  readonly have: SharedArrayBuffer;
  /** We super-seed (BEP 16): new sessions announce only the pieces that are revealed to their peers. */
  readonly concealed?: boolean;
  readonly storage: StorageRef;
  readonly files: readonly StoredFile[];
}

/**
 * Permission to request blocks, with memory for them: `blockCount` blocks of a piece from
 * `firstBlock` on. `segments` lists the memory as pairs (first slab unit, number of units), in
 * block order; a unit is 16 KiB and holds one block.
 */
export interface Lease {
  readonly connection: number;
  /** The choke epoch known to the coordinator: a session drops leases of an older one. */
  readonly epoch: number;
  readonly piece: number;
  readonly firstBlock: number;
  readonly blockCount: number;
  /** The block-table generation that a claim must match. */
  readonly generation: number;
  readonly segments: readonly number[];
}

/**
 * Why a session returns leased blocks. `late`: requests timed out; `silent`: they timed out, and the peer
 * sent not a single byte meanwhile; `choked`: it chokes us; `rejected`: it rejected the requests although
 * it does not choke us.
 */
export type WhyReturned = 'late' | 'silent' | 'choked' | 'rejected';

/** A peer whose address was received by peer exchange (BEP 11). */
export interface ExchangedPeer {
  /** An IP address that may be dialled, in text. */
  readonly host: string;
  readonly port: number;
  /** It was announced as a seed: it has every piece, or wants no more. */
  readonly isSeed: boolean;
}

/** A rate limit of the connections of a torrent in one direction: their payload needs credit. */
export interface RateGate {
  /** The limit of each peer; undefined: none. */
  readonly peerBytesPerSec: number | undefined;
  /** The limit is new or lower than before, so requests in flight may exceed it. */
  readonly lowered: boolean;
}

/** Coordinator → peer thread. */
export type PeerOrder =
  /**
   * Listen for incoming connections; answered by `listening` or `listen-failed`. Port 0 picks one.
   * `share`: `alone` (the default) excludes all other listeners from the port; `first` fails under
   * the same conditions, but lets other threads join; `beside` joins a thread that was `first`.
   */
  | {
      readonly type: 'listen';
      readonly port: number;
      readonly host?: string;
      readonly share?: 'alone' | 'first' | 'beside';
    }
  /**
   * Refuse peers by the filter of this buffer (`IpFilter`) from now on, and close those that it
   * refuses; undefined: no filter.
   */
  | { readonly type: 'ip-filter'; readonly buffer: SharedArrayBuffer | undefined }
  /** Serve this torrent from now on: incoming handshakes with its info hash are accepted. */
  | { readonly type: 'open-torrent'; readonly torrent: PeerTorrent }
  /**
   * Supplies the content of an open torrent: the pieces that its peers have announced are reported,
   * and blocks may be leased.
   */
  | {
      readonly type: 'torrent-content';
      readonly torrent: number;
      readonly content: PeerContent;
    }
  /**
   * All peers of the torrent for peer exchange (BEP 11), in place of the last list: address, port and
   * flags, in 7 bytes for IPv4 and 19 for IPv6. Each session sends its peer the difference.
   */
  | {
      readonly type: 'swarm';
      readonly torrent: number;
      readonly ipv4: Uint8Array;
      readonly ipv6: Uint8Array;
    }
  /** An open torrent turned out to be private: peer exchange ends on all of its connections. */
  | { readonly type: 'torrent-private'; readonly torrent: number }
  /** We want nothing more of the torrent, or something again: `upload_only` is sent to its peers (BEP 21). */
  | { readonly type: 'upload-only'; readonly torrent: number; readonly uploadOnly: boolean }
  /**
   * The metadata of an open torrent became known: its size is sent to peers. `info`: as in `PeerTorrent`.
   */
  | {
      readonly type: 'torrent-info';
      readonly torrent: number;
      readonly info: SharedArrayBuffer | undefined;
    }
  /** Close all connections and file handles of the torrent; answered by `torrent-closed`. */
  | { readonly type: 'close-torrent'; readonly torrent: number; readonly reason: CloseReason }
  /** Connect to a peer; answered by `connected` or `dial-failed`. */
  | {
      readonly type: 'dial';
      readonly dial: number;
      readonly torrent: number;
      readonly host: string;
      readonly port: number;
    }
  /** Blocks that this connection may request. */
  | { readonly type: 'lease'; readonly lease: Lease }
  /** These leased blocks are no longer wanted from this connection: cancel outstanding requests. */
  | {
      readonly type: 'cancel-lease';
      readonly connection: number;
      readonly piece: number;
      readonly generation: number;
    }
  /**
   * Request a piece of the metadata (BEP 9); answered by `metadata-piece` or `metadata-refused`, unless the
   * peer does not answer. `totalBytes`: the length of the whole, as the peer announced it.
   */
  | {
      readonly type: 'request-metadata';
      readonly connection: number;
      readonly piece: number;
      readonly totalBytes: number | undefined;
    }
  /** Pieces verified since the last such order: announce them to every peer of the torrent. */
  | { readonly type: 'have'; readonly torrent: number; readonly pieces: readonly number[] }
  /** Super-seeding: announce this piece to this peer, which may then request it. */
  | { readonly type: 'reveal'; readonly connection: number; readonly piece: number }
  /**
   * Whether new sessions of the torrent conceal our pieces. If false, sessions that conceal pieces announce
   * them.
   */
  | { readonly type: 'conceal'; readonly torrent: number; readonly concealed: boolean }
  /** Send the peer whether we are interested. */
  | { readonly type: 'interest'; readonly connection: number; readonly interested: boolean }
  /** Choke or unchoke the peer. */
  | { readonly type: 'choke'; readonly connection: number; readonly choked: boolean }
  /** The limits of a torrent from now on; undefined: none. */
  | {
      readonly type: 'limit-rates';
      readonly torrent: number;
      readonly down: RateGate | undefined;
      readonly up: RateGate | undefined;
    }
  /**
   * Credit of limited torrents; what is left of the last grant is void. Answered by `rates`. Rows of three
   * numbers: torrent, direction (0 down, 1 up), blocks (may be Infinity, or 0).
   */
  | { readonly type: 'grant-rates'; readonly rows: readonly number[] }
  /**
   * Allow the peer these pieces while we choke it (BEP 6), in place of those of an earlier order.
   */
  | {
      readonly type: 'allow-fast';
      readonly connection: number;
      readonly pieces: readonly number[];
    }
  /** The port that we listen on, for the extended handshake (`p`). */
  | { readonly type: 'listen-port'; readonly port: number }
  /** Close one connection. */
  | { readonly type: 'close'; readonly connection: number; readonly reason: CloseReason }
  /** Close everything; answered by `stopped`. */
  | { readonly type: 'stop' };

/** Peer thread → coordinator. */
export type PeerFact =
  /** The thread is ready. */
  | { readonly type: 'ready' }
  /** This thread accepts connections on the port. */
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
      /** Both sides announced the fast extension (BEP 6). Default false. */
      readonly fast?: boolean;
    }
  /** A dial ended before its handshake was complete. */
  | {
      readonly type: 'dial-failed';
      readonly dial: number;
      readonly reason: CloseReason;
      readonly detail: string;
    }
  /** A connected peer is gone; all its leases are void. The totals cover the whole connection. */
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
  /** The peer's complete bitfield, or `have all` or `have none` in its place (BEP 6). */
  | {
      readonly type: 'peer-bitfield';
      readonly connection: number;
      readonly bits: Uint8Array | 'all' | 'none';
    }
  /** Pieces that the peer announced since the last such fact. */
  | { readonly type: 'peer-have'; readonly connection: number; readonly pieces: readonly number[] }
  /**
   * The peer choked us or unchoked us. `epoch` counts chokes. A choke makes all leases of older
   * epochs void, except with the fast extension (BEP 6): then each still ends by a fact of its own.
   */
  | {
      readonly type: 'peer-choke';
      readonly connection: number;
      readonly choked: boolean;
      readonly epoch: number;
    }
  /** A piece that the peer announced, and no longer has (BEP 54). */
  | { readonly type: 'peer-lost'; readonly connection: number; readonly piece: number }
  /** The peer announced that it wants nothing, or something again (BEP 21). */
  | { readonly type: 'upload-only'; readonly connection: number; readonly uploadOnly: boolean }
  /** The pieces that may be requested while the peer chokes us, all of them, 64 at most (BEP 6). */
  | {
      readonly type: 'allowed-fast';
      readonly connection: number;
      readonly pieces: readonly number[];
    }
  /** Pieces that the peer suggests, 8 at most, the newest last (BEP 6). */
  | { readonly type: 'suggested'; readonly connection: number; readonly pieces: readonly number[] }
  | { readonly type: 'peer-interest'; readonly connection: number; readonly interested: boolean }
  /**
   * The peer stopped using its upload slot, or uses it again. It stops if it reads none of the
   * blocks queued for it for a second, requests none for two seconds, or floods us and is not read.
   */
  | { readonly type: 'upload-stalled'; readonly connection: number; readonly stalled: boolean }
  /** The peer's extended handshake. */
  | {
      readonly type: 'extended-handshake';
      readonly connection: number;
      readonly client?: string;
      readonly listenPort?: number;
      readonly requestQueue?: number;
      /** Our address as the peer sees it, 4 or 16 bytes. */
      readonly yourIp?: Uint8Array;
    }
  /**
   * Addresses that a peer sent by peer exchange (BEP 11): peers to which it is, or is no longer, connected.
   * At most `MAX_PEERS_PER_EXCHANGE` of each; four such facts at once, then one per 45 s.
   */
  | {
      readonly type: 'peer-exchange';
      readonly connection: number;
      readonly added: readonly ExchangedPeer[];
      readonly dropped: readonly { readonly host: string; readonly port: number }[];
    }
  /**
   * While the metadata is wanted: the peer accepts requests for it (BEP 9), and announced this length;
   * undefined: none. Sent again if that changes, at most 8 times.
   */
  | {
      readonly type: 'metadata-offer';
      readonly connection: number;
      readonly totalBytes: number | undefined;
    }
  /**
   * A requested piece of the metadata, of the right length for `totalBytes`. It is copied in the message,
   * unlike piece data, because metadata is small.
   */
  | {
      readonly type: 'metadata-piece';
      readonly connection: number;
      readonly piece: number;
      readonly totalBytes: number;
      readonly bytes: Uint8Array;
    }
  /** The peer rejected such a request, answered it with a wrong length, or accepts none. */
  | { readonly type: 'metadata-refused'; readonly connection: number; readonly piece: number }
  /**
   * How much work the session accepts. `creditBlocks` is cumulative since the epoch began: the
   * total number of blocks that may be leased, so that a late fact can never cause too many.
   */
  | {
      readonly type: 'appetite';
      readonly connection: number;
      readonly epoch: number;
      readonly creditBlocks: number;
      readonly rateBytesPerSec: number;
    }
  /** Every block of these leased runs has arrived, from this connection or others. */
  | {
      readonly type: 'lease-done';
      readonly connection: number;
      readonly epoch: number;
      readonly piece: number;
      readonly generation: number;
      readonly firstBlock: number;
      readonly blockCount: number;
    }
  /** The session returns these blocks unfilled, so that other sources may fetch them. */
  | {
      readonly type: 'lease-returned';
      readonly why: WhyReturned;
      readonly connection: number;
      readonly epoch: number;
      readonly piece: number;
      readonly generation: number;
      readonly firstBlock: number;
      readonly blockCount: number;
    }
  /**
   * Byte counts since the last such fact, as rows of four numbers, one per connection with traffic:
   * connection, payload bytes in, payload bytes out, wasted bytes in (duplicates and late blocks).
   */
  | { readonly type: 'traffic'; readonly rows: readonly number[] }
  /**
   * What limits downloads, every 250 ms while there are any. `busy` is the utilisation of the
   * thread's event loop during that time, 0 to 1. Rows of four numbers per downloading connection:
   * connection, bytes requested and not received, payload bytes in since the last such fact, and a
   * `SESSION_LIMIT`. A connection without a row downloads nothing.
   */
  | { readonly type: 'load'; readonly busy: number; readonly rows: readonly number[] }
  /**
   * The use of granted credit, or the first demand for some. Rows of six numbers: torrent, direction
   * (0 down, 1 up), active connections, blocks that they can use (may be Infinity), and of earlier grants
   * the bytes used and the bytes returned (below 0: used in excess).
   */
  | { readonly type: 'rates'; readonly rows: readonly number[] }
  /**
   * A file of the torrent could not be read for upload; at most one per second and torrent. `code`
   * is `short-read` (the file is cut or gone) or the storage's own code; `path` is the stored file,
   * if one was being read.
   */
  | {
      readonly type: 'read-failed';
      readonly torrent: number;
      readonly code: string;
      readonly message: string;
      readonly path: string | undefined;
    }
  | { readonly type: 'torrent-closed'; readonly torrent: number }
  /** An error that belongs to no connection: the thread continues, the coordinator logs it. */
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields?: Readonly<Record<string, string | number | boolean>>;
    }
  /** Lines of the wire trace since the last such fact; `lost` counts dropped ones. */
  | { readonly type: 'trace'; readonly lines: readonly string[]; readonly lost: number }
  | { readonly type: 'stopped' };

/** The orders of one type. */
export type OrderOf<Type extends PeerOrder['type']> = Extract<PeerOrder, { readonly type: Type }>;

/** The facts of one type. */
export type FactOf<Type extends PeerFact['type']> = Extract<PeerFact, { readonly type: Type }>;
