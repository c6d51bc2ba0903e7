// Everything that can happen to the coordinator. Work that it hands to others (verify workers,
// disks, trackers) also ends in one of these.

import type { ErrorRecord } from '../errors/millrace-error';
import type { PeerAddress } from '../messages/control';
import type { PeerFact } from '../messages/peer-thread';
import type { LimitChange, LimitPeriod } from '../messages/rates';
import type { StoredPiece, SyncedFile, VerifyResult } from '../messages/verify';
import type { Metainfo } from '../metainfo/metainfo';
import type { PresentFile } from '../storage/resume-rules';
import type { AnnounceReply } from '../tracker/announce';
import type { AnnounceSchedule } from '../tracker/schedule';
import type { Attempt } from './metadata/attempt';
import type { SyncBatch } from './pieces/durability';
import type { WriteTicket } from './files/file-watch';
import type {
  AnnounceUnderWay,
  Content,
  KnownTorrent,
  PieceState,
  TorrentState,
  WaitingDial,
} from './state';

/** The outcome of asynchronous work. */
export type Answer<Value> =
  { readonly value: Value; readonly error?: undefined } | { readonly error: ErrorRecord };

/** What a sync found. */
export interface SyncOutcome {
  /** The disk failed. */
  readonly error?: ErrorRecord | undefined;
  readonly synced: readonly SyncedFile[];
  /** Everything is synced, but the back end cannot report the state of the files. */
  readonly statError?: ErrorRecord;
}

/** Changed files and their present state. */
export type Seen = readonly (readonly [string, PresentFile])[];

/**
 * A happening with an `epoch` belongs to one run of its torrent, and is dropped once that run is
 * over. One without is valid in any run: written data stays written, and a finished job must be
 * settled.
 */
export type Happening =
  // From peer threads
  /** One batch of facts about the peers of a thread. */
  | { readonly type: 'facts'; readonly thread: number; readonly facts: readonly PeerFact[] }
  /** Peers can connect to this port. */
  | { readonly type: 'listening'; readonly port: number }
  /** A peer thread has exited; its code no longer runs. */
  | {
      readonly type: 'thread-died';
      readonly thread: number;
      readonly error: Pick<Error, 'message'>;
    }
  /** A new peer thread runs in its place, with no state yet. */
  | { readonly type: 'thread-restarted'; readonly thread: number }
  // From the app
  /** A torrent is ready: its storage is locked and its record loaded. */
  | {
      readonly type: 'added';
      readonly torrent: TorrentState;
      readonly peers: readonly PeerAddress[];
    }
  /** The user adds peer addresses. */
  | {
      readonly type: 'add-peers';
      readonly torrent: TorrentState;
      readonly peers: readonly PeerAddress[];
    }
  /** The user changes rate limits: of a torrent, or of the engine. */
  | {
      readonly type: 'set-limits';
      readonly torrent: TorrentState | undefined;
      readonly limits: LimitChange;
      readonly schedule: readonly LimitPeriod[] | undefined;
    }
  /** The user replaces the IP filter; undefined: no filter. */
  | { readonly type: 'ip-filter'; readonly buffer: SharedArrayBuffer | undefined }
  /** The user pauses a torrent: its run ends, and verified data is kept. */
  | { readonly type: 'pause'; readonly torrent: TorrentState }
  /** The user resumes a torrent after a pause or an error. */
  | { readonly type: 'resume'; readonly torrent: TorrentState }
  /** The user begins or ends the super-seeding of a torrent. */
  | { readonly type: 'super-seed'; readonly torrent: TorrentState; readonly on: boolean }
  /** The user removes a torrent, or the engine closes. `forget`: delete its resume record. */
  | { readonly type: 'remove'; readonly torrent: TorrentState; readonly forget: boolean }
  /** The app asks for the figures of a torrent at rest, which sends none by itself. */
  | { readonly type: 'stats-wanted'; readonly torrent: number }
  // Time
  /** Timed work may be due. How busy the event loop and all cores were since the last tick, 0 to 1. */
  | { readonly type: 'tick'; readonly loopBusy: number; readonly processBusy: number }
  /** Connections under rate limits get new credit. */
  | { readonly type: 'grant-rates' }
  // From verify workers
  /** A job that hashes and writes pieces has ended; the answer has one outcome per piece. */
  | {
      readonly type: 'verified';
      readonly torrent: KnownTorrent;
      readonly pieces: readonly PieceState[];
      readonly ticket: WriteTicket | undefined;
      readonly answer: Answer<VerifyResult>;
    }
  /** Pieces on disk were read and hashed; `jobs` yields the pieces of further jobs. */
  | {
      readonly type: 'checked';
      readonly torrent: KnownTorrent;
      readonly epoch: number;
      readonly jobs: Iterator<readonly StoredPiece[]>;
      readonly answer: Answer<VerifyResult>;
    }
  /** Files were synced, or the sync failed. */
  | {
      readonly type: 'synced';
      readonly torrent: KnownTorrent;
      readonly batch: SyncBatch;
      readonly answer: Answer<SyncOutcome>;
    }
  /** The empty files, which no piece creates, were created, or that failed. */
  | {
      readonly type: 'empty-files-made';
      readonly torrent: KnownTorrent;
      readonly answer: Answer<VerifyResult>;
    }
  /** A verify worker died; another one runs its jobs again. */
  | { readonly type: 'verify-thread-died'; readonly reason: string }
  // From the disk
  /** The output of a torrent whose metainfo was learnt is locked, and its record loaded. */
  | {
      readonly type: 'content-opened';
      readonly torrent: TorrentState;
      readonly answer: Answer<Content>;
    }
  /** The files were compared with the disk: which exist, with sizes and times. */
  | {
      readonly type: 'looked';
      readonly torrent: KnownTorrent;
      readonly epoch: number;
      /** Before a run, before `complete` is emitted, or periodically while the torrent seeds. */
      readonly occasion: 'start' | 'completion' | 'seeding';
      readonly answer: Answer<readonly PresentFile[]>;
    }
  /** Existing files that no record of ours lists were checked: may we write to them? */
  | {
      readonly type: 'judged';
      readonly torrent: KnownTorrent;
      readonly epoch: number;
      readonly answer: Answer<void>;
    }
  /** Those files were noted as ours, or cut to length. */
  | {
      readonly type: 'admitted';
      readonly torrent: KnownTorrent;
      readonly step: 'noted' | 'cut';
      readonly answer: Answer<Seen>;
    }
  /** A resume record was saved during a run, or because the torrent is complete. */
  | {
      readonly type: 'record-saved';
      readonly torrent: KnownTorrent;
      readonly epoch: number;
      readonly occasion: 'progress' | 'completion';
      readonly answer: Answer<void>;
    }
  /** The record that ends a run was saved. */
  | {
      readonly type: 'last-record-saved';
      readonly torrent: TorrentState;
      readonly answer: Answer<void>;
    }
  /** The record of a torrent that is being removed was deleted. */
  | {
      readonly type: 'record-removed';
      readonly torrent: TorrentState;
      readonly answer: Answer<void>;
    }
  /**
   * The lock of a torrent that is being removed was released; `failure` is an earlier error of the
   * removal.
   */
  | {
      readonly type: 'released';
      readonly torrent: TorrentState;
      readonly failure: ErrorRecord | undefined;
    }
  // From the network
  /** A queued dial got its slot; the handler calls `over` when the dial has ended. */
  | {
      readonly type: 'dial-turn';
      readonly torrent: TorrentState;
      readonly dial: WaitingDial;
      readonly over: () => void;
    }
  /** A tracker answered an announce, or the announce failed. */
  | {
      readonly type: 'announced';
      readonly torrent: TorrentState;
      readonly epoch: number;
      readonly underWay: AnnounceUnderWay;
      readonly schedule: AnnounceSchedule;
      readonly answer: Answer<AnnounceReply>;
    }
  /**
   * The trackers of a complete torrent have answered, or the wait timed out: it may announce
   * `stopped`.
   */
  | { readonly type: 'may-stop-announcing'; readonly torrent: TorrentState; readonly epoch: number }
  /** The trackers of ended runs have received `stopped`, or the wait timed out. */
  | {
      readonly type: 'last-announces-over';
      readonly torrent: TorrentState;
      readonly lastAnnounces: Promise<void>;
    }
  /** The metainfo of a torrent was learnt. */
  | {
      readonly type: 'metainfo';
      readonly torrent: TorrentState;
      readonly metainfo: Metainfo;
    }
  /** Stored metadata of an earlier run was read; undefined: there is none. */
  | {
      readonly type: 'metadata-loaded';
      readonly torrent: TorrentState;
      readonly epoch: number;
      readonly answer: Answer<Uint8Array | undefined>;
    }
  /** A copy of the metadata was checked; `attempt` is undefined if it was stored. */
  | {
      readonly type: 'metadata-checked';
      readonly torrent: TorrentState;
      readonly epoch: number;
      readonly attempt: Attempt | undefined;
      readonly answer: Answer<VerifyResult>;
    }
  // From a handler
  /**
   * The current step of a torrent may be over: it takes the next one unless something is still in
   * flight.
   */
  | { readonly type: 'go-on'; readonly torrent: TorrentState };
