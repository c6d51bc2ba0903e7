// Everything the coordinator remembers. Handlers in the sibling files change these records; nothing here
// acts on its own.

import { shareOf } from '../address/household';
import type { Household } from '../address/household';
import { Bitfield } from '../bytes/bitfield';
import type { TokenBucket } from '../choke/token-bucket';
import type { VerifyGate } from '../verify/gate';
import type { SlabOwner } from '../memory/slab-owner';
import type { MemoryBudget } from '../memory/budget';
import type { Seldom } from '../errors/seldom';
import { SESSION_LIMIT } from '../messages/account';
import type { CloseReason } from '../messages/close-reasons';
import type { AnnounceToAll, EngineSettings, PeerAddress } from '../messages/control';
import type { StorageRef } from '../messages/storage';
import type { TorrentPhase } from '../messages/stats';
import type { Geometry } from '../metainfo/geometry';
import type { Layout } from '../metainfo/layout';
import type { Metainfo } from '../metainfo/metainfo';
import type { ActivePiece } from '../picker/active-piece';
import type { Availability, PeerPieces } from '../picker/availability';
import type { AnnounceSchedule, DueAnnounce } from '../tracker/schedule';
import type { Claim } from '../storage/claims';
import type { OutputLook } from '../storage/output-check';
import type { StorageLock } from '../storage/storage';
import type { Account, AccountState, ThreadLoad } from './account';
import type { AddressBook } from './address-book';
import type { RecordOutlet } from './disk';
import type { FileWatch } from './file-watch';
import type { Life } from './life';
import type { PathRegistry } from './path-registry';
import type { Possession } from './possession';
import type { RateMeter } from './rate-meter';
import type { BlockWitness, Departed, Identity } from './witness';

export interface EngineState {
  readonly settings: EngineSettings;
  readonly peerId: Uint8Array;
  readonly slab: SlabOwner;
  readonly budget: MemoryBudget;
  readonly torrents: Map<number, TorrentState>;
  /** By connection; every peer is a source, too. */
  readonly sources: Map<number, Source>;
  readonly peers: Map<number, Peer>;
  readonly dials: Map<number, DialState>;
  /** Sources that have credit but got no lease because memory or free blocks were lacking. */
  readonly hungry: Set<Source>;
  /** Since the last tick a piece could not be started for want of memory. */
  memoryRefused: boolean;
  /** Torrents with sources whose pieces are not counted yet, and what counting may cost. */
  readonly counting: Set<TorrentState>;
  readonly countingSteps: TokenBucket;
  readonly departed: Departed;
  /** Info hashes on their way in. */
  readonly adding: Set<string>;
  /** Which torrent has which file on disk. */
  readonly paths: PathRegistry;
  /** Peer threads that died and are not started again yet: an order to one of them would be lost. */
  readonly downThreads: Set<number>;
  listenPort: number | undefined;
  nextDial: number;
  /** Nothing is dialled before: the system had no descriptor or memory for the last dial. */
  noDialsUntilMs: number;
  /** When that was said last. */
  readonly lackSaid: Seldom;
  threadRestarts: number;
  readonly verifyGate: VerifyGate;
  /** Ends of connections and dials, and of incoming ones without a handshake, by reason. */
  readonly closed: Map<CloseReason, number>;
  readonly rejected: Map<CloseReason, number>;
  /** What limited all downloads so far. */
  readonly account: Account;
  /** The last report of each peer thread on its event loop. */
  readonly threadLoads: (ThreadLoad | undefined)[];
  /** How busy this thread's event loop was lately, 0 to 1. */
  loopBusy: number;
  /** Part of all cores' time that the process used lately, 0 to 1. */
  processBusy: number;
  closing: boolean;
}

export interface DialState {
  readonly torrent: number;
  readonly thread: number;
  readonly address: PeerAddress;
  readonly done: () => void;
}

/** A dial that waits for its turn. */
export interface WaitingDial {
  readonly address: PeerAddress;
}

/** An announce that is out, or waits for its turn. */
export interface AnnounceUnderWay {
  readonly url: string;
  readonly event: DueAnnounce['event'];
  readonly sinceMs: number;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** What a torrent has in its output folder. */
export interface OutputFiles {
  readonly look: OutputLook;
  /** The user lets us write to whatever files of the torrent's names exist. */
  readonly adopt: boolean;
  /** Existing files, as stored, that are not known to be ours. */
  readonly foreign: Set<string>;
  /** Some files are longer than the torrent says, and are to be cut. */
  toCut: boolean;
  /** Undefined where nothing can be written. */
  readonly claim: Claim | undefined;
}

export interface TorrentState {
  readonly id: number;
  readonly metainfo: Metainfo;
  readonly infoHash: string;
  /** Where its pieces are stored, and the names of its files. */
  readonly layout: Layout;
  readonly geometry: Geometry;
  readonly storage: StorageRef;
  readonly output: string;
  /** Fetch what is missing; else only serve, and fail if anything is. */
  readonly download: boolean;
  readonly seed: boolean;
  readonly announceToAll: AnnounceToAll;
  /** Where it stands. Changed by `enter` only (`life.ts`). */
  readonly life: Life;
  readonly phase: TorrentPhase;
  /** What is here, what is wanted, and what survives a power cut. */
  readonly possession: Possession;
  /** Counts what sources have into the picker; seeds are counted there at once. */
  readonly availability: Availability;
  /** Pieces that have memory. */
  readonly active: Map<number, PieceState>;
  /** The active pieces with blocks that nobody holds. */
  readonly open: Set<PieceState>;
  /** Full pieces that wait for a verify job. */
  filled: PieceState[];
  /** Verify jobs of its pieces that are out. */
  jobsOut: number;
  /** Where its pieces come from, peers among them. */
  readonly sources: Set<Source>;
  readonly peers: Set<Peer>;
  /** Called once the last peer is gone. */
  readonly onPeersGone: (() => void)[];
  readonly book: AddressBook;
  /** A new one for every run: from start or resume to pause or close. */
  schedule: AnnounceSchedule;
  /** The announces that are out, ended when the run is. */
  announcing: Set<AnnounceUnderWay>;
  /** The last answer of a tracker named peers that were not known yet: it may know more. */
  trackersHadNews: boolean;
  /** Settles when the trackers of ended runs have been told `stopped`; undefined once they have. */
  farewell: Promise<void> | undefined;
  /** Dials queued or under way. */
  dialing: number;
  /** Dials that wait for their turn. */
  readonly waitingDials: Set<WaitingDial>;
  /** The files without a byte, which no piece makes, are being made. */
  makingEmptyFiles: boolean;
  /** Files that no record of ours names are being noted as ours, or cut to length. */
  admitting: boolean;
  /** Sent with every announce: by it a tracker knows us again under a new address. */
  readonly announceKey: number;
  /** Counters at the start of the run: announces carry the difference. */
  downloadedAtStart: number;
  uploadedAtStart: number;
  /** Records with which a run ends that are being saved. */
  lastRecordsOut: number;
  /** How the files were left; undefined where the back end keeps no record. */
  watch: FileWatch | undefined;
  /** Runs that began because a file looked touched, since it was last complete or resumed by the user. */
  recheckedRuns: number;
  /** The resume record; undefined where the back end keeps none. */
  readonly record: RecordOutlet | undefined;
  /** Called once the last stop has taken effect. */
  readonly onStopped: (() => void)[];
  /** Called once it is removed, with what went wrong. */
  readonly onRemoved: ((error: Error | undefined) => void)[];
  /** Of its back end, which is let go of with it. */
  readonly lock: StorageLock;
  /** What it has in its output folder; undefined where it is stored in none. */
  outputFiles: OutputFiles | undefined;
  /** Peer threads that have the order to open this torrent, and not yet the one to close it. */
  readonly openOn: Set<number>;
  /** Pieces that exist on disk and were not hashed yet: a pause or a failure may interrupt the check. */
  readonly toCheck: Bitfield;
  checkedPieces: number;
  /** Jobs of the check that are not answered yet. */
  checksOut: number;
  piecesToCheck: number;
  /** Of verified pieces that came from peers since the torrent was added. */
  fetchedBytes: number;
  /** As peer threads have reported so far: see `receivedBytes`. */
  downloadedBytes: number;
  uploadedBytes: number;
  wastedBytes: number;
  piecesFailed: number;
  readonly downloadRate: RateMeter;
  readonly uploadRate: RateMeter;
  /** What limited the download. */
  readonly account: AccountState;
  /** When fetched pieces were announced to peers last. */
  lastNewsMs: number;
  /** Pays for rechokes between ticks, so that peers that change their minds cost little. */
  readonly rechokes: TokenBucket;
  lastProgressMs: number;
  completeSent: boolean;
  /** At rest no tick looks at it before this; undefined: every tick does. Ended by `wake`. */
  restUntilMs: number | undefined;
  /** Its run, counted: what was asked for in one says nothing in the next. */
  epoch: number;
}

/** A piece on its way: its memory, who holds which block, what was learnt of failed attempts. */
export interface PieceState {
  readonly torrent: TorrentState;
  readonly blocks: ActivePiece;
  readonly lengthBytes: number;
  /** Slab unit of each block, -1 before it is first leased. A plain array, as in `ActivePiece`. */
  readonly units: number[];
  generation: number;
  verifying: boolean;
  lastProgressMs: number;
  /** Leases on it, of all sources. */
  holders: number;
  /** After a failed check only this source may fill the piece, so that a second failure convicts it. */
  sole: number | undefined;
  soleSinceMs: number;
  /** Connections that had it alone on parole and did not finish it. */
  readonly declined: Set<number>;
  /** How often that was. */
  paroles: number;
  onParole: boolean;
  witness: BlockWitness | undefined;
  /** Everyone who filled a block of a failed attempt, by name; undefined before the first. */
  accused: Map<string, Identity> | undefined;
}

/** A run of blocks promised to a source. */
export interface LeaseState {
  readonly piece: PieceState;
  readonly generation: number;
  readonly firstBlock: number;
  readonly blockCount: number;
}

/**
 * Where pieces come from. Leases, the end-game and blame know no more of a peer than this, so that a source
 * need not be a peer.
 */
export class Source {
  /** Its connection, in facts and orders. */
  readonly id: number;
  readonly thread: number;
  readonly torrent: TorrentState;
  readonly identity: Identity;
  bits: Bitfield;
  /** How many of them are set: above all whether all are, without looking at each. */
  haveCount = 0;
  isSeed = false;
  /** Its pieces in the torrent's availability; undefined for a seed, and while it has none. */
  pieces: PeerPieces | undefined = undefined;
  /** Pieces it has that we want and lack. */
  usefulPieces = 0;
  /** It gives us nothing for now: a peer chokes us. */
  choked = true;
  /** Raised when everything that was leased to it is void: what is answered under an older one is late. */
  epoch = 0;
  creditBlocks = 0;
  leasedBlocks = 0;
  rateBytesPerSec = 0;
  leases: LeaseState[] = [];
  /** When payload moved last, as its thread reported; 0: never. */
  lastPayloadMs = 0;
  downloadedBytes = 0;
  uploadedBytes = 0;
  /** As its thread last reported: asked for and not here, received lately, what limits it. */
  bytesInFlight = 0;
  bytesInLately = 0;
  limit: number = SESSION_LIMIT.farSide;
  /** Why it was asked to close; it gets no work any more. */
  closing: CloseReason | undefined = undefined;

  constructor(thread: number, torrent: TorrentState, identity: Identity) {
    this.id = identity.id;
    this.thread = thread;
    this.torrent = torrent;
    this.identity = identity;
    this.bits = new Bitfield(torrent.metainfo.pieceCount);
  }

  has(piece: number): boolean {
    return this.isSeed || this.bits.get(piece);
  }
}

/** A source that may want pieces of us, too, and that was dialled or may be. */
export class Peer extends Source {
  /** What counts as one address with it (`choke/places`); undefined on loopback. */
  readonly share: Household | undefined;
  /** The address that was dialled; undefined for an incoming connection. */
  readonly dialed: PeerAddress | undefined;
  /** Where it can be dialled, held as `connected` in the book; undefined while that is not known. */
  address: PeerAddress | undefined;
  readonly connectedAtMs: number;
  weAreInterested = false;
  theyAreInterested = false;
  /** We choke them. */
  weChoke = true;
  /** It makes no use of an upload slot (see the fact `upload-stalled`). */
  uploadStalled = false;
  unchokedAtMs: number | undefined = undefined;
  lastUnchokedMs = 0;
  /** What we had sent it when its last turn began. */
  uploadedAtTurn = 0;
  client: string | undefined = undefined;

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
 * Payload received since the torrent was added. Peer threads report theirs four times a second, and a
 * piece may be verified before that: what is verified or wasted has been received in any case.
 */
export function receivedBytes(torrent: TorrentState): number {
  return Math.max(torrent.downloadedBytes, torrent.fetchedBytes + torrent.wastedBytes);
}
