// PURE. The possible findings of a diagnosis: one record for each check. Only types.

/** `ok`; `warn`: a possible cause; `fail`: a cause; `skip`: could not be checked. */
export type FindingLevel = 'ok' | 'warn' | 'fail' | 'skip';

interface Checked {
  readonly level: FindingLevel;
  /** One plain sentence without a full stop. Foreign text in it is printable. */
  readonly message: string;
}

/** The result of dialling one peer. */
export type PeerOutcome =
  /** It completed the handshake for this torrent. */
  | 'talks'
  /** No program listens there. */
  | 'refused'
  /** The system has no route to it. */
  | 'unreachable'
  /** It did not accept the connection in time. */
  | 'no-connection'
  /** It accepted the connection and sent nothing in time. */
  | 'silent'
  /** It accepted the connection and closed it before its handshake. */
  | 'closed'
  /** It closes plain connections, and answers an encrypted one. */
  | 'encrypted'
  /** It completed a handshake for another torrent. */
  | 'other-torrent'
  /**
   * Its first bytes are not a plain handshake: another protocol, or encryption, which is not
   * supported.
   */
  | 'not-plain'
  /** It completed the handshake, then broke a rule of the protocol. */
  | 'breaks-rules';

/** A range of piece indexes, including both ends. */
export interface PieceRange {
  readonly first: number;
  readonly last: number;
}

/** The torrent, or the magnet link. */
export interface TorrentFinding extends Checked {
  readonly check: 'torrent';
  /** 40 hexadecimal digits. */
  readonly infoHash: string;
  readonly name: string;
  /** Absent for a magnet link. */
  readonly totalBytes?: number;
  /** Absent for a magnet link. */
  readonly pieceCount?: number;
  /** Number of different tracker URLs. */
  readonly trackers: number;
  /** Trackers beyond the 50 that are asked. */
  readonly trackersLeftOut: number;
}

/** Disk space for the missing data; not checked for a magnet link. */
export interface SpaceFinding extends Checked {
  readonly check: 'space';
  /** The output folder, or its nearest existing parent. */
  readonly folder: string;
  /** Bytes available to this user. Absent if the system does not report it. */
  readonly freeBytes?: number;
  /** The torrent's bytes minus the disk space that its files occupy, unverified. */
  readonly missingBytes: number;
}

/** Whether files can be created in the output folder. */
export interface WriteFinding extends Checked {
  readonly check: 'write';
  readonly folder: string;
  /** The system's error code. */
  readonly cause?: string;
}

/**
 * Whether our port accepts connections from this machine; the effect of a router can only be seen
 * from outside.
 */
export interface PortFinding extends Checked {
  readonly check: 'port';
  readonly port: number;
  /** Addresses of this machine at which a second socket reached the port. */
  readonly reachedAt: readonly string[];
  readonly notReachedAt: readonly string[];
  /** Why listening failed: the system's error code. */
  readonly cause?: string;
}

/** The address from which trackers see us (BEP 24). */
export interface AddressFinding extends Checked {
  readonly check: 'address';
  readonly externalIp: string;
  /** No interface of this machine has it: there is a router or a proxy in between. */
  readonly translated: boolean;
}

/** The name look-up of one tracker's host. */
export interface DnsFinding extends Checked {
  readonly check: 'dns';
  readonly host: string;
  readonly addresses: readonly string[];
  /** The system's error code, or `ETIMEOUT`. */
  readonly cause?: string;
}

/** The result of one tracker. */
export interface TrackerFinding extends Checked {
  readonly check: 'tracker';
  /** Redacted, unless `showSecrets`. */
  readonly url: string;
  /** Counted from 0 (BEP 12). */
  readonly tier: number;
  /**
   * `answers`; `refuses`: with a failure reason; `fails`: no usable reply; `unsupported`: not
   * asked.
   */
  readonly state: 'answers' | 'refuses' | 'fails' | 'unsupported';
  /** Whether it knows the torrent; undefined if unclear. */
  readonly known?: boolean;
  readonly seeds?: number;
  /** Without us. */
  readonly leechers?: number;
  /** Number of completed downloads, from its scrape. */
  readonly completed?: number;
  /** Returned peers that can be dialled and are not ourselves. */
  readonly peers: number;
  /** Its `failure reason`, verbatim. */
  readonly reason?: string;
  /** A `TrackerErrorCode`. */
  readonly code?: string;
  /** The underlying system error code. */
  readonly cause?: string;
  readonly elapsedMs: number;
}

/** This machine's clock compared with those of HTTP trackers. */
export interface ClockFinding extends Checked {
  readonly check: 'clock';
  /**
   * How far our clock is ahead of the nearest one; negative if behind. Absent if no reply had a
   * time.
   */
  readonly aheadSec?: number;
}

/** One peer of the sample. */
export interface PeerFinding extends Checked {
  readonly check: 'peer';
  readonly host: string;
  readonly port: number;
  readonly outcome: PeerOutcome;
  /** Number of announced pieces, if it completed the handshake; absent for a magnet link. */
  readonly pieces?: number;
  /** For a magnet link: it seems to have every piece; without the metadata this is not certain. */
  readonly whole?: boolean;
  /** Length of the metadata that it offers (BEP 9); absent if it offers none. */
  readonly metadataBytes?: number;
  /** Its own name for itself. */
  readonly client?: string;
  /** The system's error code, with `unreachable`. */
  readonly cause?: string;
  readonly elapsedMs: number;
}

/** The whole sample: the last finding of the peers. */
export interface PiecesFinding extends Checked {
  readonly check: 'pieces';
  readonly pieceCount: number;
  /** Number of different peers from trackers and the caller. */
  readonly knownPeers: number;
  /** Number of those that were dialled. */
  readonly triedPeers: number;
  /** Number of those that completed the handshake for this torrent. */
  readonly talkingPeers: number;
  /** Number of those with every piece. */
  readonly wholePeers: number;
  /** Number of pieces that none of them has. */
  readonly missingPieces: number;
  /** The missing pieces; the first 1,000 ranges. */
  readonly missing: readonly PieceRange[];
}

/** The whole sample for a magnet link, in place of `pieces`: the last finding of the peers. */
export interface MetadataFinding extends Checked {
  readonly check: 'metadata';
  /** These three as in `PiecesFinding`. */
  readonly knownPeers: number;
  readonly triedPeers: number;
  readonly talkingPeers: number;
  /** Number of those that offer the metadata. */
  readonly offeringPeers: number;
  /** Number of those that seem to have every piece. */
  readonly wholePeers: number;
}

/** All possible findings, distinguished by `check`. */
export type Finding =
  | TorrentFinding
  | SpaceFinding
  | WriteFinding
  | PortFinding
  | AddressFinding
  | DnsFinding
  | TrackerFinding
  | ClockFinding
  | PeerFinding
  | PiecesFinding
  | MetadataFinding;

/** `alive`: every piece is available; `dead`: not; `unknown`: the findings prove neither. */
export type Verdict = 'alive' | 'dead' | 'unknown';
