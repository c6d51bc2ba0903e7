// The contract between the app thread and the coordinator thread: calls go by comlink, events come
// back coalesced on a separate port. Piece data never crosses.

import type { ErrorRecord } from '../errors/millrace-error';
import type { Metainfo } from '../metainfo/metainfo';
import type { NameMapping } from '../metainfo/names';
import type { LogLevel } from '../text/log-levels';
import type { SeedChoking } from './choking';
import type { CloseReason } from './close-reasons';
import type { NetworkSettings } from './network';
import type { PeerThreadLimits } from './peer-thread';
import type { LimitChange, LimitPeriod } from './rates';
import type { EngineStats, TorrentStats } from './stats';
import type { TraceSettings } from './trace';

/** Start data of the coordinator thread; every value is already checked. */
export interface EngineSettings extends LimitChange, NetworkSettings {
  readonly peerThreads: number;
  readonly verifyThreads: number;
  readonly memoryBytes: number;
  /** Port to listen on; 0 picks one; undefined: do not listen. */
  readonly port: number | undefined;
  readonly host: string | undefined;
  readonly maxConnections: number;
  readonly maxConnectionsPerTorrent: number;
  /** Connections of a torrent that one address may keep while others wait. */
  readonly connectionsPerAddress: number;
  /** Several peers of one address may be connected to a torrent. */
  readonly multiplePerAddress: boolean;
  readonly maxHalfOpen: number;
  readonly dialsPerSec: number;
  /** Peers of a torrent that may download from us at a time; `auto`: by the upload rate. */
  readonly uploadSlots: number | 'auto';
  readonly seedChoking: SeedChoking;
  /** Rate limits by time of day. Default: none. */
  readonly limitSchedule?: readonly LimitPeriod[] | undefined;
  readonly limits: PeerThreadLimits;
  readonly logLevel: LogLevel | 'silent';
  readonly version: string;
  /** Undefined: no trace. */
  readonly trace: TraceSettings | undefined;
}

/**
 * Whose a log record is. The app's logger gets it as the bindings of a child logger, if it can have
 * children.
 */
export interface LogBindings {
  /** The part of the engine that wrote the record. */
  readonly component?: 'app' | 'coordinator' | 'peers' | 'verify';
  /** Info hash, in hexadecimal. */
  readonly torrent?: string;
  /** Number of the peer thread. */
  readonly thread?: number;
}

/**
 * Fields of a log record beside its message. They hold no secrets: URLs are redacted at their
 * source.
 */
export interface LogFields extends LogBindings {
  readonly [field: string]: unknown;
}

/** The address of a peer. */
export interface PeerAddress {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * Which trackers a torrent announces to: one at a time (BEP 12), one of each tier, or all of them.
 */
export type AnnounceToAll = 'none' | 'tiers' | 'trackers';

/** What the user wants of a torrent. */
export interface TorrentOptions extends LimitChange {
  /** Absolute output folder. */
  readonly output: string;
  /** Cut existing files that are longer than the torrent says. */
  readonly force: boolean;
  /** Write to existing files that have the torrent's names, whatever they contain. */
  readonly adopt: boolean;
  /** Write through symbolic links below the output folder. */
  readonly followLinks: boolean;
  /** Hash everything that exists, even if the resume record covers it. */
  readonly recheck: boolean;
  /** Fetch missing data. If false: fail with `not-whole` if any is missing, and write nothing. */
  readonly download: boolean;
  /** Upload after completion. */
  readonly seed: boolean;
  /** Super-seed once complete (BEP 16). */
  readonly superSeed: boolean;
  readonly announceToAll: AnnounceToAll;
  /** A storage module other than the built-in files. */
  readonly storage: { readonly module: string; readonly options?: unknown } | undefined;
}

export interface AddRequest {
  /** The 20 raw bytes by which peers and trackers know the torrent. */
  readonly infoHash: Uint8Array;
  /** For messages to people. */
  readonly name: string;
  /** Tracker URLs by tier (BEP 12). */
  readonly trackers: readonly (readonly string[])[];
  /** Undefined: it is fetched from peers (BEP 9). */
  readonly metainfo: Metainfo | undefined;
  /** Longest info dictionary that is fetched from peers. */
  readonly maxMetadataBytes: number;
  readonly peers: readonly PeerAddress[];
  readonly options: TorrentOptions;
}

/** Calls of the app thread. Each may reject with an error made from an `ErrorRecord`. */
export interface EngineControl {
  /**
   * Resolves when the peer threads are ready and listening; the verify pool starts with its first
   * job.
   */
  start(): Promise<EngineStats>;
  /**
   * Resolves when the output is locked and its record loaded, to the mapping that names the files
   * there (as `Metainfo.names`). `torrent` is an id that was never used before.
   */
  add(torrent: number, request: AddRequest): Promise<NameMapping | undefined>;
  /** Aborts an add in progress, or removes its torrent; resolves when nothing of it is left. */
  cancelAdd(torrent: number): Promise<void>;
  /** Replaces the IP filter by that of this buffer; undefined: no filter. */
  setIpFilter(buffer: SharedArrayBuffer | undefined): Promise<void>;
  addPeers(torrent: number, peers: readonly PeerAddress[]): Promise<void>;
  /** Changes rate limits of a torrent or, with `undefined`, of the engine, and its schedule if given. */
  setLimits(
    torrent: number | undefined,
    limits: LimitChange,
    schedule: readonly LimitPeriod[] | undefined,
  ): Promise<void>;
  pause(torrent: number): Promise<void>;
  resume(torrent: number): Promise<void>;
  /** Begins or ends super-seeding (BEP 16); before completion, it is remembered. */
  superSeed(torrent: number, on: boolean): Promise<void>;
  /**
   * Removes the torrent: saves its record, releases its lock. `forget` also deletes the resume
   * record.
   */
  remove(torrent: number, forget: boolean): Promise<void>;
  stats(): Promise<EngineStats>;
  /** Ends the engine; the last announces get at most 2 s. */
  close(): Promise<void>;
  /** For fault-injection specs: ends a thread as a crash would. */
  killThread(kind: 'peer' | 'verify', index: number): Promise<boolean>;
}

/** App thread → coordinator, on the events' port. */
export type AppMessage =
  /** The last batch of events was handled: the next one may be sent. */
  | { readonly type: 'events-handled' }
  /** The app wants the figures of this torrent: one at rest sends none by itself. */
  | { readonly type: 'stats-wanted'; readonly torrent: number };

/** Coordinator → app thread. */
export type EngineEvent =
  /** The latest figures of a torrent; they replace older ones that were not sent yet. */
  | { readonly type: 'stats'; readonly torrent: number; readonly stats: TorrentStats }
  /** The metadata of a torrent became known; its files have the names that they have on disk. */
  | { readonly type: 'metadata'; readonly torrent: number; readonly metainfo: Metainfo }
  /** Pieces that were verified and written since the last such event. */
  | { readonly type: 'pieces'; readonly torrent: number; readonly pieces: readonly number[] }
  /** A piece failed its hash check; `banned` are the peers that are proven to have lied. */
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
  /** A tracker replied, or an announce failed. */
  | {
      readonly type: 'tracker';
      readonly torrent: number;
      /** The full URL, possibly with a passkey: use `redactUrl` before showing it. */
      readonly url: string;
      readonly ok: boolean;
      /** The failure reason or warning, verbatim. */
      readonly message: string | undefined;
      readonly peers: number;
      readonly seeds: number | undefined;
      readonly leechers: number | undefined;
      readonly nextAnnounceSec: number | undefined;
    }
  /** Every wanted piece is verified and on disk. */
  | { readonly type: 'complete'; readonly torrent: number }
  /** The torrent stopped because of this; `resume()` tries again. */
  | { readonly type: 'error'; readonly torrent: number; readonly error: ErrorRecord }
  /** The torrent was removed on request; this is its last event. */
  | { readonly type: 'removed'; readonly torrent: number }
  /** Lines of the wire trace since the last such event; `lost` counts dropped ones. */
  | { readonly type: 'trace'; readonly lines: readonly string[]; readonly lost: number }
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: LogFields;
    };
