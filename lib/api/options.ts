// Options of the public API: units, defaults, and the check that says what is allowed.

import { availableParallelism } from 'node:os';
import { MillraceError } from '../errors/millrace-error';
import type { AnnounceToAll, EngineSettings, LogLevel, PeerAddress } from '../messages/control';
import { defaultPeerThreads } from './engine-threads';
import type { EngineThreads } from './engine-threads';
import type { TraceOptions } from './trace';

/** A logger in the shape of pino's: the embedder's own, or none. */
export interface Logger {
  trace(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
  readonly level?: string;
}

/** Options of `Coordinator.start`. All are optional. */
export interface CoordinatorOptions {
  /** Threads that own peer connections, 1–32. Default: a quarter of the cores, at least 1, at most 8. */
  readonly peerThreads?: number;
  /**
   * Most threads that hash and write, 2–64: it begins with one, and doubles them when jobs have to
   * wait. Default: half of the cores, at least 2, at most 8.
   */
  readonly verifyThreads?: number;
  /** Memory for pieces on their way, in bytes, 4 MiB–4 GiB. Default 48 MiB. */
  readonly memoryBytes?: number;
  /** TCP port for incoming peers, 0–65535; 0 picks a free one. `null`: accept none. Default 0. */
  readonly port?: number | null;
  /** Address to listen on. Default: every address, IPv4 and IPv6. */
  readonly host?: string;
  /** Peer connections of all torrents together, 1–8000. Default 200. */
  readonly maxConnections?: number;
  /** Peer connections of one torrent, 1–8000. Default 100. */
  readonly maxConnectionsPerTorrent?: number;
  /**
   * Connections of one torrent that one address (IPv4 address, or the first 64 bits of an IPv6
   * address) may keep while others wait for a place, 1–8000; of all torrents together four times as
   * many, or a quarter of `maxConnections` if that is less. It does not count while places are free, nor on loopback. Raise it where many peers share
   * one address, as in offices behind NAT. Default 8.
   */
  readonly connectionsPerAddress?: number;
  /** Dials under way at one time, 1–1000. Default 32. */
  readonly maxHalfOpen?: number;
  /** Dials started per second, 1–1000. Default 50. */
  readonly dialsPerSec?: number;
  /** Peers of one torrent that may download from us at one time, 1–1000. Default 16. */
  readonly uploadSlots?: number;
  /** Time-outs, in milliseconds. */
  readonly timeouts?: {
    /** TCP connect. Default 10,000. */
    readonly dialMs?: number;
    /** Connected, but no complete handshake. Default 10,000. */
    readonly handshakeMs?: number;
    /** A requested block is asked of somebody else. Default 20,000. */
    readonly requestMs?: number;
    /** Silence that ends a connection. Default 240,000 (keep-alives are due every 120 s, BEP 3). */
    readonly idleMs?: number;
  };
  /** Writes down what is said to peers and by them. Default: nothing is. */
  readonly trace?: TraceOptions;
  /** Where log records go. Default: nowhere. */
  readonly logger?: Logger;
  /** Threads that were booted before the options were known. Default: new ones. */
  readonly threads?: EngineThreads | undefined;
  /** Ends the start: the returned promise rejects and every thread ends. */
  readonly signal?: AbortSignal;
}

/** Options of `Coordinator.add`. */
export interface AddOptions {
  /** Folder that holds (or will hold) the torrent's file or folder. Default: the working directory. */
  readonly output?: string;
  /** Peers to connect to besides those from trackers: `host:port`, `[v6]:port` or objects. */
  readonly peers?: readonly (string | PeerAddress)[];
  /**
   * Fetch what is missing. False serves only what is whole: the torrent stops with `not-whole`
   * otherwise, and no file is written, so the data may be read-only. Default true.
   */
  readonly download?: boolean;
  /** Stay and upload after completion, until `close`. Default true. */
  readonly seed?: boolean;
  /** Cut existing files that are longer than the torrent says. Default false: an error. */
  readonly force?: boolean;
  /**
   * Write through symbolic links that lie below `output`, wherever they lead (docs/STORAGE.md). Default
   * false: an error. `output` itself and what is above it may be links.
   */
  readonly followLinks?: boolean;
  /** Hash everything that exists instead of trusting the resume record. Default false. */
  readonly recheck?: boolean;
  /**
   * Which of the torrent's trackers hear of us: `none`, one at a time, the others when it fails
   * (BEP 12); `tiers`, one of each tier; `trackers`, all of them. Default `none`.
   */
  readonly announceToAll?: AnnounceToAll;
  /** Another storage back end: a module's path and its options (docs/STORAGE.md). Default: files. */
  readonly storage?: { readonly module: string; readonly options?: unknown };
  /** Ends the adding, or later the torrent, as `remove()` does. */
  readonly signal?: AbortSignal;
}

const MIB = 1024 * 1024;

/** Connections beyond the limit that a peer thread keeps till the coordinator says who has to go. */
const BEING_JUDGED = 64;
/** As many as the system hands the listener at once (its backlog). */
const MAX_HANDSHAKES = 128;

export function integer(
  name: string,
  value: unknown,
  low: number,
  high: number,
  fallback: number,
): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) {
    throw new MillraceError(
      'bad-option',
      `option ${name} must be a whole number from ${low} to ${high}, not ${String(value)}`,
      { option: name },
    );
  }
  return value;
}

/** Checks options and fills in the defaults. Throws `bad-option` naming the option and what is allowed. */
export function engineSettings(
  options: CoordinatorOptions,
  version: string,
): Omit<EngineSettings, 'trace'> {
  const cores = availableParallelism();
  const peerThreads = integer('peerThreads', options.peerThreads, 1, 32, defaultPeerThreads());
  const verifyThreads = integer(
    'verifyThreads',
    options.verifyThreads,
    2,
    64,
    Math.min(8, Math.max(2, cores >> 1)),
  );
  const maxConnections = integer('maxConnections', options.maxConnections, 1, 8000, 200);
  const timeouts = options.timeouts ?? {};
  return {
    peerThreads,
    verifyThreads,
    memoryBytes: integer('memoryBytes', options.memoryBytes, 4 * MIB, 4096 * MIB, 48 * MIB),
    port: options.port === null ? undefined : integer('port', options.port, 0, 65_535, 0),
    host: options.host,
    maxConnections,
    maxConnectionsPerTorrent: integer(
      'maxConnectionsPerTorrent',
      options.maxConnectionsPerTorrent,
      1,
      8000,
      Math.min(100, maxConnections),
    ),
    connectionsPerAddress: integer(
      'connectionsPerAddress',
      options.connectionsPerAddress,
      1,
      8000,
      8,
    ),
    maxHalfOpen: integer('maxHalfOpen', options.maxHalfOpen, 1, 1000, 32),
    dialsPerSec: integer('dialsPerSec', options.dialsPerSec, 1, 1000, 50),
    uploadSlots: integer('uploadSlots', options.uploadSlots, 1, 1000, 16),
    limits: {
      maxConnections: maxConnections + BEING_JUDGED,
      maxHandshakes: MAX_HANDSHAKES,
      dialTimeoutMs: integer('timeouts.dialMs', timeouts.dialMs, 1, 600_000, 10_000),
      handshakeTimeoutMs: integer('timeouts.handshakeMs', timeouts.handshakeMs, 1, 600_000, 10_000),
      requestTimeoutMs: integer('timeouts.requestMs', timeouts.requestMs, 1, 600_000, 20_000),
      idleTimeoutMs: integer('timeouts.idleMs', timeouts.idleMs, 1, 3_600_000, 240_000),
      keepAliveMs: 110_000,
      // What libtorrent announces, too: 2,000 × 16 KiB = 32 MiB on the way to one peer at the most.
      requestQueue: 2000,
      uploadBufferBytes: 16 * MIB,
    },
    logLevel: options.logger
      ? ((options.logger.level as LogLevel | undefined) ?? 'info')
      : 'silent',
    version,
  };
}

/** Throws `bad-option` unless the value is a boolean; undefined is `false`. */
export function flag(name: string, value: unknown = false): boolean {
  if (typeof value === 'boolean') return value;
  throw new MillraceError('bad-option', `option ${name} must be true or false`, { option: name });
}

const ANNOUNCE_TO_ALL: readonly string[] = ['none', 'tiers', 'trackers'] satisfies AnnounceToAll[];

/** Checks the option and fills in the default. Throws `bad-option`. */
export function announceToAll(value: unknown = 'none'): AnnounceToAll {
  if (typeof value === 'string' && ANNOUNCE_TO_ALL.includes(value)) return value as AnnounceToAll;
  throw new MillraceError(
    'bad-option',
    `option announceToAll must be "none", "tiers" or "trackers", not ${JSON.stringify(value) ?? String(value)}`,
    { option: 'announceToAll' },
  );
}

/** `host:port`, `[v6]:port` or an object → a peer address; throws `bad-peer-address`. */
export function peerAddress(peer: string | PeerAddress): PeerAddress {
  const parsed = typeof peer === 'string' ? parsePeer(peer) : peer;
  if (
    !parsed ||
    parsed.host === '' ||
    !Number.isInteger(parsed.port) ||
    parsed.port < 1 ||
    parsed.port > 65_535
  ) {
    const shown = typeof peer === 'string' ? peer : JSON.stringify(peer);
    throw new MillraceError(
      'bad-peer-address',
      `"${shown}" is not a peer address: write HOST:PORT or [IPV6]:PORT with a port from 1 to 65535`,
    );
  }
  return { host: parsed.host, port: parsed.port };
}

function parsePeer(text: string): PeerAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text.trim());
  if (!match) return undefined;
  return { host: match[1] ?? match[2] ?? '', port: Number(match[3]) };
}
