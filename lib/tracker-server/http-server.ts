// EDGE. The HTTP server of our tracker: /announce, /scrape, /stats, /stats.json, and published
// torrents.

import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { parseAddress } from '../address/text';
import { ConnectionTable } from './connection-table';
import { listenFailed } from './listen-failed';
import {
  encodeAnswer,
  encodeFailure,
  encodeScrapeAnswer,
  parseAnnounceQuery,
  parseScrapeQuery,
} from './http-codec';
import type { ListeningServer } from './udp-server';
import { statsPage } from './stats-page';
import { NOT_LISTED } from './tracker';
import type { PublishedTorrents } from './published-torrents';
import type { Tracker, TrackerLimits } from './tracker';

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly tracker: Tracker;
  readonly now: () => number;
  readonly limits?: TrackerLimits;
  readonly published: PublishedTorrents;
  /** Serve the counters. */
  readonly page: boolean;
  /** Default 30,000. */
  readonly stallMs?: number;
}

/** Longest request header: an announce has about 400 bytes, a scrape of 50 torrents 3,600. */
const MAX_HEADER_BYTES = 8 * 1024;

/**
 * Most connections. With the header limit and timeouts, clients can make us hold 1,000 × 8 KiB = 8
 * MiB. When all places are taken, a newcomer replaces the connection that needs its place least.
 */
const MAX_CONNECTIONS = 1000;
const MAX_CONNECTIONS_PER_IP = 100;
const REQUEST_TIMEOUT_MS = 10_000;
const CHECK_EVERY_MS = 2_000;
/**
 * A request is normally sent as soon as the connection is open: one that is silent for longer makes
 * room first.
 */
const GRACE_MS = 1_000;
/** A client that has another request (a scrape, its next torrent) sends it soon. */
const KEEP_ALIVE_MS = 5_000;

/**
 * A client that does not read its reply for this long is disconnected: a torrent is longer than the
 * system's buffers, and so are the replies to many pipelined announces.
 */
const STALL_MS = 30_000;

/** `retry in` of the reply to a client above its rate limit, in minutes (BEP 31). */
const TOO_FAST_RETRY_MIN = 1;

/** The headers that announce a body. */
const CONTENT_LENGTH = 'content-length';
const TRANSFER_ENCODING = 'transfer-encoding';

interface Answer {
  readonly status: number;
  readonly type: string;
  /**
   * Text is Latin-1, one character per byte: Node joins it with the header, which it does not do
   * with bytes.
   */
  readonly body: Uint8Array | string;
  /** End the connection after this reply. */
  readonly last?: boolean;
}

export async function startHttpServer(options: HttpServerOptions): Promise<ListeningServer> {
  const { host, port, now, limits = {} } = options;
  const table = new ConnectionTable<Socket>({
    max: limits.maxConnections ?? MAX_CONNECTIONS,
    maxPerIp: limits.maxConnectionsPerIp ?? MAX_CONNECTIONS_PER_IP,
    patienceMs: REQUEST_TIMEOUT_MS,
    graceMs: GRACE_MS,
  });
  /** Connections whose last reply was sent: further requests on them are ignored. */
  const leaving = new WeakSet<Socket>();
  const server = http.createServer(
    {
      // Lines that end with LF alone, and HTTP/1.1 without Host, are accepted, as by other
      // trackers. The lenient parser is open to request smuggling, which needs a body: so a request
      // with a body ends its connection.
      insecureHTTPParser: true,
      requireHostHeader: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // A reply is one write, which nothing delays, so the system call would be useless.
      noDelay: false,
      // With this interval a silent client is disconnected after at most 12 s.
      connectionsCheckingInterval: CHECK_EVERY_MS,
    },
    (request, response) => {
      const { socket } = request;
      if (leaving.has(socket)) return;
      table.asked(socket, now());
      response.on('finish', () => table.answered(socket, now()));
      const { status, type, body, last } = answer(request, options);
      // No `Date`: creating it costs more than the rest of the header, and no tracker client reads
      // it.
      response.sendDate = false;
      if (last === true) {
        response.shouldKeepAlive = false;
        leaving.add(socket);
      }
      response.writeHead(status, ['Content-Type', type, 'Content-Length', body.length]);
      response.end(body, 'latin1');
    },
  );
  // Applies to every connection: Node destroys it unless bytes were sent meanwhile.
  server.timeout = options.stallMs ?? STALL_MS;
  server.on('connection', (socket: Socket) => {
    const admission = table.admit(socket, socket.remoteAddress ?? '', now());
    if (!admission.admitted) return void socket.destroy();
    admission.evicted?.destroy();
    socket.once('close', () => table.ended(socket));
  });
  const address = await listen(server, port, host);
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(request: http.IncomingMessage, options: HttpServerOptions): Answer {
  const { page } = options;
  const target = originForm(request.url ?? '');
  const queryAt = target.indexOf('?');
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const query = queryAt < 0 ? '' : target.slice(queryAt + 1);
  if (request.method !== 'GET') return { ...text(405, 'only GET\n'), last: true };
  if (hasBody(request)) return { ...text(400, 'a request has no body\n'), last: true };
  // Never the address in the query, which could be that of a victim (BEP 7).
  const asker = parseAddress(request.socket.remoteAddress ?? '');
  if (asker === undefined) return failure('your address is unknown');
  switch (path) {
    case '/announce':
      return announce(query, asker, options);
    case '/scrape':
      return scrape(query, asker, options);
    case '/stats':
      if (page) return statistics(asker, options, 'text/html');
      break;
    case '/stats.json':
      if (page) return statistics(asker, options, 'application/json');
      break;
  }
  return publishedTorrent(path, asker, options) ?? text(404, 'announce at /announce\n');
}

/** A request target without the scheme and host that clients send to proxies (RFC 9112, 3.2.2). */
function originForm(target: string): string {
  const match = target.startsWith('/') ? null : /^https?:\/\/[^/?#]*/i.exec(target);
  return match === null ? target : target.slice(match[0].length);
}

/**
 * Whether the request has a body. Hand-written, because `headers` would parse every line of each
 * announce.
 */
function hasBody({ rawHeaders }: http.IncomingMessage): boolean {
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (name.length !== CONTENT_LENGTH.length && name.length !== TRANSFER_ENCODING.length) continue;
    const lower = name.toLowerCase();
    if (lower === TRANSFER_ENCODING) return true;
    if (lower === CONTENT_LENGTH && !/^\s*0*\s*$/.test(rawHeaders[at + 1] ?? '')) return true;
  }
  return false;
}

function announce(query: string, asker: Uint8Array, { tracker, now }: HttpServerOptions): Answer {
  const parsed = parseAnnounceQuery(query);
  if (typeof parsed === 'string') {
    tracker.malformed();
    return failure(parsed);
  }
  const result = tracker.announce(
    'http',
    {
      infoHash: parsed.infoHash,
      peerId: parsed.peerId,
      address: asker,
      port: parsed.port,
      leftBytes: parsed.leftBytes,
      event: parsed.event,
      partialSeed: parsed.partialSeed,
      numWant: parsed.numWant,
      withIds: !parsed.compact && !parsed.noPeerId,
    },
    now(),
  );
  if (result === 'too-fast') return tooFast();
  if (result === 'not-listed') return failure(NOT_LISTED);
  return plain(encodeAnswer(result, parsed, tracker, asker));
}

function scrape(query: string, asker: Uint8Array, { tracker, now }: HttpServerOptions): Answer {
  const hashes = parseScrapeQuery(query);
  if (typeof hashes === 'string') {
    tracker.malformed();
    return failure(hashes);
  }
  const counts = tracker.scrape('http', hashes, asker, now());
  return counts === 'too-fast' ? tooFast() : plain(encodeScrapeAnswer(hashes, counts));
}

function plain(body: Uint8Array): Answer {
  const { buffer, byteOffset, length } = body;
  return {
    status: 200,
    type: 'text/plain',
    body: Buffer.from(buffer, byteOffset, length).toString('latin1'),
  };
}

function failure(reason: string): Answer {
  return plain(encodeFailure(reason));
}

function tooFast(): Answer {
  const body = encodeFailure('your address asks too often', TOO_FAST_RETRY_MIN);
  return { ...plain(body), last: true };
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain', body };
}

function statistics(
  asker: Uint8Array,
  { tracker, now }: HttpServerOptions,
  type: 'text/html' | 'application/json',
): Answer {
  const nowMs = now();
  if (!tracker.mayAsk(asker, nowMs)) return tooFast();
  const stats = tracker.stats(nowMs);
  const body = type === 'text/html' ? statsPage(stats) : JSON.stringify(stats);
  return { status: 200, type: `${type}; charset=utf-8`, body };
}

function publishedTorrent(
  path: string,
  asker: Uint8Array,
  { published, tracker, now }: HttpServerOptions,
): Answer | undefined {
  const body = published.find(path);
  if (body === undefined) return undefined;
  if (!tracker.mayAsk(asker, now())) return tooFast();
  return { status: 200, type: 'application/x-bittorrent', body, last: true };
}

function listen(server: http.Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      reject(listenFailed('HTTP', host, port, error));
    };
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      // Later errors (no descriptor for a connection) concern one client, not the tracker.
      server.on('error', () => undefined);
      resolve(server.address() as AddressInfo);
    });
  });
}
