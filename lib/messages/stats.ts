// What the engine tells about itself: snapshots for people, scripts and dashboards. Plain data.

import type { CloseReason } from './close-reasons';
import type { TransferAccount } from './account';

/** Where a torrent stands. */
export type TorrentPhase =
  /** Existing data is being hashed. */
  | 'checking'
  | 'downloading'
  /** Every wanted piece is verified, and nothing is served: the torrent was added without `seed`. */
  | 'complete'
  /** Every wanted piece is verified; peers may download from us. */
  | 'seeding'
  /** Stopped by the user: no peers, no memory. */
  | 'paused'
  /** Stopped by an error (`TorrentStats.error`); `resume()` tries again. */
  | 'failed'
  | 'closed';

/** One torrent at one moment. Bytes are payload bytes; rates are means over the last 2 seconds. */
export interface TorrentStats {
  readonly phase: TorrentPhase;
  readonly totalBytes: number;
  /** Verified and written. */
  readonly doneBytes: number;
  readonly pieceCount: number;
  readonly piecesDone: number;
  /** During `checking`: pieces hashed so far and pieces to hash. */
  readonly piecesChecked: number;
  readonly piecesToCheck: number;
  /** Payload received from peers since the torrent was added, good or not. */
  readonly downloadedBytes: number;
  readonly uploadedBytes: number;
  /** Received in vain: duplicates, late blocks, blocks of pieces that failed or were evicted. */
  readonly wastedBytes: number;
  readonly downloadBytesPerSec: number;
  readonly uploadBytesPerSec: number;
  /** Seconds to completion at the present rate; undefined while nothing arrives. */
  readonly etaSec: number | undefined;
  readonly peers: {
    readonly connected: number;
    /** Connected peers that have every piece. */
    readonly seeds: number;
    readonly dialing: number;
    /** Addresses known and not banned. */
    readonly known: number;
    /** Connected peers that let us download. */
    readonly unchoking: number;
  };
  readonly piecesFailed: number;
  /** Memory of the slab committed to this torrent's unfinished pieces. */
  readonly memoryBytes: number;
  readonly trackers: readonly TrackerStats[];
  /** What limited the download, from the torrent's addition on, pauses left out. */
  readonly account: TransferAccount;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

export interface TrackerStats {
  /** Whole, passkey and all: show it to nobody without `redactUrl`. */
  readonly url: string;
  readonly status: 'waiting' | 'working' | 'failed';
  /** The tracker's or the network's words when it failed, word for word. */
  readonly message: string | undefined;
  readonly seeds: number | undefined;
  readonly leechers: number | undefined;
  /** Peers in the last reply. */
  readonly peers: number;
  /** Seconds until the next announce. */
  readonly nextAnnounceSec: number | undefined;
  /** The address that the tracker says it sees us at (BEP 24); HTTP only. */
  readonly externalIp: string | undefined;
}

/** The engine at one moment. */
export interface EngineStats {
  readonly port: number | undefined;
  readonly peerThreads: number;
  /** The most there may be: see the option. */
  readonly verifyThreads: number;
  readonly memoryLimitBytes: number;
  readonly memoryCommittedBytes: number;
  /** Slab units neither free nor owned by a piece: must be 0 when nothing moves. */
  readonly memoryQuarantinedBytes: number;
  readonly connections: number;
  readonly threadRestarts: number;
  /** Connections and dials that ended since the engine was started, by reason; absent ones are 0. */
  readonly peersClosed: CloseCounts;
  /** Incoming connections that ended before a valid handshake, likewise. */
  readonly peersRejected: CloseCounts;
  /** The accounts of all torrents together, removed ones too: seconds of several at once add up. */
  readonly account: TransferAccount;
}

export type CloseCounts = Readonly<Partial<Record<CloseReason, number>>>;
