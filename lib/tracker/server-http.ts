// EDGE. The HTTP server of our tracker: /announce, /scrape, /stats, /stats.json, and published
// torrents.

import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { parseAddress } from './address';
import { ConnectionPlaces } from './connection-places';
import { listenFailed } from './listen-failed';
import {
  encodeAnswer,
  encodeFailure,
  encodeScrapeAnswer,
  parseAnnounceQuery,
  parseScrapeQuery,
} from './server-codec';
import type { ListeningServer } from './server-udp';
import { statsPage } from './stats-page';
import { NOT_LISTED } from './tracker-desk';
import type { TorrentShelf } from './torrent-shelf';
import type { TrackerDesk, TrackerLimits } from './tracker-desk';

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly desk: TrackerDesk;
  readonly now: () => number;
  readonly limits?: TrackerLimits;
  readonly shelf: TorrentShelf;
  /** Serve the counters. */
  readonly page: boolean;
  /** Default 30,000. */
  readonly stallMs?: number;
}

/** An announce has about 400 bytes; a scrape of 50 torrents 3,600. */
const MAX_HEADER_BYTES = 8 * 1024;

/** With the header cap and time-outs, what strangers can make us hold: 1,000 × 8 KiB = 8 MiB. */
const MAX_CONNECTIONS = 1000;
const MAX_CONNECTIONS_PER_IP = 100;
const REQUEST_TIMEOUT_MS = 10_000;
const CHECK_EVERY_MS = 2_000;
/** A client that has something more to say (a scrape, its next torrent) says it soon. */
const KEEP_ALIVE_MS = 5_000;

/**
 * Who lets this pass without reading a byte of what waits for him is let go: a torrent is longer than
 * the system's buffers, and so are the answers to many announces in one go.
 */
const STALL_MS = 30_000;

/** Who asked too often is told to come back in a minute (BEP 31). */
const TOO_FAST_RETRY_MIN = 1;

interface Answer {
  readonly status: number;
  readonly type: string;
  /** Text is Latin-1, a character a byte: Node joins it with the header, which bytes it does not. */
  readonly body: Uint8Array | string;
  /** End the connection after it. */
  readonly last?: boolean;
}

export async function startHttpServer(options: HttpServerOptions): Promise<ListeningServer> {
  const { host, port, limits = {} } = options;
  const server = http.createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // An answer is one write, which nothing holds back: the system call would be for nothing.
      noDelay: false,
      // Looked for so often, who says nothing is let go after 12 s at most.
      connectionsCheckingInterval: CHECK_EVERY_MS,
    },
    (request, response) => {
      const { status, type, body, last } = answer(request, options);
      // No `Date`: making it costs more than the rest of the header, and no tracker client reads it.
      response.sendDate = false;
      if (last === true) response.shouldKeepAlive = false;
      response.writeHead(status, ['Content-Type', type, 'Content-Length', body.length]);
      response.end(body, 'latin1'); // It also drops what a request may have for a body.
    },
  );
  // Of any connection: Node destroys it, and asks whether bytes still went out before it does.
  server.timeout = options.stallMs ?? STALL_MS;
  server.maxConnections = limits.maxConnections ?? MAX_CONNECTIONS;
  limitPerIp(server, limits.maxConnectionsPerIp ?? MAX_CONNECTIONS_PER_IP);
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
  const target = request.url ?? '';
  const queryAt = target.indexOf('?');
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const query = queryAt < 0 ? '' : target.slice(queryAt + 1);
  if (request.method !== 'GET') return { ...text(405, 'only GET\n'), last: true };
  // Never what the query says: it could name a victim (BEP 7).
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

function announce(query: string, asker: Uint8Array, { desk, now }: HttpServerOptions): Answer {
  const parsed = parseAnnounceQuery(query);
  if (typeof parsed === 'string') {
    desk.malformed();
    return failure(parsed);
  }
  const result = desk.announce(
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
  return plain(encodeAnswer(result, parsed, desk, asker));
}

function scrape(query: string, asker: Uint8Array, { desk, now }: HttpServerOptions): Answer {
  const hashes = parseScrapeQuery(query);
  if (typeof hashes === 'string') {
    desk.malformed();
    return failure(hashes);
  }
  const counts = desk.scrape('http', hashes, asker, now());
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
  { desk, now }: HttpServerOptions,
  type: 'text/html' | 'application/json',
): Answer {
  const nowMs = now();
  if (!desk.mayAsk(asker, nowMs)) return tooFast();
  const stats = desk.stats(nowMs);
  const body = type === 'text/html' ? statsPage(stats) : JSON.stringify(stats);
  return { status: 200, type: `${type}; charset=utf-8`, body };
}

function publishedTorrent(
  path: string,
  asker: Uint8Array,
  { shelf, desk, now }: HttpServerOptions,
): Answer | undefined {
  const body = shelf.find(path);
  if (body === undefined) return undefined;
  if (!desk.mayAsk(asker, now())) return tooFast();
  return { status: 200, type: 'application/x-bittorrent', body, last: true };
}

function limitPerIp(server: http.Server, max: number): void {
  const places = new ConnectionPlaces(max);
  server.on('connection', (socket: Socket) => {
    const ip = socket.remoteAddress ?? '';
    if (!places.take(ip)) return void socket.destroy();
    socket.once('close', () => places.giveBack(ip));
  });
}

function listen(server: http.Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      reject(listenFailed('HTTP', host, port, error));
    };
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      // Later errors (no file handle left for a connection) concern one client, not the tracker.
      server.on('error', () => undefined);
      resolve(server.address() as AddressInfo);
    });
  });
}
