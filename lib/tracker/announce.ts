// What is said to a tracker and what it answers, whatever the transport: HTTP, HTTPS or UDP.
// Only types live here.

/** The events of BEP 3; none means one of the announces done at regular intervals. */
export type AnnounceEvent = 'started' | 'completed' | 'stopped';

/** One announce (BEP 3, "trackers"). */
export interface AnnounceRequest {
  /** 20 raw bytes. */
  readonly infoHash: Uint8Array;
  /** 20 raw bytes. */
  readonly peerId: Uint8Array;
  /** The port we accept peers on. */
  readonly port: number;
  /** Payload bytes sent since `started`. */
  readonly uploadedBytes: number;
  /** Payload bytes received since `started`. */
  readonly downloadedBytes: number;
  /** Bytes still to fetch before the torrent is whole; 0 for a seed. */
  readonly leftBytes: number;
  readonly event?: AnnounceEvent;
  /**
   * Incomplete, and wants nothing more: over HTTP every announce but `stopped` then says
   * `event=paused` (BEP 21); BEP 15 has no code for it. Default false.
   */
  readonly partialSeed?: boolean;
  /** How many peers we ask for; the tracker may name fewer or more. */
  readonly numWant: number;
  /** 32 random bits, the same for one torrent and run: tells a tracker that a new address is still us (BEP 7). */
  readonly key: number;
  /** What this tracker gave us as `tracker id`, sent back unchanged. */
  readonly trackerId?: Uint8Array;
}

/** An announce as a tracker receives it, over HTTP or UDP. */
export interface ReceivedAnnounce {
  /** 20 raw bytes. */
  readonly infoHash: Uint8Array;
  /** 20 raw bytes. */
  readonly peerId: Uint8Array;
  /** 4 or 16 bytes, network order: the address the request came from. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly leftBytes: number;
  readonly event?: AnnounceEvent;
  /** It said `paused`: incomplete, and wants nothing more (BEP 21). */
  readonly partialSeed?: boolean;
  readonly numWant?: number;
  /** Peers of which families; default `all`. UDP has room for the asker's own only. */
  readonly families?: 'all' | 'own';
  /** The answer is to hold peer ids. */
  readonly withIds?: boolean;
}

/** Where a peer listens. `host` is an IP address in text without brackets, never a name. */
export interface PeerAddress {
  readonly host: string;
  /** 1 … 65535. */
  readonly port: number;
  /** 20 raw bytes; only the dictionary form of a reply carries it. */
  readonly peerId?: Uint8Array;
}

/** A tracker's answer, after every check: plain data that may cross threads. */
export interface AnnounceReply {
  /** Seconds until the next regular announce. */
  readonly intervalSec: number;
  /** Seconds before which no further announce is welcome. */
  readonly minIntervalSec?: number;
  readonly trackerId?: Uint8Array;
  readonly peers: readonly PeerAddress[];
  /** `complete`: peers with the whole torrent. */
  readonly seeds?: number;
  /** `incomplete`: peers that still download. */
  readonly leechers?: number;
  /** `warning message`, for the user. */
  readonly warning?: string;
  /** The address the tracker sees us at (BEP 24). */
  readonly externalIp?: string;
  /** Both, where we announced over IPv4 and IPv6 and the tracker named each. */
  readonly externalIps?: readonly string[];
  /** The address that answered; absent behind a proxy. */
  readonly trackerIp?: string;
  /** Peers left out because nobody, or only we ourselves, can be behind them (peer-filter.ts). */
  readonly droppedPeers?: number;
  /** What the tracker's clock said (HTTP only), in milliseconds since 1970. */
  readonly dateMs?: number;
}

/** What a tracker counts for one torrent (BEP 48, BEP 15). */
export interface ScrapeCounts {
  /** `complete`: peers with the whole torrent. */
  readonly seeds: number;
  /** `incomplete`: all others, partial seeds included. */
  readonly leechers: number;
  /** `downloaded`: how often a download was completed. */
  readonly completed: number;
  /** `downloaders`: leechers without the partial seeds (BEP 21, HTTP only). */
  readonly downloaders?: number;
}

export interface ScrapeReply {
  /** One for each info hash asked for, in that order; undefined where the tracker says nothing of it. */
  readonly counts: readonly (ScrapeCounts | undefined)[];
  /** The address that answered; absent behind a proxy. */
  readonly trackerIp?: string;
  /** What the tracker's clock said (HTTP only), in milliseconds since 1970. */
  readonly dateMs?: number;
}

/** Codes of the errors that an announce may end with; `aborted` when its signal was fired. */
export type TrackerErrorCode =
  /**
   * The tracker said no: its `failure reason` is in the message and in `details.reason`; where it
   * said when to come back (BEP 31), `details.retryInSec` or `details.retryNever` is set.
   */
  | 'tracker-failure'
  /** No connection, or it broke. */
  | 'tracker-unreachable'
  /** No whole answer in time. */
  | 'tracker-timeout'
  /** An answer that breaks the rules: not bencode, too long, a redirect loop. */
  | 'tracker-bad-reply'
  /** An HTTP status that is not success, without a failure reason; `details.status`. */
  | 'tracker-http-status'
  /** It, or where it redirects, is at an address that a torrent must not make us ask; `details.address`. */
  | 'tracker-forbidden'
  /** The URL's scheme (or its proxy's) is none that we speak, or it has no scrape (BEP 48). */
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
   * Asks for the counts of torrents (20 raw bytes each) at the tracker of this *announce* URL; as
   * many requests as their number takes. Rejects as `announce` does.
   */
  scrape(
    url: string,
    infoHashes: readonly Uint8Array[],
    signal?: AbortSignal,
  ): Promise<ScrapeReply>;
  /** Closes idle sockets; requests under way go on to their own end. May be called again. */
  close(): void;
}
