// What the coordinator remembers of a torrent: the torrent, its content, its pieces and where they come from.
// The handlers in the other files of this folder change these records; no code here acts on its own.

import { shareOf } from '../address/household';
import type { Household } from '../address/household';
import { Bitfield } from '../bytes/bitfield';
import { LastRounds } from '../choke/rounds';
import type { TokenBucket } from '../choke/token-bucket';
import type { UploadSlots } from '../choke/upload-slots';
import { SESSION_LIMIT } from '../messages/account';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerAddress, TorrentOptions } from '../messages/control';
import type { StorageRef } from '../messages/storage';
import type { MetadataProgress, TorrentPhase } from '../messages/stats';
import type { Layout } from '../metainfo/layout';
import type { Metainfo } from '../metainfo/metainfo';
import type { ActivePiece } from '../picker/active-piece';
import type { Availability, PeerPieces } from '../picker/availability';
import type { SuperSeed } from '../picker/super-seed';
import type { AnnounceSchedule, DueAnnounce } from '../tracker/schedule';
import type { Claim } from '../storage/claims';
import type { OutputLook } from '../storage/output-check';
import type { StorageLock } from '../storage/storage';
import type { AccountState } from './account/account';
import type { AddressBook } from './swarm/address-book';
import type { RecordOutlet } from './outlets/disk';
import type { FileWatch } from './files/file-watch';
import type { MetadataFetch } from './metadata/fetch';
import type { KnownLife, Life } from './torrent/life';
import type { Possession } from './pieces/possession';
import type { Refusals } from './pieces/refusals';
import type { TorrentRates } from './swarm/rates';
import type { RateMeter } from './swarm/rate-meter';
import type { BlockWitness, Identity } from './pieces/witness';

/** A dial that waits for a slot. */
export interface WaitingDial {
  readonly address: PeerAddress;
}

/** The list of peers that peer threads have, for peer exchange. */
export interface ExchangeState {
  /** A peer came or left since the last list, or a thread has no list yet. */
  hasChanged: boolean;
  listedAtMs: number;
  /** The last list had no peers, or none was sent. */
  isEmpty: boolean;
}

/** An announce in flight, or waiting for a slot. */
export interface AnnounceUnderWay {
  readonly url: string;
  readonly event: DueAnnounce['event'];
  readonly sinceMs: number;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** The rounds in which a torrent's upload slots are assigned (`swarm/choking.ts`). */
export interface UploadingState {
  /** The number of slots while it adapts. */
  readonly slots: UploadSlots;
  roundEndsMs: number;
  roundStartedMs: number;
  /** The torrent's `uploadedBytes` when the round started. */
  uploadedAtStart: number;
}

/** What a torrent owns in its output folder. */
export interface OutputFiles {
  readonly look: OutputLook;
  /** The user allows us to write to existing files that have the torrent's names. */
  readonly adopt: boolean;
  /** Existing files, by stored path, that are not known to be ours. */
  readonly foreign: Set<string>;
  /** Some files are longer than the torrent says, and will be cut. */
  toCut: boolean;
  /** Undefined where nothing is written. */
  readonly claim: Claim | undefined;
}

/**
 * A torrent: what identifies it, its swarm, and its run. It exists before its content is known, and code that
 * needs the content takes a `KnownTorrent`.
 */
export interface TorrentState {
  readonly id: number;
  /** In hex. */
  readonly infoHash: string;
  readonly infoHashBytes: Uint8Array;
  /** As the torrent or the magnet link lists them (BEP 12). */
  readonly trackers: readonly (readonly string[])[];
  readonly options: TorrentOptions;
  /** The user wants it super-seeded once it is complete; initially the option `superSeed`. */
  superSeed: boolean;
  /** Longest info dictionary that is fetched from peers. */
  readonly maxMetadataBytes: number;
  /** Progress of its metadata; not used once the content is known. */
  metadata: MetadataProgress;
  /** Its info dictionary, as peer threads serve it; undefined while it is not known or may not be served. */
  info: SharedArrayBuffer | undefined;
  /** Its info dictionary is stored beside its resume record. */
  infoStored: boolean;
  /** Fetches its metadata; undefined once that is known, and while it is stopped. */
  fetch: MetadataFetch | undefined;
  /** Undefined until the metainfo is known and the output is opened. Set once. */
  content: Content | undefined;
  /**
   * The metainfo that was learnt from others, until the content is opened: kept over a pause and a
   * failure, so that it is not fetched again.
   */
  learnt: Metainfo | undefined;
  /** Its content is being opened: files are looked at, the lock is taken, the record is read. */
  opening: boolean;
  /** The phase, and what belongs to it. Only `enter` (`life.ts`) replaces it. */
  readonly life: Life;
  readonly phase: TorrentPhase;
  /** Where its pieces come from; its peers are among them. */
  readonly sources: Set<Source>;
  readonly peers: Set<Peer>;
  /** Called once the last peer is gone. */
  readonly onPeersGone: (() => void)[];
  readonly book: AddressBook;
  /** The tracker that a private torrent uses, once it replied (BEP 27). */
  privateTracker: string | undefined;
  /** State of peer exchange (`swarm/exchange.ts`). */
  readonly exchange: ExchangeState;
  /** Replaced with every run: a run lasts from start or resume to pause or close. */
  schedule: AnnounceSchedule;
  /** Announces in flight; aborted when the run ends. */
  announcing: Set<AnnounceUnderWay>;
  /** The last tracker reply contained unknown peers, so the tracker may know more. */
  trackersHadNews: boolean;
  /** Settles once the trackers of ended runs have received `stopped`; undefined after that. */
  lastAnnounces: Promise<void> | undefined;
  /** Dials that are queued or in progress. */
  dialing: number;
  /** Dials that wait for a slot. */
  readonly waitingDials: Set<WaitingDial>;
  /**
   * Sent with every announce, so that a tracker recognises us after our address changed (BEP 7).
   */
  readonly announceKey: number;
  /** Counters at the start of the run: announces report the difference. */
  downloadedAtStart: number;
  uploadedAtStart: number;
  /** Saves in progress of records that end a run. */
  lastRecordsOut: number;
  /** Callbacks for the moment when the last stop has taken effect. */
  readonly onStopped: (() => void)[];
  /** Callbacks for the moment when it is removed, with the error if there was one. */
  readonly onRemoved: ((error: Error | undefined) => void)[];
  /** Peer threads that were ordered to open this torrent, and not yet to close it. */
  readonly openOn: Set<number>;
  /** What its peer threads announce to peers: we want nothing more (BEP 21). */
  saysUploadOnly: boolean;
  /** Bytes of verified pieces that peers sent since the torrent was added. */
  fetchedBytes: number;
  /** Payload, as reported by peer threads so far: see `receivedBytes`. */
  downloadedBytes: number;
  uploadedBytes: number;
  wastedBytes: number;
  readonly downloadRate: RateMeter;
  readonly uploadRate: RateMeter;
  /** Its rate limits. */
  readonly rates: TorrentRates;
  /** What has limited the download. */
  readonly account: AccountState;
  /**
   * Budget for rechokes between ticks, so that peers that keep changing their interest cost little.
   */
  readonly rechokes: TokenBucket;
  readonly uploading: UploadingState;
  completeSent: boolean;
  /**
   * A resting torrent is skipped by ticks until this time; undefined: it is ticked. `wake` ends the
   * rest.
   */
  restUntilMs: number | undefined;
  /** Number of its run: an answer that belongs to another run is dropped. */
  epoch: number;
}

/** A torrent whose content is known. */
export interface KnownTorrent extends TorrentState {
  readonly content: Content;
  readonly life: KnownLife;
  readonly phase: KnownLife['phase'];
}

export function isKnown(torrent: TorrentState): torrent is KnownTorrent {
  return torrent.content !== undefined;
}

/** Known to be private (BEP 27): only trackers and the user name peers. */
export function isPrivate({ content, learnt }: TorrentState): boolean {
  return (content?.metainfo ?? learnt)?.private === true;
}

/** We need nothing more from any peer, not even pieces that are currently unwanted. */
export function hasAll({ content }: TorrentState): boolean {
  return content?.possession.hasAll === true;
}

/** What a torrent consists of, which of it is here, and how it is stored. */
export interface Content {
  readonly metainfo: Metainfo;
  /** Where its pieces are stored, and the names of its files. */
  readonly layout: Layout;
  readonly storage: StorageRef;
  /** Which pieces we have, want, and would keep after a power cut. */
  readonly possession: Possession;
  /** Counts the pieces of sources in the picker; a seed is counted there at once. */
  readonly availability: Availability;
  /** Decides which pieces peers may see while it is super-seeded; undefined: all of them. */
  superSeed: SuperSeed | undefined;
  /** Pieces that occupy memory. */
  readonly active: Map<number, PieceState>;
  /** Active pieces with blocks that are leased to no source. */
  readonly open: Set<PieceState>;
  /** Full pieces that wait for a verify job. */
  filled: PieceState[];
  /** Verify jobs in flight for its pieces. */
  jobsOut: number;
  /** The empty files, which no piece creates, are being created. */
  makingEmptyFiles: boolean;
  /** Files that no record of ours lists are being noted as ours, or cut to length. */
  admitting: boolean;
  /** How we left the files; undefined where the back end keeps no record. */
  watch: FileWatch | undefined;
  /**
   * Runs started because a file looked touched, since the torrent was last complete or resumed by
   * the user.
   */
  recheckedRuns: number;
  /** The resume record; undefined where the back end keeps none. */
  readonly record: RecordOutlet | undefined;
  /** The lock of its back end; released when the torrent is removed. */
  readonly lock: StorageLock;
  /** What it owns in its output folder; undefined where the storage has none. */
  outputFiles: OutputFiles | undefined;
  /**
   * Pieces that exist on disk and are not hashed yet. A pause or a failure may interrupt the check.
   */
  readonly toCheck: Bitfield;
  checkedPieces: number;
  /** Check jobs in flight. */
  checksOut: number;
  piecesToCheck: number;
  piecesFailed: number;
  /** When fetched pieces were last announced to peers. */
  lastNewsMs: number;
  /** When peers that came before the content was known learnt of it; `-Infinity` without such. */
  sharedAtMs: number;
}

/** A piece in progress: its memory, which source holds which block, what failed attempts showed. */
export interface PieceState {
  readonly torrent: KnownTorrent;
  readonly blocks: ActivePiece;
  readonly lengthBytes: number;
  /**
   * Slab unit of each block, -1 before the first lease. A plain array, for the reason given in
   * `ActivePiece`.
   */
  readonly units: number[];
  generation: number;
  verifying: boolean;
  lastProgressMs: number;
  /** Leases on it, over all sources. */
  holders: number;
  /**
   * After a failed check, the only source that may fill the piece: a second failure then convicts
   * it.
   */
  sole: number | undefined;
  soleSinceMs: number;
  /** Connections that had it alone on parole and did not finish it. */
  readonly declined: number[];
  /** How often it was on parole with one source. */
  paroles: number;
  onParole: boolean;
  witness: BlockWitness | undefined;
  /**
   * All sources that filled a block of a failed attempt, by name; undefined before the first
   * failure.
   */
  accused: Map<string, Identity> | undefined;
}

/** A run of blocks leased to a source. */
export interface LeaseState {
  readonly piece: PieceState;
  readonly generation: number;
  readonly firstBlock: number;
  readonly blockCount: number;
}

/**
 * Where pieces come from. Leases, the end-game and blame know nothing else of a peer, so that a
 * source need not be a peer.
 */
export class Source {
  /** Its connection number, in facts and orders. */
  readonly id: number;
  readonly thread: number;
  readonly torrent: TorrentState;
  readonly identity: Identity;
  bits: Bitfield;
  /** How many bits are set, so that nothing has to count them. */
  haveCount = 0;
  isSeed = false;
  /** Its entry in the torrent's availability; undefined for a seed, and while it has no pieces. */
  pieces: PeerPieces | undefined = undefined;
  /** How many of its pieces we want and lack. */
  usefulPieces = 0;
  /** It currently sends us nothing: a peer chokes us. */
  choked = true;
  /**
   * The peer answers each request, even after a choke, so a choke voids no lease (BEP 6). Every lease then
   * ends by a fact of its own, in any epoch.
   */
  answersAll = false;
  /** Incremented when it chokes us: without `answersAll`, older leases are void. */
  epoch = 0;
  creditBlocks = 0;
  leasedBlocks = 0;
  rateBytesPerSec = 0;
  leases: LeaseState[] = [];
  /** Pieces that it serves while it chokes us (BEP 6). */
  allowedFast: readonly number[] = [];
  /** Pieces that it suggested last, the newest last (BEP 6). */
  suggested: readonly number[] = [];
  /** Pieces that it rejected lately; undefined if there are none. */
  refusals: Refusals | undefined = undefined;
  /** When payload last moved, as reported by its thread; 0: never. */
  lastPayloadMs = 0;
  /** Bytes that it sent us in the last rounds of choking. */
  readonly gave = new LastRounds();
  /** When it last sent us payload. */
  lastGaveMs = -Infinity;
  /** Since when it has not sent a single byte, although requests timed out; undefined: it sends. */
  silentSinceMs: number | undefined = undefined;
  downloadedBytes = 0;
  uploadedBytes = 0;
  /**
   * As last reported by its thread: bytes requested and not received, bytes received lately, what
   * limits it.
   */
  bytesInFlight = 0;
  bytesInLately = 0;
  limit: number = SESSION_LIMIT.farSide;
  /** Why it was ordered to close; it gets no more work. */
  closing: CloseReason | undefined = undefined;

  constructor(thread: number, torrent: TorrentState, identity: Identity) {
    this.id = identity.id;
    this.thread = thread;
    this.torrent = torrent;
    this.identity = identity;
    this.bits = new Bitfield(torrent.content?.layout.pieceCount ?? 0);
  }

  /** Bytes that it sent us in the last 10 to 20 s. */
  get givenLately(): number {
    return this.gave.gained(this.downloadedBytes);
  }

  has(piece: number): boolean {
    return this.isSeed || this.bits.get(piece);
  }
}

/** A source that may also want pieces from us, and that may be dialled. */
export class Peer extends Source {
  /** Peers that count as one address (`choke/places`); undefined on loopback. */
  readonly share: Household | undefined;
  /** The address that was dialled; undefined for an incoming connection. */
  readonly dialed: PeerAddress | undefined;
  /** Where it can be dialled; the book lists it as `connected`. Undefined while unknown. */
  address: PeerAddress | undefined;
  /** The listening port that it announced (BEP 10, `p`). */
  listenPort: number | undefined = undefined;
  readonly connectedAtMs: number;
  weAreInterested = false;
  /** The interest that it shows. */
  claimsInterest = false;
  /** It shows interest, and may have it: see `uploadOnly`. */
  theyAreInterested = false;
  /** It announced that it wants nothing (BEP 21): its interest is ignored. */
  uploadOnly = false;
  /** We choke it. */
  weChoke = true;
  /** Whether it is allowed some pieces while we choke it (BEP 6). */
  fastGrant: 'none' | 'granted' | 'ended' = 'none';
  /** It does not use its upload slot (see the fact `upload-stalled`). */
  uploadStalled = false;
  unchokedAtMs: number | undefined = undefined;
  lastUnchokedMs = 0;
  /** It has earned its slot; otherwise the slot is optimistic or a turn. */
  hasEarnedSlot = false;
  /** Bytes that it received from us in the last rounds of choking. */
  readonly took = new LastRounds();
  /** Its `uploadedBytes` when its last upload turn began. */
  uploadedAtTurn = 0;

  constructor(
    thread: number,
    torrent: TorrentState,
    identity: Identity,
    dialed: PeerAddress | undefined,
    nowMs: number,
  ) {
    super(thread, torrent, identity);
    this.share = shareOf(identity.host);
    this.dialed = dialed;
    this.address = dialed;
    this.connectedAtMs = nowMs;
  }

  get host(): string {
    return this.identity.host;
  }

  get port(): number {
    return this.identity.port;
  }

  get peerId(): string {
    return this.identity.peerId;
  }
}

/**
 * Payload received since the torrent was added. Peer threads report four times a second, and a
 * piece may be verified before the report: verified and wasted bytes have been received in any
 * case.
 */
export function receivedBytes(torrent: TorrentState): number {
  return Math.max(torrent.downloadedBytes, torrent.fetchedBytes + torrent.wastedBytes);
}
