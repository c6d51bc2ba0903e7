// Everything that can happen to the coordinator. Work that others do for it (verify workers, disks, trackers)
// ends in one of these, too.

import type { ErrorRecord } from '../errors/millrace-error';
import type { PeerAddress } from '../messages/control';
import type { PeerFact } from '../messages/peer-thread';
import type { StoredPiece, SyncedFile, VerifyResult } from '../messages/verify';
import type { PresentFile } from '../storage/resume-rules';
import type { AnnounceReply } from '../tracker/announce';
import type { AnnounceSchedule } from '../tracker/schedule';
import type { SyncBatch } from './durability';
import type { WriteTicket } from './file-watch';
import type { AnnounceUnderWay, PieceState, TorrentState, WaitingDial } from './state';

/** What became of work that was asked for. */
export type Answer<Value> =
  { readonly value: Value; readonly error?: undefined } | { readonly error: ErrorRecord };

/** What a sync found. */
export interface SyncOutcome {
  /** The disk failed. */
  readonly error?: ErrorRecord | undefined;
  readonly synced: readonly SyncedFile[];
  /** All is synced, but the back end does not say how it has the files now. */
  readonly statError?: ErrorRecord;
}

/** Files that were changed, as they are now. */
export type Seen = readonly (readonly [string, PresentFile])[];

/**
 * A happening with an `epoch` belongs to one run of its torrent, and is dropped once that run is over. One without
 * is true in any run: written data stays written, and a job that was handed out has come back.
 */
export type Happening =
  // From peer threads
  /** A peer thread reports what its peers did: one batch. */
  | { readonly type: 'facts'; readonly thread: number; readonly facts: readonly PeerFact[] }
  /** Peers can connect to this port. */
  | { readonly type: 'listening'; readonly port: number }
  /** A peer thread has exited; none of its code runs any more. */
  | {
      readonly type: 'thread-died';
      readonly thread: number;
      readonly error: Pick<Error, 'message'>;
    }
  /** Another peer thread runs in its place and knows nothing yet. */
  | { readonly type: 'thread-restarted'; readonly thread: number }
  // From the app
  /** A torrent was made ready: its output is locked and its record read. */
  | {
      readonly type: 'added';
      readonly torrent: TorrentState;
      readonly peers: readonly PeerAddress[];
    }
  /** The user adds the addresses of peers. */
  | {
      readonly type: 'add-peers';
      readonly torrent: TorrentState;
      readonly peers: readonly PeerAddress[];
    }
  /** The user pauses a torrent: its run ends, and what is verified is kept. */
  | { readonly type: 'pause'; readonly torrent: TorrentState }
  /** The user lets a torrent go on after a pause or an error. */
  | { readonly type: 'resume'; readonly torrent: TorrentState }
  /** The user removes a torrent, or the engine closes; `forget`: its resume record is deleted. */
  | { readonly type: 'remove'; readonly torrent: TorrentState; readonly forget: boolean }
  /** The app wants the figures of a torrent at rest, which emits none. */
  | { readonly type: 'stats-wanted'; readonly torrent: number }
  // Time
  /** Something may be due. */
  | { readonly type: 'tick' }
  // From verify workers
  /** A job that hashes and writes pieces is over; its answer says which of them are good. */
  | {
      readonly type: 'verified';
      readonly torrent: TorrentState;
      readonly pieces: readonly PieceState[];
      readonly ticket: WriteTicket | undefined;
      readonly answer: Answer<VerifyResult>;
    }
  /** Pieces on disk were read and hashed; `jobs` yields the pieces of the jobs that follow. */
  | {
      readonly type: 'checked';
      readonly torrent: TorrentState;
      readonly epoch: number;
      readonly jobs: Iterator<readonly StoredPiece[]>;
      readonly answer: Answer<VerifyResult>;
    }
  /** Files were synced, or the disk failed. */
  | {
      readonly type: 'synced';
      readonly torrent: TorrentState;
      readonly batch: SyncBatch;
      readonly answer: Answer<SyncOutcome>;
    }
  /** The empty files, which no piece creates, were created, or the disk failed. */
  | {
      readonly type: 'empty-files-made';
      readonly torrent: TorrentState;
      readonly answer: Answer<VerifyResult>;
    }
  /** A worker died; its jobs run again on another. */
  | { readonly type: 'verify-thread-died'; readonly reason: string }
  // From the disk
  /** The files were looked at: which of them exist, their sizes and times. */
  | {
      readonly type: 'looked';
      readonly torrent: TorrentState;
      readonly epoch: number;
      /** Before a run, before `complete` is reported, or at intervals while the torrent seeds. */
      readonly occasion: 'start' | 'completion' | 'seeding';
      readonly answer: Answer<readonly PresentFile[]>;
    }
  /** Existing files that no record of ours names were judged: whether they may be written to. */
  | {
      readonly type: 'judged';
      readonly torrent: TorrentState;
      readonly epoch: number;
      readonly answer: Answer<void>;
    }
  /** They were noted as ours, or cut to length. */
  | {
      readonly type: 'admitted';
      readonly torrent: TorrentState;
      readonly step: 'noted' | 'cut';
      readonly answer: Answer<Seen>;
    }
  /** A resume record was saved during a run, or because the torrent is complete. */
  | {
      readonly type: 'record-saved';
      readonly torrent: TorrentState;
      readonly epoch: number;
      readonly occasion: 'progress' | 'completion';
      readonly answer: Answer<void>;
    }
  /** The record with which a run ends was saved. */
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
  /** The lock of a torrent that is being removed was released; `failure` is what went wrong before. */
  | {
      readonly type: 'released';
      readonly torrent: TorrentState;
      readonly failure: ErrorRecord | undefined;
    }
  // From the network
  /** A dial's turn has come; the handler has `over` called when the dial has ended. */
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
  /** The trackers of a complete torrent have answered, or their time is up: it may announce `stopped`. */
  | { readonly type: 'may-leave'; readonly torrent: TorrentState; readonly epoch: number }
  /** The trackers of ended runs have got `stopped`, or their time is up. */
  | {
      readonly type: 'farewell-over';
      readonly torrent: TorrentState;
      readonly farewell: Promise<void>;
    }
  // From a handler
  /** The step that a torrent is at may be over: the next one is taken if nothing is out that it waits for. */
  | { readonly type: 'go-on'; readonly torrent: TorrentState };
