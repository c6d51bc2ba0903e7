// Requests to and replies from a tracker, for all transports: HTTP, HTTPS or UDP. Only types.

/** The events of BEP 3; none means a regular announce. */
export type AnnounceEvent = 'started' | 'completed' | 'stopped';

/** One announce (BEP 3, "trackers"). */
export interface AnnounceRequest {
  /** 20 raw bytes. */
  readonly infoHash: Uint8Array;
  /** 20 raw bytes. */
  readonly peerId: Uint8Array;
  /** The port on which we accept peers. */
  readonly port: number;
  /**
   * Address (over HTTP also a name) that the tracker should give to peers for us, in place of the source
   * of the request. A tracker may ignore it, and UDP has room for IPv4 only (BEP 3, BEP 15).
   */
  readonly ip?: string | undefined;
  /** Payload bytes sent since `started`. */
  readonly uploadedBytes: number;
  /** Payload bytes received since `started`. */
  readonly downloadedBytes: number;
  /** Bytes missing from the torrent; 0 for a seed. */
  readonly leftBytes: number;
  readonly event?: AnnounceEvent;
  /**
   * The torrent is incomplete and wants nothing more: over HTTP every announce except `stopped`
   * then has `event=paused` (BEP 21); BEP 15 has no code for it. Default false.
   */
  readonly partialSeed?: boolean;
  /** Number of peers requested; the tracker may return fewer or more. */
  readonly numWant: number;
  /**
   * 32 random bits, the same for one torrent and run: by them a tracker recognises us under a new
   * address (BEP 7).
   */
  readonly key: number;
  /** The `tracker id` from this tracker, sent back unchanged. */
  readonly trackerId?: Uint8Array;
}

/** An announce as a tracker receives it, over HTTP or UDP. */
export interface ReceivedAnnounce {
  /** 20 raw bytes. */
  readonly infoHash: Uint8Array;
  /** 20 raw bytes. */
  readonly peerId: Uint8Array;
  /** 4 or 16 bytes in network order: the source address of the request. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly leftBytes: number;
  readonly event?: AnnounceEvent;
  /** The event was `paused`: incomplete, and wants nothing more (BEP 21). */
  readonly partialSeed?: boolean;
  readonly numWant?: number;
  /** Families of the returned peers; default `all`. UDP has room only for the client's own. */
  readonly families?: 'all' | 'own';
  /** The reply should contain peer ids. */
  readonly withIds?: boolean;
}

/** Where a peer listens. `host` is an IP address in text without brackets, never a name. */
export interface PeerAddress {
  readonly host: string;
  /** 1 … 65535. */
  readonly port: number;
  /** 20 raw bytes; only in the dictionary form of a reply. */
  readonly peerId?: Uint8Array;
}

/** A tracker's reply after every check: plain data that can be sent to other threads. */
export interface AnnounceReply {
  /** Seconds until the next regular announce. */
  readonly intervalSec: number;
  /** Seconds before which no further announce should be sent. */
  readonly minIntervalSec?: number;
  readonly trackerId?: Uint8Array;
  readonly peers: readonly PeerAddress[];
  /** `complete`: peers with the whole torrent. */
  readonly seeds?: number;
  /** `incomplete`: peers that still download. */
  readonly leechers?: number;
  /** `warning message`, for the user. */
  readonly warning?: string;
  /** The address from which the tracker sees us (BEP 24). */
  readonly externalIp?: string;
  /** Both addresses, if we announced over IPv4 and IPv6 and the tracker returned both. */
  readonly externalIps?: readonly string[];
  /** The address that replied; absent behind a proxy. */
  readonly trackerIp?: string;
  /** Number of peers left out because they cannot be dialled or are ourselves (peer-filter.ts). */
  readonly droppedPeers?: number;
  /** Time of the tracker's clock (HTTP only), in milliseconds since 1970. */
  readonly dateMs?: number;
}

/** What a tracker counts for one torrent (BEP 48, BEP 15). */
export interface ScrapeCounts {
  /** `complete`: peers with the whole torrent. */
  readonly seeds: number;
  /** `incomplete`: all others, including partial seeds. */
  readonly leechers: number;
  /** `downloaded`: number of completed downloads. */
  readonly completed: number;
  /** `downloaders`: leechers without partial seeds (BEP 21, HTTP only). */
  readonly downloaders?: number;
}

export interface ScrapeReply {
  /** One for each requested info hash, in that order; undefined if the tracker returned none. */
  readonly counts: readonly (ScrapeCounts | undefined)[];
  /** The address that replied; absent behind a proxy. */
  readonly trackerIp?: string;
  /** Time of the tracker's clock (HTTP only), in milliseconds since 1970. */
  readonly dateMs?: number;
}

/** Codes of announce errors; `aborted` if the signal fired. */
export type TrackerErrorCode =
  /**
   * The tracker refused: its `failure reason` is in the message and in `details.reason`. If it said
   * when to retry (BEP 31), `details.retryInSec` or `details.retryNever` is set.
   */
  | 'tracker-failure'
  /** No connection, or it was lost. */
  | 'tracker-unreachable'
  /** No complete reply in time. */
  | 'tracker-timeout'
  /** An invalid reply: not bencode, too long, a redirect loop. */
  | 'tracker-bad-reply'
  /** An HTTP status other than success, without a failure reason; `details.status`. */
  | 'tracker-http-status'
  /**
   * The URL or a redirect leads to an address that a torrent must not make us contact;
   * `details.address`.
   */
  | 'tracker-forbidden'
  /** The scheme of the URL (or of its proxy) is not supported, or it has no scrape (BEP 48). */
  | 'tracker-unsupported'
  | 'aborted';

/** One transport. */
export interface TrackerClient {
  /**
   * Announces once. Rejects with a `MillraceError` of a `TrackerErrorCode`. Firing `signal` ends
   * the request at once and rejects with `aborted`.
   */
  announce(url: string, request: AnnounceRequest, signal?: AbortSignal): Promise<AnnounceReply>;
  /**
   * Requests the counts of torrents (20 raw bytes each) from the tracker of this *announce* URL, in
   * as many requests as needed. Rejects like `announce`.
   */
  scrape(
    url: string,
    infoHashes: readonly Uint8Array[],
    signal?: AbortSignal,
  ): Promise<ScrapeReply>;
  /** Closes idle sockets; requests in flight continue to their own end. May be called again. */
  close(): void;
}
