// Options of the public API: units, defaults, and the checks.

import { availableParallelism } from 'node:os';
import { KIB, MIB } from '../bytes/lengths';
import { MAX_PORT, isReachablePort, parseHostPort } from '../address/host-port';
import { MillraceError, recordOf } from '../errors/millrace-error';
import { MAX_METAINFO_BYTES } from '../metainfo/limits';
import type { SeedChoking } from '../messages/choking';
import type { AnnounceToAll, EngineSettings, PeerAddress } from '../messages/control';
import {
  badOption,
  checkOptions,
  checkValue,
  either,
  flag,
  group,
  isObject,
  list,
  oneOf,
  optional,
  orElse,
  shown,
  signal,
  text,
  wholeNumber,
  wrong,
} from './checks';
import type { Check, Checks } from './checks';
import { EngineThreads, PEER_THREADS } from './engine-threads';
import { LOG_LEVEL_NAMES } from '../text/log-levels';
import { ENGINE_LIMITS, RATE_LIMITS, periodsOf } from './rate-limits';
import type { LimitOptions, RateLimitOptions } from './rate-limits';
import { NETWORK } from './network-options';
import type { NetworkOptions } from './network-options';
import type { NetworkSettings } from '../messages/network';
import type { TraceOptions } from './trace';

/**
 * A logger with pino's methods, such as pino itself. The engine sends no record below `level`, and none that
 * holds a secret: no passkey, no password.
 */
export interface Logger {
  trace(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
  readonly level?: string;
  /**
   * A logger whose records carry these fields, too: `component` (the part of the engine), and `torrent` (info
   * hash in hexadecimal) and `thread` (of peers) where a record is about one. It is asked for once
   * for each of them. Without it, they are fields of each record.
   */
  child?(bindings: object): Logger;
}

/** Options of `Coordinator.start`. All are optional. */
export interface CoordinatorOptions extends LimitOptions, NetworkOptions {
  /** Threads for peer connections, 1–32. Default: a quarter of the cores, at least 1, at most 8. */
  readonly peerThreads?: number;
  /**
   * Most threads that hash and write, 2–64. The engine starts with one, and doubles their number
   * when jobs have to wait. Default: half of the cores, at least 2, at most 8.
   */
  readonly verifyThreads?: number;
  /** Memory for pieces in progress, in bytes, 4 MiB–4 GiB. Default 48 MiB. */
  readonly memoryBytes?: number;
  /**
   * TCP port for incoming peers, 0–65535; 0 picks a free one. `null`: no incoming peers. Default 0.
   */
  readonly port?: number | null;
  /**
   * Address to listen on. Outgoing connections are not bound to it (see `bind`). Default: all addresses,
   * IPv4 and IPv6.
   */
  readonly host?: string;
  /** Most peer connections of all torrents together, 1–8000. Default 200. */
  readonly maxConnections?: number;
  /**
   * Most peer connections of one torrent, 1–8000. Default 100, or `maxConnections` if that is less.
   */
  readonly maxConnectionsPerTorrent?: number;
  /**
   * Most connections of one torrent that one address (an IPv4 address, or the first 64 bits of an
   * IPv6 address) may keep while other peers wait for a place, 1–8000. For all torrents together
   * the limit is four times as high, or a quarter of `maxConnections` if that is less. The limit
   * does not apply while places are free, or on loopback. Raise it if many peers share one address,
   * as in offices behind NAT. Default 8.
   */
  readonly connectionsPerAddress?: number;
  /**
   * Whether several peers at one IP address may be connected to a torrent, as in offices behind NAT.
   * Otherwise the first one stays, unless it is useless (docs/ARCHITECTURE.md). Loopback is exempt.
   * Default false.
   */
  readonly multiplePerAddress?: boolean;
  /** Most concurrent dials, 1–1000. Default 32. */
  readonly maxHalfOpen?: number;
  /** Most dials started per second, 1–1000. Default 50. */
  readonly dialsPerSec?: number;
  /**
   * Most peers of one torrent that may download from us at a time, 1–1000. `auto`: 16 at first, then
   * 8–64 by the upload rate; fewer under an upload limit (docs/ARCHITECTURE.md). Default `auto`.
   */
  readonly uploadSlots?: number | 'auto';
  /**
   * Which peers may download from a complete torrent. `round-robin`: all in turn, 10 s each;
   * `fastest-upload`: those that download fastest from us, and some others in turn. Default
   * `round-robin`. While the torrent itself downloads, its slots go to the peers that upload most to
   * us (BEP 3).
   */
  readonly seedChoking?: SeedChoking;
  /** Timeouts, in milliseconds. */
  readonly timeouts?: {
    /** For a TCP connect. Default 10,000. */
    readonly dialMs?: number;
    /** From the connect to the complete handshake. Default 10,000. */
    readonly handshakeMs?: number;
    /** After which a requested block is requested from another peer. Default 20,000. */
    readonly requestMs?: number;
    /**
     * Silence after which a connection is closed. Default 240,000 (keep-alives are due every 120 s,
     * BEP 3).
     */
    readonly idleMs?: number;
  };
  /** Records the messages to and from peers. Default: no trace. */
  readonly trace?: TraceOptions;
  /** Receives log records. Default: none. */
  readonly logger?: Logger;
  /** Threads that were started earlier. Default: new ones. */
  readonly threads?: EngineThreads | undefined;
  /** Aborts the start: the promise rejects, and every thread ends. */
  readonly signal?: AbortSignal;
}

/** Options of `Coordinator.add`. */
export interface AddOptions extends RateLimitOptions {
  /**
   * Folder that contains, or will contain, the torrent's file or folder. Default: the working
   * directory.
   */
  readonly output?: string;
  /**
   * Peers to connect to in addition to those from trackers: `host:port`, `[v6]:port` or objects.
   */
  readonly peers?: readonly (string | PeerAddress)[];
  /**
   * Download missing data. With false, the torrent only serves data that is complete, and otherwise
   * stops with `not-whole`; no file is written, so the data may be read-only. Default true.
   */
  readonly download?: boolean;
  /**
   * Super-seeding (BEP 16), for the only seed of a torrent. Once the torrent is complete, each peer is
   * shown a few pieces that no other peer has, and further ones when other peers have these, too. Each
   * piece is uploaded about once before the swarm has a whole copy, which takes longer than normal
   * seeding. Ends by itself when the other peers have two copies of every piece. Default false.
   */
  readonly superSeed?: boolean;
  /** Upload after completion, until `close` or `remove`. Default true. */
  readonly seed?: boolean;
  /**
   * Cut existing files that are longer than the torrent says, if our record lists them or `adopt`
   * allows us to write to them. Default false: such a file is an error.
   */
  readonly force?: boolean;
  /**
   * Write to existing files that have the torrent's names, whatever they contain. Default false: a
   * file that no record of ours lists, and that contains something but no good piece, stops the
   * torrent with `file-not-ours` before anything is written (docs/STORAGE.md).
   */
  readonly adopt?: boolean;
  /**
   * Write through symbolic links below `output`, wherever they lead, and to existing files with
   * hard links outside the torrent (docs/STORAGE.md). Default false: the error `link-in-path`.
   * `output` itself and its parents may be links.
   */
  readonly followLinks?: boolean;
  /** Hash everything that exists instead of trusting the resume record. Default false. */
  readonly recheck?: boolean;
  /**
   * For a magnet link: the longest metadata (info dictionary) that is fetched from peers, in bytes,
   * 16 KiB–64 MiB. It is about as long as the .torrent. Default 32 MiB.
   */
  readonly maxMetadataBytes?: number;
  /**
   * Which trackers of the torrent are announced to. `none`: one at a time, the next if it fails
   * (BEP 12); `tiers`: one of each tier; `trackers`: all. Default `none`.
   */
  readonly announceToAll?: AnnounceToAll;
  /**
   * A custom storage back end: the path of its module, and its options (docs/STORAGE.md). Default:
   * files.
   */
  readonly storage?: { readonly module: string; readonly options?: unknown };
  /** Aborts the adding; afterwards it removes the torrent, as `remove()` does. */
  readonly signal?: AbortSignal;
}

/**
 * Connections above the limit that a peer thread keeps until the coordinator decides which must
 * close.
 */
const BEING_JUDGED = 64;
/**
 * Most connections without a handshake: the number that the system may hand the listener at once
 * (its backlog).
 */
const MAX_HANDSHAKES = 128;

const logger: Check<Logger | undefined> = (name, value) => {
  if (value === undefined) return undefined;
  const given = value as Readonly<Record<string, unknown>>;
  const missing = isObject(value)
    ? LOG_LEVEL_NAMES.find((method) => typeof given[method] !== 'function')
    : LOG_LEVEL_NAMES[0];
  if (missing === undefined) return value as Logger;
  throw badOption(name, `must be a logger in the shape of pino's: its ${missing} is no function`);
};

const threads: Check<EngineThreads | undefined> = (name, value) => {
  if (value === undefined || value instanceof EngineThreads) return value;
  throw wrong(name, 'threads made by EngineThreads', value);
};

const SEED_CHOKING: readonly SeedChoking[] = ['round-robin', 'fastest-upload'];

const ENGINE = {
  ...NETWORK,
  peerThreads: PEER_THREADS,
  verifyThreads: wholeNumber(2, 64),
  memoryBytes: wholeNumber(4 * MIB, 4096 * MIB, 48 * MIB),
  port: either(null, wholeNumber(0, MAX_PORT, 0)),
  host: optional(text('a name or an address')),
  maxConnections: wholeNumber(1, 8000, 200),
  maxConnectionsPerTorrent: wholeNumber(1, 8000),
  connectionsPerAddress: wholeNumber(1, 8000, 8),
  multiplePerAddress: flag(false),
  maxHalfOpen: wholeNumber(1, 1000, 32),
  dialsPerSec: wholeNumber(1, 1000, 50),
  uploadSlots: orElse('auto' as const, either('auto', wholeNumber(1, 1000, 1))),
  seedChoking: oneOf(SEED_CHOKING, 'round-robin'),
  ...ENGINE_LIMITS,
  timeouts: group({
    dialMs: wholeNumber(1, 600_000, 10_000),
    handshakeMs: wholeNumber(1, 600_000, 10_000),
    requestMs: wholeNumber(1, 600_000, 20_000),
    idleMs: wholeNumber(1, 3_600_000, 240_000),
  }),
  /** Checked by `beginTrace`. */
  trace: (_, value) => value as TraceOptions | undefined,
  logger,
  threads,
  signal,
} satisfies Checks<CoordinatorOptions>;

/**
 * Checks the options of an engine. Throws `bad-option`, which names the option and what is allowed.
 */
export function engineOptions(options: unknown): ReturnType<typeof checkOptions<typeof ENGINE>> {
  const checked = checkOptions('Coordinator.start', options, ENGINE);
  if (checked.bind === undefined || checked.host === undefined) return checked;
  throw badOption(
    'host',
    'is not allowed beside bind, which also decides where the engine listens',
  );
}

/** Adds the defaults that depend on this machine or on other options. */
export function engineSettings(
  options: ReturnType<typeof engineOptions>,
  version: string,
): Omit<EngineSettings, 'trace' | keyof NetworkSettings> {
  const { maxConnections, timeouts, port, host } = options;
  const { memoryBytes, peerThreads, maxHalfOpen, dialsPerSec } = options;
  const { uploadSlots, seedChoking } = options;
  const cores = availableParallelism();
  return {
    peerThreads,
    verifyThreads: options.verifyThreads ?? Math.min(8, Math.max(2, cores >> 1)),
    memoryBytes,
    port: port ?? undefined,
    host,
    maxConnections,
    maxConnectionsPerTorrent: options.maxConnectionsPerTorrent ?? Math.min(100, maxConnections),
    connectionsPerAddress: options.connectionsPerAddress,
    multiplePerAddress: options.multiplePerAddress,
    maxHalfOpen,
    dialsPerSec,
    uploadSlots,
    seedChoking,
    downLimitBytesPerSec: options.downLimitBytesPerSec,
    upLimitBytesPerSec: options.upLimitBytesPerSec,
    peerDownLimitBytesPerSec: options.peerDownLimitBytesPerSec,
    peerUpLimitBytesPerSec: options.peerUpLimitBytesPerSec,
    limitSchedule: options.limitSchedule && periodsOf(options.limitSchedule),
    limits: {
      maxConnections: maxConnections + BEING_JUDGED,
      maxHandshakes: MAX_HANDSHAKES,
      dialTimeoutMs: timeouts.dialMs,
      handshakeTimeoutMs: timeouts.handshakeMs,
      requestTimeoutMs: timeouts.requestMs,
      idleTimeoutMs: timeouts.idleMs,
      keepAliveMs: 110_000,
      // The value that libtorrent announces: at most 2,000 × 16 KiB = 32 MiB in flight to one peer.
      requestQueue: 2000,
      uploadBufferBytes: 16 * MIB,
    },
    logLevel: options.logger === undefined ? 'silent' : levelOf(options.logger),
    version,
  };
}

/** The log level of a logger. Custom levels of the embedder count as `info`. */
function levelOf({ level }: Logger): EngineSettings['logLevel'] {
  if (level === 'silent') return level;
  return LOG_LEVEL_NAMES.find((known) => known === level) ?? 'info';
}

/** The path of a module, and options that can be sent to other threads. */
const storage: Check<AddOptions['storage']> = (name, value) => {
  if (value === undefined) return undefined;
  const given = group({
    module: text('the path of a module'),
    options: (_, inner: unknown) => inner,
  })(name, value);
  try {
    return { module: given.module, options: structuredClone(given.options) };
  } catch (error) {
    throw badOption(
      `${name}.options`,
      `must be data that can cross to another thread: ${recordOf(error).message}`,
    );
  }
};

/** Longer than any DNS name (253). */
const MAX_HOST_LENGTH = 255;

/** Parses `host:port`, `[v6]:port` or an object; throws `bad-peer-address`. */
export function peerAddress(peer: unknown): PeerAddress {
  return checkValue('peer', () => peer, peerOf);
}

const peerOf: Check<PeerAddress> = (_, peer) => {
  const parsed = typeof peer === 'string' ? parseHostPort(peer.trim()) : peer;
  const fields: { host?: unknown; port?: unknown } = isObject(parsed) ? parsed : {};
  const { host, port } = fields;
  if (
    typeof host !== 'string' ||
    !/^[^\s\0]+$/.test(host) ||
    host.length > MAX_HOST_LENGTH ||
    typeof port !== 'number' ||
    !Number.isInteger(port) ||
    !isReachablePort(port)
  ) {
    const given = host === undefined ? shown(peer) : shown(`${nameOf(host)}:${nameOf(port)}`);
    throw new MillraceError(
      'bad-peer-address',
      `${given} is not a peer address: write HOST:PORT or [IPV6]:PORT with a port from 1 to 65535`,
    );
  }
  return { host, port };
};

/** Peers given by the embedder, as addresses. */
export const PEERS = orElse([], list('peers', peerOf));

const ANNOUNCE_TO_ALL: readonly AnnounceToAll[] = ['none', 'tiers', 'trackers'];

const ADD = {
  output: optional(text('the path of a folder')),
  peers: PEERS,
  download: flag(true),
  seed: flag(true),
  superSeed: flag(false),
  force: flag(false),
  adopt: flag(false),
  followLinks: flag(false),
  recheck: flag(false),
  maxMetadataBytes: wholeNumber(16 * KIB, MAX_METAINFO_BYTES, 32 * MIB),
  announceToAll: oneOf(ANNOUNCE_TO_ALL, 'none'),
  ...RATE_LIMITS,
  storage,
  signal,
} satisfies Checks<AddOptions>;

/** Checks the options of `add` and adds the defaults. Throws `bad-option`, `bad-peer-address`. */
export function addOptions(options: unknown): ReturnType<typeof checkOptions<typeof ADD>> {
  return checkOptions('add', options, ADD);
}

const PROGRESS = { intervalMs: wholeNumber(0, 86_400_000, 250), signal };
const REMOVE = { forget: flag(false) };

/** Options of `Torrent.progress`. */
export function progressOptions(
  options: unknown,
): ReturnType<typeof checkOptions<typeof PROGRESS>> {
  return checkOptions('progress', options, PROGRESS);
}

/** Options of `Torrent.remove`. */
export function removeOptions(options: unknown): ReturnType<typeof checkOptions<typeof REMOVE>> {
  return checkOptions('remove', options, REMOVE);
}

function nameOf(field: unknown): string {
  return typeof field === 'string' ? field : shown(field);
}
