// The treaty between the app thread and the coordinator thread: calls go down by comlink, events
// come up on a port of their own, coalesced. Control only: never a byte of a piece.

import type { ErrorRecord } from '../errors/millrace-error';
import type { Metainfo } from '../metainfo/metainfo';
import type { NameMapping } from '../metainfo/names';
import type { CloseReason } from './close-reasons';
import type { PeerThreadLimits } from './peer-thread';
import type { EngineStats, TorrentStats } from './stats';
import type { TraceSettings } from './trace';

/** Everything the coordinator thread is started with; every value is already checked. */
export interface EngineSettings {
  readonly peerThreads: number;
  readonly verifyThreads: number;
  readonly memoryBytes: number;
  /** Port to listen on; 0 picks one; undefined listens on none. */
  readonly port: number | undefined;
  readonly host: string | undefined;
  readonly maxConnections: number;
  readonly maxConnectionsPerTorrent: number;
  /** Places of a torrent that one address keeps while others wait. */
  readonly connectionsPerAddress: number;
  readonly maxHalfOpen: number;
  readonly dialsPerSec: number;
  readonly uploadSlots: number;
  readonly limits: PeerThreadLimits;
  readonly logLevel: LogLevel | 'silent';
  readonly version: string;
  /** Undefined: nothing is traced. */
  readonly trace: TraceSettings | undefined;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** Which trackers a torrent announces to: one at a time (BEP 12), one of each tier, or all of them. */
export type AnnounceToAll = 'none' | 'tiers' | 'trackers';

export interface AddRequest {
  readonly metainfo: Metainfo;
  /** Absolute output folder. */
  readonly output: string;
  readonly peers: readonly PeerAddress[];
  /** Truncate existing files that are longer than the torrent says. */
  readonly force: boolean;
  /** Write to existing files of the torrent's names, whatever they hold. */
  readonly adopt: boolean;
  /** Write through symbolic links below the output folder. */
  readonly followLinks: boolean;
  /** Hash everything that exists, whatever the resume record says. */
  readonly recheck: boolean;
  /** Fetch what is missing. False: fail with `not-whole` if anything is, and write no data. */
  readonly download: boolean;
  /** Stay and upload after completion. */
  readonly seed: boolean;
  readonly announceToAll: AnnounceToAll;
  /** A storage module other than the built-in files. */
  readonly storage: { readonly module: string; readonly options?: unknown } | undefined;
}

/** What the app thread may ask. Every call may reject with an `ErrorRecord`'s error. */
export interface EngineControl {
  /** Returns once the peer threads are ready and listening; the verify pool starts with its first job. */
  start(): Promise<EngineStats>;
  /**
   * Returns when the output is locked and its record read: the mapping that names the files there, as
   * `Metainfo.names`. `torrent`: an id never used before.
   */
  add(torrent: number, request: AddRequest): Promise<NameMapping | undefined>;
  /** Stops an add under way, or undoes it; returns when nothing is left of it. */
  cancelAdd(torrent: number): Promise<void>;
  addPeers(torrent: number, peers: readonly PeerAddress[]): Promise<void>;
  pause(torrent: number): Promise<void>;
  resume(torrent: number): Promise<void>;
  /** Ends the torrent: record saved, lock released. `forget` also deletes the resume record. */
  remove(torrent: number, forget: boolean): Promise<void>;
  stats(): Promise<EngineStats>;
  /** Ends everything; trackers get at most 2 s. */
  close(): Promise<void>;
  /** For fault-injection specs: ends a thread as a crash would. */
  killThread(kind: 'peer' | 'verify', index: number): Promise<boolean>;
}

/** App thread → coordinator, on the events' port. */
export type AppMessage =
  /** The last batch of events is handled: the next may come. */
  | { readonly type: 'events-handled' }
  /** Torrents at rest tell no figures; somebody looks at those of this one. */
  | { readonly type: 'stats-wanted'; readonly torrent: number };

/** Coordinator → app thread. */
export type EngineEvent =
  /** The newest figures of a torrent; older unread ones are replaced. */
  | { readonly type: 'stats'; readonly torrent: number; readonly stats: TorrentStats }
  /** Pieces verified and written since the last such event. */
  | { readonly type: 'pieces'; readonly torrent: number; readonly pieces: readonly number[] }
  /** A piece failed its hash check; `banned` are the peers proven to have lied. */
  | {
      readonly type: 'piece-failed';
      readonly torrent: number;
      readonly piece: number;
      readonly suspects: readonly string[];
      readonly banned: readonly string[];
    }
  | {
      readonly type: 'peer-connected';
      readonly torrent: number;
      readonly host: string;
      readonly port: number;
      readonly incoming: boolean;
    }
  /** A peer connection or a dial ended. */
  | {
      readonly type: 'peer-closed';
      readonly torrent: number;
      readonly host: string;
      readonly port: number;
      readonly reason: CloseReason;
      readonly detail: string;
      readonly downloadedBytes: number;
      readonly uploadedBytes: number;
    }
  /** An incoming connection was refused or ended before a valid handshake: it has no torrent. */
  | {
      readonly type: 'peer-rejected';
      readonly host: string;
      readonly port: number;
      readonly reason: CloseReason;
      readonly detail: string;
    }
  /** A tracker answered or failed. */
  | {
      readonly type: 'tracker';
      readonly torrent: number;
      /** Whole, passkey and all: show it to nobody without `redactUrl`. */
      readonly url: string;
      readonly ok: boolean;
      /** Failure or warning, word for word. */
      readonly message: string | undefined;
      readonly peers: number;
      readonly seeds: number | undefined;
      readonly leechers: number | undefined;
      readonly nextAnnounceSec: number | undefined;
    }
  /** Every piece verified and on disk. */
  | { readonly type: 'complete'; readonly torrent: number }
  /** The torrent stopped because of this; `resume()` tries again. */
  | { readonly type: 'error'; readonly torrent: number; readonly error: ErrorRecord }
  /** It was removed as asked, and this is the last of its events. */
  | { readonly type: 'removed'; readonly torrent: number }
  /** Lines of the wire trace since the last such event; `lost` more found no room. */
  | { readonly type: 'trace'; readonly lines: readonly string[]; readonly lost: number }
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };
