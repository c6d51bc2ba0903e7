// PURE. What a diagnosis may find: one record for each check. Only types live here.

/** `ok`; `warn`: may be a reason; `fail`: is one; `skip`: could not be checked. */
export type FindingLevel = 'ok' | 'warn' | 'fail' | 'skip';

interface Checked {
  readonly level: FindingLevel;
  /** One plain sentence, without a full stop. Words of strangers in it are printable. */
  readonly message: string;
}

/** What one peer did when it was dialled. */
export type PeerOutcome =
  /** It shook hands over this torrent. */
  | 'talks'
  /** Nobody listens there. */
  | 'refused'
  /** The system knows no way to it. */
  | 'unreachable'
  /** It did not take the connection in time. */
  | 'no-connection'
  /** It took the connection and said nothing in time. */
  | 'silent'
  /** It took the connection and ended it before it had shaken hands. */
  | 'closed'
  /** It ends plain connections, and answers an encrypted one. */
  | 'encrypted'
  /** It shook hands over another torrent. */
  | 'other-torrent'
  /** Its first bytes are not a plain handshake: another protocol, or encryption, which is not supported. */
  | 'not-plain'
  /** It shook hands, then broke a rule of the protocol. */
  | 'breaks-rules';

/** A run of piece indexes, both ends included. */
export interface PieceRange {
  readonly first: number;
  readonly last: number;
}

/** The torrent as it was read. */
export interface TorrentFinding extends Checked {
  readonly check: 'torrent';
  /** 40 hexadecimal digits. */
  readonly infoHash: string;
  readonly name: string;
  readonly totalBytes: number;
  readonly pieceCount: number;
  /** Different tracker URLs that it names. */
  readonly trackers: number;
  /** Trackers beyond the 50 that are asked. */
  readonly trackersLeftOut: number;
}

/** Room for what is missing. */
export interface SpaceFinding extends Checked {
  readonly check: 'space';
  /** The output folder, or the nearest folder above it that exists. */
  readonly folder: string;
  /** For this user. Absent where the system does not say. */
  readonly freeBytes?: number;
  /** The torrent's bytes less what its files take on disk already, unverified. */
  readonly missingBytes: number;
}

/** Whether files can be made in the output folder. */
export interface WriteFinding extends Checked {
  readonly check: 'write';
  readonly folder: string;
  /** The system's error code. */
  readonly cause?: string;
}

/** Whether our port takes connections, from this machine itself: what a router does, only others see. */
export interface PortFinding extends Checked {
  readonly check: 'port';
  readonly port: number;
  /** Addresses of this machine at which a second socket reached the port. */
  readonly reachedAt: readonly string[];
  readonly notReachedAt: readonly string[];
  /** Why the port cannot be listened on: the system's error code. */
  readonly cause?: string;
}

/** The address that trackers see us at (BEP 24). */
export interface AddressFinding extends Checked {
  readonly check: 'address';
  readonly externalIp: string;
  /** No interface of this machine has it: a router or a proxy stands between. */
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

/** What one tracker said. */
export interface TrackerFinding extends Checked {
  readonly check: 'tracker';
  /** Redacted, unless `showSecrets`. */
  readonly url: string;
  /** From 0 (BEP 12). */
  readonly tier: number;
  /** `answers`; `refuses`: said no in words; `fails`: no usable answer; `unsupported`: not asked. */
  readonly state: 'answers' | 'refuses' | 'fails' | 'unsupported';
  /** It knows the torrent. Undefined where it did not say. */
  readonly known?: boolean;
  readonly seeds?: number;
  /** Without us, who ask. */
  readonly leechers?: number;
  /** How often a download was completed, by its scrape. */
  readonly completed?: number;
  /** Peers that it named and that somebody else can be behind. */
  readonly peers: number;
  /** Its `failure reason`, word for word. */
  readonly reason?: string;
  /** A `TrackerErrorCode`. */
  readonly code?: string;
  /** The system's error code behind it. */
  readonly cause?: string;
  readonly elapsedMs: number;
}

/** This machine's clock beside those of HTTP trackers. */
export interface ClockFinding extends Checked {
  readonly check: 'clock';
  /** How far ours is ahead of the nearest of theirs; negative when behind. Absent where no answer had a time. */
  readonly aheadSec?: number;
}

/** One peer of the sample. */
export interface PeerFinding extends Checked {
  readonly check: 'peer';
  readonly host: string;
  readonly port: number;
  readonly outcome: PeerOutcome;
  /** Pieces it said it has; of one that talks. */
  readonly pieces?: number;
  /** As it calls itself. */
  readonly client?: string;
  readonly elapsedMs: number;
}

/** The sample as a whole: the last of these findings. */
export interface PiecesFinding extends Checked {
  readonly check: 'pieces';
  readonly pieceCount: number;
  /** Different peers that trackers and the caller named. */
  readonly knownPeers: number;
  /** Of these, dialled. */
  readonly triedPeers: number;
  /** Of these, that shook hands over this torrent. */
  readonly talkingPeers: number;
  /** Of these, with every piece. */
  readonly wholePeers: number;
  /** Pieces that none of them has. */
  readonly missingPieces: number;
  /** Which; the first 1,000 ranges. */
  readonly missing: readonly PieceRange[];
}

/** Everything that can be found; told apart by `check`. */
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
  | PiecesFinding;

/** `alive`: every piece is within reach; `dead`: it is not; `unknown`: what was seen proves neither. */
export type Verdict = 'alive' | 'dead' | 'unknown';
