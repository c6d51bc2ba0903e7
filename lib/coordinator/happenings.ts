// All that can happen to the coordinator. Work that others do for it (verify workers, disks, trackers) ends in
// one of these, too.

import type { ErrorRecord } from '../errors/millrace-error';
import type { PeerAddress } from '../messages/control';
import type { PeerFact } from '../messages/peer-thread';
import type { StoredPiece, VerifyResult } from '../messages/verify';
import type { PresentFile } from '../storage/resume-rules';
import type { AnnounceReply } from '../tracker/announce';
import type { AnnounceSchedule } from '../tracker/schedule';
import type { SyncBatch } from './durability';
import type { WriteTicket } from './file-watch';
import type { Seen } from './output-files';
import type { SyncOutcome } from './saving';
import type { PieceState, TorrentState } from './state';
import type { AnnounceUnderWay } from './trackers';

/** What became of work that was asked for. */
export type Answer<Value> =
  { readonly value: Value; readonly error?: undefined } | { readonly error: ErrorRecord };

/**
 * Those with an `epoch` are of one run of their torrent, and dropped when it is over. Those without are true of
 * any run: what was written is written, and what was handed out has come back.
 */
export type Happening =
  // From peer threads
  /** A peer thread tells what its peers did: all of one batch. */
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
  /** The user knows peers. */
  | {
      readonly type: 'add-peers';
      readonly torrent: TorrentState;
      readonly peers: readonly PeerAddress[];
    }
  | { readonly type: 'pause'; readonly torrent: TorrentState }
  | { readonly type: 'resume'; readonly torrent: TorrentState }
  | { readonly type: 'remove'; readonly torrent: TorrentState; readonly forget: boolean }
  /** The app wants the figures of a torrent at rest, which emits none. */
  | { readonly type: 'stats-wanted'; readonly torrent: number }
  // Time
  /** Something may be due. */
  | { readonly type: 'tick' }
  // From verify workers
  /** Pieces were hashed and written, or not. */
  | {
      readonly type: 'verified';
      readonly torrent: TorrentState;
      readonly pieces: readonly PieceState[];
      readonly ticket: WriteTicket | undefined;
      readonly answer: Answer<VerifyResult>;
    }
  /** Pieces on disk were read and hashed; `jobs` has those that come after them. */
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
  /** The files without a byte were made. */
  | {
      readonly type: 'empty-files-made';
      readonly torrent: TorrentState;
      readonly answer: Answer<VerifyResult>;
    }
  /** A worker died; its jobs run again on another. */
  | { readonly type: 'verify-thread-died'; readonly reason: string }
  // From the disk
  /** This is how the files look. */
  | {
      readonly type: 'looked';
      readonly torrent: TorrentState;
      readonly epoch: number;
      /** Before a run, before `complete` is told, or every now and then while it seeds. */
      readonly occasion: 'start' | 'completion' | 'seeding';
      readonly answer: Answer<readonly PresentFile[]>;
    }
  /** Files that are not ours by record were judged, noted as ours, and cut where they were too long. */
  | {
      readonly type: 'admitted';
      readonly torrent: TorrentState;
      readonly epoch: number;
      readonly step: 'judged' | 'noted' | 'cut';
      readonly answer: Answer<Seen>;
    }
  /** A record was saved while more is written, or as the torrent is complete. */
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
  /** The turn of a dial has come; `over` is to be called when it has ended. */
  | {
      readonly type: 'dial-turn';
      readonly torrent: TorrentState;
      readonly dial: WaitingDial;
      readonly over: () => void;
    }
  /** A tracker answered. */
  | {
      readonly type: 'announced';
      readonly torrent: TorrentState;
      readonly epoch: number;
      readonly underWay: AnnounceUnderWay;
      readonly schedule: AnnounceSchedule;
      readonly answer: Answer<AnnounceReply>;
    }
  /** Trackers of a complete torrent have answered all that they were asked, or had time to. */
  | { readonly type: 'may-leave'; readonly torrent: TorrentState; readonly epoch: number }
  /** The trackers of ended runs were told `stopped`. */
  | {
      readonly type: 'farewell-over';
      readonly torrent: TorrentState;
      readonly farewell: Promise<void>;
    };

/** A dial that waits for its turn. */
export interface WaitingDial {
  readonly address: PeerAddress;
}
