// EDGE. A small HTTP tracker: for the demo, for tests, for a swarm of one's own. One path,
// /announce; state in memory only.

import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { MillraceError } from '../errors/millrace-error';
import { parseAddress } from './address';
import { encodeAnswer, encodeFailure, parseAnnounceQuery } from './server-codec';
import { SwarmRegistry } from './swarm-registry';
import type { SwarmLimits } from './swarm-registry';

export interface TrackerServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** What peers are told to wait between announces. Default 1,800. */
  readonly intervalSec?: number;
  /** Milliseconds on any clock that only goes forward. Default: the process's. */
  readonly now?: () => number;
  /** Default `Math.random`. */
  readonly random?: () => number;
  readonly limits?: SwarmLimits;
}

export interface TrackerServer {
  /** The announce URL. */
  readonly url: string;
  readonly port: number;
  /** Stops at once, open connections included. May be called again. */
  close(): Promise<void>;
}

const DEFAULT_INTERVAL_SEC = 1800;

/** An announce has about 400 bytes; 60 encoded ones for each id would still fit. */
const MAX_HEADER_BYTES = 8 * 1024;

/** With the header cap and time-out, what strangers can make us hold: 1,000 × 8 KiB = 8 MiB. */
const MAX_CONNECTIONS = 1000;
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Starts the tracker; resolves once it listens. Rejects with `tracker-listen-failed` where the
 * address cannot be had.
 */
export async function startTracker(options: TrackerServerOptions = {}): Promise<TrackerServer> {
  const { host = '127.0.0.1', intervalSec = DEFAULT_INTERVAL_SEC } = options;
  const now = options.now ?? ((): number => performance.now());
  const registry = new SwarmRegistry({
    intervalSec,
    random: options.random ?? Math.random,
    limits: options.limits,
  });
  const server = http.createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
    },
    (request, response) => {
      const { status, body } = answer(request, registry, intervalSec, now());
      response.writeHead(status, {
        'Content-Type': 'text/plain',
        'Content-Length': body.length,
        Connection: 'close',
      });
      response.end(body);
      request.resume();
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  const { port } = await listen(server, options.port ?? 0, host);
  let closing: Promise<void> | undefined;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/announce`,
    port,
    close(): Promise<void> {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closing;
    },
  };
}

function answer(
  request: http.IncomingMessage,
  registry: SwarmRegistry,
  intervalSec: number,
  nowMs: number,
): { readonly status: number; readonly body: Uint8Array } {
  const [path, rawQuery = ''] = splitOnce(request.url ?? '', '?');
  if (path !== '/announce') return { status: 404, body: Buffer.from('announce at /announce\n') };
  if (request.method !== 'GET') return { status: 405, body: Buffer.from('only GET\n') };
  // Never what the query says: it could name a victim (BEP 7).
  const asker = parseAddress(request.socket.remoteAddress ?? '');
  if (asker === undefined) return { status: 200, body: encodeFailure('your address is unknown') };
  const query = parseAnnounceQuery(rawQuery);
  if (typeof query === 'string') return { status: 200, body: encodeFailure(query) };
  const result = registry.announce({ ...query, address: asker }, nowMs);
  if (result === 'full') return { status: 200, body: encodeFailure('this tracker is full') };
  return { status: 200, body: encodeAnswer(result, query, intervalSec, asker) };
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function listen(server: http.Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      reject(
        new MillraceError(
          'tracker-listen-failed',
          `the tracker cannot listen on ${host} port ${port}: ${error.message}`,
          { cause: error.code ?? 'unknown' },
        ),
      );
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
