// EDGE. One request and its reply over http or https. Everything is bounded. When the promise
// settles, the socket is closed, or waits in an agent for the next request.

import * as http from 'node:http';
import * as https from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { OwnAddressesNow } from '../address/binding';
import { unbracketed } from '../address/text';
import { MillraceError } from '../errors/millrace-error';
import type { OverhearHttp } from './overhear';
import { connectionError, describe, requestError } from './request-error';
import type { Subject } from './request-error';
import { resolveHost } from './resolve';
import type { Family, Resolve } from './resolve';
import { boundTo } from './source';
import { absoluteForm } from './tunnel';

export interface ExchangeOptions {
  readonly subject: Subject;
  readonly userAgent: string;
  /** Longest body, before and after decompression. */
  readonly maxBodyBytes: number;
  /** Use only this address family; absent: both. */
  readonly family?: Family;
  /** The own addresses that the socket is bound to. Default: the system chooses. */
  readonly own?: OwnAddressesNow | undefined;
  /** Name look-up. Default: the system's. */
  readonly resolve?: Resolve;
  /** Called with everything that is sent and received. Default: none. */
  readonly overhear?: OverhearHttp;
}

export interface HttpAgents {
  readonly http: http.Agent;
  readonly https: https.Agent;
}

/** Returns why an address must not be contacted; undefined if it may. */
export type Judge = (address: string) => MillraceError | undefined;

/** How the request reaches the host. */
export interface Route {
  /** The proxy that gets the request in absolute form. */
  readonly proxy?: URL;
  /** A tunnel to the host. */
  readonly socket?: Socket;
  readonly agents?: HttpAgents;
  /** Called with every address before it is connected to. */
  readonly judge?: Judge;
}

export interface RawReply {
  readonly status: number;
  /** Set if and only if the status is a redirect. */
  readonly location?: string;
  readonly encoding: string;
  readonly body: Buffer;
  readonly remoteIp?: string;
  readonly localIp?: string;
  readonly dateMs?: number;
  readonly contentType?: string;
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** Longest head of a reply: Node's default, independent of this process's flags. */
const MAX_HEAD_BYTES = 16 * 1024;

/**
 * The server may have just closed a kept connection: the request is then repeated once on a new
 * one.
 */
export class StaleConnection extends Error {}

/** GETs the URL. Rejects with `StaleConnection`, the reason of `stop`, or an error of the subject. */
export function exchange(
  url: URL,
  options: ExchangeOptions,
  stop: AbortSignal,
  route: Route,
): Promise<RawReply> {
  const { subject, overhear } = options;
  const { proxy, socket, agents, judge } = route;
  return new Promise((resolve, reject) => {
    if (stop.aborted) return reject(stop.reason as Error);
    let request: http.ClientRequest;
    try {
      request = requestOf(url, options, stop, route);
    } catch (error) {
      socket?.destroy();
      if (error instanceof MillraceError) return reject(error);
      // A malformed escape in the credentials, or a byte that is not allowed in a request line.
      return reject(requestError(subject, 'unsupported', url, `is not usable: ${describe(error)}`));
    }
    const onStop = (): void => fail(stop.reason as Error);
    const leave = (): void => {
      stop.removeEventListener('abort', onStop);
      // Also closes the socket: nothing of this request keeps the process alive.
      request.destroy();
    };
    // Settling twice is harmless: the first call counts, and errors of a destroyed socket are
    // ignored here.
    const fail = (error: Error): void => {
      reject(error);
      leave();
    };
    stop.addEventListener('abort', onStop, { once: true });
    // A kept connection was checked for another request: another path may be forbidden there.
    request.on('socket', ({ connecting, remoteAddress }) => {
      const refused =
        connecting || remoteAddress === undefined ? undefined : judge?.(remoteAddress);
      if (refused !== undefined) fail(refused);
    });
    // Once there is a response, its own `end` or `error` is decisive: the request's `close` may
    // come before, and its error may concern bytes after the response.
    let answer: http.IncomingMessage | undefined;
    request.on('error', (error: Error & { rawPacket?: unknown }) => {
      if (answer?.complete === true) return;
      const { rawPacket } = error; // The bytes that Node's HTTP parser could not parse.
      if (rawPacket instanceof Uint8Array) overhear?.({ type: 'not-http', bytes: rawPacket });
      if (error instanceof MillraceError) return fail(error);
      fail(request.reusedSocket ? new StaleConnection() : connectionError(subject, url, error));
    });
    request.on('close', () => {
      if (answer !== undefined) return;
      if (request.reusedSocket) return fail(new StaleConnection());
      fail(requestError(subject, 'unreachable', url, 'closed the connection without an answer'));
    });
    request.on('response', (response) => {
      answer = response;
      const { remoteAddress, localAddress } = response.socket;
      const ends = (proxy ?? socket) ? {} : { remoteIp: remoteAddress, localIp: localAddress };
      readAnswer(response, url, options, fail, (reply) => {
        const { status, body } = reply;
        overhear?.({ type: 'http-answer', status, head: headOf(response), body, ...ends });
        resolve({ ...reply, ...ends });
        // An unread body would keep its connection busy.
        if (agents === undefined || reply.location !== undefined) leave();
        else stop.removeEventListener('abort', onStop);
      });
    });
    request.end();
    overhear?.({ type: 'http-request', url: url.href, head: requestHead(request) });
  });
}

/** Builds the request. Throws if the URL cannot be requested. */
function requestOf(
  url: URL,
  { subject, family, own, resolve = resolveHost, userAgent }: ExchangeOptions,
  stop: AbortSignal,
  { proxy, socket, agents, judge }: Route,
): http.ClientRequest {
  const secure = url.protocol === 'https:';
  const form = proxy === undefined ? {} : absoluteForm(url, proxy);
  const settings: https.RequestOptions = {
    ...form,
    // For a tunnel, the agent is left out (Node's rule for `createConnection`).
    ...(socket === undefined
      ? { agent: (secure ? agents?.https : agents?.http) ?? false }
      : { createConnection: () => tlsOver(socket, url) }),
    ...(proxy === undefined
      ? { family, ...(socket === undefined && boundTo(subject, url, url, own, family)) }
      : boundTo(subject, url, proxy, own)),
    lookup: lookupBy(resolve, stop, judge),
    maxHeaderSize: MAX_HEAD_BYTES,
    // Some scripts end lines with LF alone, or send more than `Content-Length`; other clients
    // accept that. Not behind a proxy, where one connection may carry replies of many trackers.
    insecureHTTPParser: proxy === undefined,
    headers: {
      ...form.headers,
      'User-Agent': userAgent,
      Accept: '*/*',
      'Accept-Encoding': 'gzip, deflate',
      Connection: agents === undefined ? 'close' : 'keep-alive',
    },
  };
  if (proxy !== undefined) return http.request(settings);
  return (secure ? https : http).request(url, settings);
}

/** Reads a reply to the end of its body, except for a redirect, whose body is useless. */
function readAnswer(
  response: http.IncomingMessage,
  url: URL,
  { subject, maxBodyBytes }: ExchangeOptions,
  fail: (error: Error) => void,
  done: (reply: RawReply) => void,
): void {
  const { headers } = response;
  const status = response.statusCode ?? 0;
  const encoding = (headers['content-encoding'] ?? '').trim().toLowerCase();
  if (REDIRECTS.includes(status)) {
    const { location } = headers;
    if (location === undefined) {
      return fail(requestError(subject, 'bad-reply', url, 'redirects without saying where to'));
    }
    return done({ status, location, encoding, body: Buffer.alloc(0) });
  }
  const tooLong = (): void =>
    fail(requestError(subject, 'bad-reply', url, `sends more than ${maxBodyBytes} bytes`));
  if (Number(headers['content-length'] ?? 0) > maxBodyBytes) return tooLong();
  const chunks: Buffer[] = [];
  let received = 0;
  response.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received > maxBodyBytes) return tooLong();
    chunks.push(chunk);
  });
  response.on('error', (error) => fail(connectionError(subject, url, error)));
  response.on('end', () => {
    const body = Buffer.concat(chunks, received);
    const sentMs = Date.parse(headers.date ?? '');
    const dateMs = Number.isNaN(sentMs) ? undefined : sentMs;
    done({ status, encoding, body, dateMs, contentType: headers['content-type'] });
  });
}

function requestHead(request: http.ClientRequest): string {
  const names = request.getRawHeaderNames();
  const lines = names.map((name) => `${name}: ${String(request.getHeader(name))}\r\n`);
  return `${request.method} ${request.path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function headOf({
  httpVersion,
  statusCode = 0,
  statusMessage = '',
  rawHeaders,
}: http.IncomingMessage): string {
  let head = `HTTP/${httpVersion} ${statusCode} ${statusMessage}\r\n`;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  }
  return `${head}\r\n`;
}

/**
 * A resolver in the form that sockets use; the socket connects only to addresses that `judge`
 * accepts.
 */
function lookupBy(resolve: Resolve, stop: AbortSignal, judge?: Judge): LookupFunction {
  return (host, { family, all }, done) => {
    resolve(host, stop).then(
      (found) => {
        const wanted = found.filter((each) =>
          family !== 4 && family !== 6 ? true : each.family === family,
        );
        const refused = wanted.map(({ address }) => judge?.(address));
        const allowed = wanted.filter((_, index) => refused[index] === undefined);
        const [first] = allowed;
        if (first === undefined && refused[0] !== undefined) done(refused[0], '');
        else if (first === undefined) {
          const error: NodeJS.ErrnoException = new Error(`no address for ${host}`);
          error.code = 'ENOTFOUND';
          done(error, '');
        } else if (all === true) done(null, [...allowed]);
        else done(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => done(error, ''),
    );
  };
}

function tlsOver(socket: Socket, url: URL): Socket {
  const host = unbracketed(url.hostname);
  return connectTls({ socket, servername: isIP(host) === 0 ? host : undefined });
}
