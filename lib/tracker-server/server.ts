// EDGE. A small tracker over HTTP and UDP, for private clusters, the demo and tests. Its state is
// only in memory; tracker.ts makes the decisions.

import { randomBytes } from 'node:crypto';
import { MillraceError } from '../errors/millrace-error';
import { isWithoutIpv6 } from '../errors/system-error';
import { bracketed } from '../address/text';
import { fromHex, isSha1Hex } from '../bytes/hex';
import { SHA1_LENGTH_BYTES } from '../bytes/lengths';
import { startHttpServer } from './http-server';
import { startUdpServer } from './udp-server';
import { PublishedTorrents } from './published-torrents';
import { Tracker } from './tracker';
import type { TrackerLimits, TrackerServerStats } from './tracker';

export type { TrackerLimits, TrackerServerStats } from './tracker';

export interface TrackerServerOptions {
  /**
   * Address to listen on. Default 127.0.0.1; `::`: all addresses of both families, or of IPv4 if
   * there is no IPv6.
   */
  readonly host?: string;
  /** HTTP port, 0–65535. Default 0: any free port; `false`: no HTTP. */
  readonly port?: number | false;
  /** UDP port, 0–65535; 0: any free port. Default `false`: no UDP. */
  readonly udpPort?: number | false;
  /** Announce interval in seconds, 1–86,400. Default 1,800. */
  readonly intervalSec?: number;
  /** Info hashes to serve: 40 hexadecimal digits or 20 raw bytes each. Default: all. */
  readonly whitelist?: readonly (string | Uint8Array)[];
  /** See `TrackerLimits` and `SwarmLimits` for the defaults. */
  readonly limits?: TrackerLimits;
  /** Serve the counters at `/stats` (HTML) and `/stats.json`. Default true. */
  readonly statsPage?: boolean;
  /** Milliseconds of a monotonic clock. Default: the process's. */
  readonly now?: () => number;
  /** Random numbers in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

export interface TrackerServer {
  /** The announce URL: over HTTP, or over UDP if there is no HTTP. */
  readonly url: string;
  readonly udpUrl: string | undefined;
  /** HTTP port; 0 if there is no HTTP. */
  readonly port: number;
  readonly udpPort: number | undefined;
  stats(): TrackerServerStats;
  /** Adds this torrent to the whitelist, if there is one; 20 raw bytes or 40 hex digits. */
  allow(infoHash: string | Uint8Array): void;
  /**
   * Publishes a .torrent over HTTP at `/NAME`, from memory. `name` ends in `.torrent`; at most 100
   * torrents, 64 MiB together. Throws `bad-option`.
   */
  publish(name: string, torrent: Uint8Array): void;
  /** Stops at once, and ends open connections. May be called again. */
  close(): Promise<void>;
}

const DEFAULT_INTERVAL_SEC = 1800;
const SECRET_BYTES = 16;

/**
 * Starts the tracker; resolves when it listens. Rejects with `tracker-listen-failed` if an address
 * is not available, and with `bad-option` for invalid options.
 */
export async function startTracker(options: TrackerServerOptions = {}): Promise<TrackerServer> {
  const { host = '127.0.0.1' } = options;
  try {
    return await startAt(host, options);
  } catch (error) {
    const cause = error instanceof MillraceError ? error.details.cause : undefined;
    if (host !== '::' || !isWithoutIpv6(String(cause))) throw error;
    return startAt('0.0.0.0', options);
  }
}

async function startAt(host: string, options: TrackerServerOptions): Promise<TrackerServer> {
  const { port = 0, udpPort = false, limits, statsPage: page = true } = options;
  const { intervalSec = DEFAULT_INTERVAL_SEC } = options;
  if (port === false && udpPort === false) {
    throw new MillraceError('bad-option', 'a tracker needs a port for HTTP, for UDP, or both');
  }
  const now = options.now ?? ((): number => performance.now());
  const tracker = new Tracker({
    intervalSec,
    whitelist: options.whitelist?.map(hashOf),
    limits,
    random: options.random ?? Math.random,
    nowMs: now(),
  });
  const published = new PublishedTorrents();
  const http =
    port === false
      ? undefined
      : await startHttpServer({ host, port, tracker, published, now, limits, page });
  let udp;
  try {
    udp =
      udpPort === false
        ? undefined
        : await startUdpServer({
            host,
            port: udpPort,
            tracker,
            now,
            secret: randomBytes(SECRET_BYTES),
          });
  } catch (error) {
    await http?.close();
    throw error;
  }
  const authority = bracketed(host);
  const udpUrl = udp && `udp://${authority}:${udp.port}/announce`;
  let closing: Promise<void> | undefined;
  return {
    url: http === undefined ? (udpUrl ?? '') : `http://${authority}:${http.port}/announce`,
    udpUrl,
    port: http?.port ?? 0,
    udpPort: udp?.port,
    stats: () => tracker.stats(now()),
    allow: (infoHash) => tracker.allow(hashOf(infoHash)),
    publish: (name, torrent) => published.put(name, torrent),
    close(): Promise<void> {
      closing ??= Promise.all([http?.close(), udp?.close()]).then(() => undefined);
      return closing;
    },
  };
}

function hashOf(hash: string | Uint8Array): Uint8Array {
  const bytes = typeof hash === 'string' && isSha1Hex(hash) ? fromHex(hash) : hash;
  if (bytes instanceof Uint8Array && bytes.length === SHA1_LENGTH_BYTES) return bytes;
  throw new MillraceError(
    'bad-option',
    `an info hash on a tracker's list is 40 hexadecimal digits or ${SHA1_LENGTH_BYTES} bytes`,
  );
}
