// The figures that the engine reports: snapshots for users, scripts and dashboards. Plain data.

import type { Choking } from './choking';
import type { CloseReason } from './close-reasons';
import type { TransferAccount } from './account';
import type { RateLimits } from './rates';

/** The state of a torrent, from its addition to its removal. */
export type TorrentPhase =
  /** Added by a magnet link: its metadata is being fetched from peers (BEP 9). */
  | 'metadata'
  /** Existing data is being checked. */
  | 'checking'
  /** Missing pieces are being fetched. */
  | 'downloading'
  /**
   * Every wanted piece is verified. Nothing is uploaded, because the torrent was added without
   * `seed`.
   */
  | 'complete'
  /** Every wanted piece is verified; peers may download from us. */
  | 'seeding'
  /** Stopped by the user: no peers, no memory. */
  | 'paused'
  /** Stopped by an error (`TorrentStats.error`); `resume()` tries again. */
  | 'failed'
  /** Removed, or its engine has ended. */
  | 'closed';

/** Number of known addresses by source. */
export interface AddressCounts {
  readonly trackers: number;
  /** Received by peer exchange (BEP 11), and from no other source. */
  readonly exchange: number;
  readonly incoming: number;
  readonly user: number;
}

/**
 * One torrent at one moment. Bytes are payload bytes; rates are averages over the last 2 seconds.
 */
export interface TorrentStats {
  readonly phase: TorrentPhase;
  /**
   * Progress of the metadata; undefined once it is known, and for a torrent that was added with it.
   */
  readonly metadata: MetadataProgress | undefined;
  /** File bytes in the torrent, without padding; undefined until the metadata is known. */
  readonly totalBytes: number | undefined;
  /** File bytes of verified and written pieces. */
  readonly doneBytes: number;
  /** Undefined until the metadata is known. */
  readonly pieceCount: number | undefined;
  readonly piecesDone: number;
  /** During `checking`: pieces hashed so far, of `piecesToCheck`. */
  readonly piecesChecked: number;
  readonly piecesToCheck: number;
  /** Payload received from peers since the torrent was added, including wasted bytes. */
  readonly downloadedBytes: number;
  readonly uploadedBytes: number;
  /**
   * Payload that was of no use: duplicates, late blocks, blocks of pieces that failed or were
   * evicted.
   */
  readonly wastedBytes: number;
  readonly downloadBytesPerSec: number;
  readonly uploadBytesPerSec: number;
  /** Estimated seconds to completion at the present rate; undefined while nothing arrives. */
  readonly etaSec: number | undefined;
  readonly peers: {
    readonly connected: number;
    /** Connected peers that have every piece. */
    readonly seeds: number;
    readonly dialing: number;
    /** Known addresses that may be dialled or are connected. */
    readonly known: number;
    /** Connected peers that do not choke us. */
    readonly unchoking: number;
  };
  /** The known addresses by their sources: trackers, peer exchange, incoming peers, the user. */
  readonly addresses: AddressCounts;
  /** The torrent is private (BEP 27); undefined until the metadata is known. */
  readonly private: boolean | undefined;
  /** Upload slots: their number, their use, and the rule by which they are assigned. */
  readonly uploads: {
    readonly choking: Choking;
    /** Most peers that may download from us at a time. */
    readonly slots: number;
    /** Peers that are unchoked now. */
    readonly unchoked: number;
    /** Peers that want pieces of ours. */
    readonly interested: number;
    /** The torrent is being super-seeded (BEP 16). */
    readonly superSeeding: boolean;
  };
  /** Hash checks that failed. */
  readonly piecesFailed: number;
  /** Slab memory committed to unfinished pieces of this torrent. */
  readonly memoryBytes: number;
  readonly trackers: readonly TrackerStats[];
  /** The rate limits in force: the lower of its own and those of the engine. */
  readonly limits: RateLimits;
  /** What limited the download since the torrent was added, without pauses. */
  readonly account: TransferAccount;
  /** Why the torrent failed; in the phase `paused` also what failed while it paused. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

/** Progress of the metadata of a torrent, which peers send in pieces of 16 KiB (BEP 9). */
export interface MetadataProgress {
  /** Bytes received. They are verified once all have been received. */
  readonly receivedBytes: number;
  /** The length as announced by peers; undefined until one has. */
  readonly totalBytes: number | undefined;
  /** Connected peers that have the metadata. */
  readonly peers: number;
}

export interface TrackerStats {
  /** The full URL, possibly with a passkey: use `redactUrl` before showing it. */
  readonly url: string;
  /** By the last reply: `waiting` for the first one, `working`, or `failed`. */
  readonly status: 'waiting' | 'working' | 'failed';
  /** The tracker's failure reason or warning, or the network error, verbatim. */
  readonly message: string | undefined;
  readonly seeds: number | undefined;
  readonly leechers: number | undefined;
  /** Peers in the last reply. */
  readonly peers: number;
  /** Seconds until the next announce. */
  readonly nextAnnounceSec: number | undefined;
  /** The address from which the tracker sees us (BEP 24); HTTP only. */
  readonly externalIp: string | undefined;
}

/** The engine at one moment. */
export interface EngineStats {
  /** TCP port for incoming peers; undefined if the engine does not listen. */
  readonly port: number | undefined;
  readonly peerThreads: number;
  /** The upper limit: see the option. */
  readonly verifyThreads: number;
  readonly memoryLimitBytes: number;
  readonly memoryCommittedBytes: number;
  /** Memory of slab units that are neither free nor owned by a piece; 0 when no transfer runs. */
  readonly memoryQuarantinedBytes: number;
  readonly connections: number;
  /** The rate limits in force, for all torrents together. */
  readonly limits: RateLimits;
  /** Peer and verify threads that died and were replaced. */
  readonly threadRestarts: number;
  /**
   * Connections and dials that ended since the engine started, by reason; absent reasons count 0.
   */
  readonly peersClosed: CloseCounts;
  /** Incoming connections that ended before a valid handshake, in the same form. */
  readonly peersRejected: CloseCounts;
  /** The IP filter; undefined if there is none. */
  readonly ipFilter:
    | {
        /** Refused ranges, after overlapping and adjacent ones were merged. */
        readonly ranges: number;
        /**
         * Addresses from trackers, peers and the user that the filter refused since the engine started; one
         * counts each time that it is received. Refused connections count in `peersClosed` and
         * `peersRejected`.
         */
        readonly addressesRefused: number;
      }
    | undefined;
  /** The sum of the accounts of all torrents, including removed ones: concurrent seconds add up. */
  readonly account: TransferAccount;
}

export type CloseCounts = Readonly<Partial<Record<CloseReason, number>>>;
