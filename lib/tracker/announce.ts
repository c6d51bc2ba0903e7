// What is said to a tracker and what it answers, whatever the transport (HTTP now, UDP later).
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
  /** Peers we would like to hear of; the tracker may give fewer or more. */
  readonly numWant: number;
  /** 32 random bits, the same for one torrent and run: tells a tracker that a new address is still us (BEP 7). */
  readonly key: number;
  /** What this tracker gave us as `tracker id`, sent back unchanged. */
  readonly trackerId?: Uint8Array;
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
}

/** Codes of the errors that an announce may end with; `aborted` when its signal was fired. */
export type TrackerErrorCode =
  /** The tracker said no: its `failure reason` is in the message and in `details.reason`. */
  | 'tracker-failure'
  /** No connection, or it broke. */
  | 'tracker-unreachable'
  /** No whole answer in time. */
  | 'tracker-timeout'
  /** An answer that breaks the rules: not bencode, too long, a redirect loop. */
  | 'tracker-bad-reply'
  /** An HTTP status that is not success, without a failure reason; `details.status`. */
  | 'tracker-http-status'
  /** The URL's scheme is none that we speak. */
  | 'tracker-unsupported'
  | 'aborted';

/** One transport. */
export interface TrackerClient {
  /**
   * Announces once. Rejects with a `MillraceError` of a `TrackerErrorCode`. Firing `signal` closes
   * the socket at once and rejects with `aborted`.
   */
  announce(url: string, request: AnnounceRequest, signal?: AbortSignal): Promise<AnnounceReply>;
}
