// EDGE. One GET over http or https, made for servers that may be hostile: everything is bounded,
// and when the promise settles the socket is gone. Trackers and .torrent downloads share it.
// Not `fetch`: it refuses some ports and cannot choose the address family.

import * as http from 'node:http';
import * as https from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { unbracketed } from '../address/text';
import { MillraceError } from '../errors/millrace-error';
import { scopeOfText } from '../address/scope';
import { withDeadline } from './deadline';
import { resolveHost } from './resolve';
import type { Family, Resolve } from './resolve';
import { proxyFor } from './proxy';
import type { ProxySettings } from './proxy';
import { absoluteForm, openTunnel } from './tunnel';
import type { OverhearHttp } from './overhear';
import { whyNotReach } from './reach';
import type { Hop, ReachRule } from './reach';
import { connectionError, describe, forbidden, requestError } from './request-error';
import type { Subject } from './request-error';
import { printable } from '../text/printable';

export interface HttpGetOptions {
  readonly subject: Subject;
  readonly userAgent: string;
  /** For everything: name look-up, redirects, the last byte of the body. */
  readonly timeoutMs: number;
  /** Cap for the body, before and after decompression. */
  readonly maxBodyBytes: number;
  readonly maxRedirects: number;
  /** 4 or 6 to use only that family; both where absent. */
  readonly family?: Family;
  readonly proxy: ProxySettings;
  /** Which addresses the URL and its redirects may lead to. Behind a proxy only those written in URLs are known. */
  readonly reach: ReachRule;
  /** Keeps connections for the next request; absent: one connection for each request. */
  readonly agents?: HttpAgents;
  /** Name look-up. Default: the system's. */
  readonly resolve?: Resolve;
  /** Told what goes over the wire. Default: nobody. */
  readonly overhear?: OverhearHttp;
  readonly signal?: AbortSignal;
}

export interface HttpAgents {
  readonly http: http.Agent;
  readonly https: https.Agent;
}

export interface HttpReply {
  readonly status: number;
  readonly body: Uint8Array;
  /** Both ends of the connection the answer came over; absent through a proxy. */
  readonly remoteIp?: string;
  readonly localIp?: string;
  /** What the server's clock said (its `Date` header), in milliseconds since 1970. */
  readonly dateMs?: number;
  /** The `Content-Type` header, as it came. */
  readonly contentType?: string;
  /** The URL that gave this answer, after redirects. */
  readonly finalUrl: string;
}

/**
 * GETs `url`, follows redirects, decompresses. Resolves with any status but a redirect; rejects
 * with `<subject>-unreachable`, `-timeout`, `-bad-reply`, `-unsupported`, `-forbidden`, or `aborted`.
 */
export async function httpGet(url: string, options: HttpGetOptions): Promise<HttpReply> {
  const { subject, signal, timeoutMs } = options;
  return withDeadline({ subject, url, timeoutMs, signal }, (stop) =>
    followRedirects(url, options, stop),
  );
}

async function followRedirects(
  first: string,
  options: HttpGetOptions,
  stop: AbortSignal,
): Promise<HttpReply> {
  const { subject, maxRedirects } = options;
  const visited = new Set<string>();
  let url = parseUrl(first, options);
  let redirectedFrom: Hop['redirectedFrom'];
  for (;;) {
    if (visited.has(url.href)) {
      throw requestError(subject, 'bad-reply', first, 'redirects in a circle');
    }
    if (visited.size > maxRedirects) {
      throw requestError(subject, 'bad-reply', first, `redirects more than ${maxRedirects} times`);
    }
    visited.add(url.href);
    const judge = judgeOf(url, redirectedFrom, options);
    const host = unbracketed(url.hostname);
    const refused = isIP(host) === 0 ? undefined : judge(host);
    if (refused !== undefined) throw refused;
    const raw = await requestOnce(url, options, stop, judge);
    if (raw.location === undefined) {
      const body = await decompress(raw, url, options);
      if (body !== raw.body) options.overhear?.({ type: 'http-body', body });
      if (stop.aborted) throw stop.reason;
      const { status, remoteIp, localIp, dateMs, contentType } = raw;
      return { status, body, remoteIp, localIp, dateMs, contentType, finalUrl: url.href };
    }
    if (!URL.canParse(raw.location, url.href)) {
      throw requestError(subject, 'bad-reply', url, 'redirects to something that is not a URL');
    }
    url = parseUrl(new URL(raw.location, url).href, options);
    redirectedFrom = scopeOfText(raw.remoteIp ?? '') ?? 'unknown';
  }
}

/** Why an address that the URL leads to must not be asked; undefined where it may. */
type Judge = (address: string) => MillraceError | undefined;

function judgeOf(
  url: URL,
  redirectedFrom: Hop['redirectedFrom'],
  { subject, reach }: HttpGetOptions,
): Judge {
  const hop: Hop = { path: url.pathname, redirectedFrom };
  return (address) => {
    const why = whyNotReach(address, hop, reach);
    return why === undefined ? undefined : forbidden(subject, url, address, why);
  };
}

function parseUrl(text: string, { subject, family }: HttpGetOptions): URL {
  if (!URL.canParse(text)) throw requestError(subject, 'unsupported', text, 'is not a URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw requestError(subject, 'unsupported', url, 'has a scheme other than http and https');
  }
  url.hash = '';
  const literal = isIP(unbracketed(url.hostname));
  if (family !== undefined && literal !== 0 && literal !== family) {
    throw requestError(subject, 'unreachable', url, `has no IPv${family} address`);
  }
  return url;
}

interface RawReply {
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

/** A kept connection may have been closed by the server a moment ago: then once more on a new one. */
class StaleConnection extends Error {}

async function requestOnce(
  url: URL,
  options: HttpGetOptions,
  stop: AbortSignal,
  judge: Judge,
): Promise<RawReply> {
  const { subject } = options;
  const proxy = proxyFor(url, options.proxy);
  if (proxy === 'unsupported') {
    throw requestError(subject, 'unsupported', url, 'has a proxy that is not an http:// one');
  }
  if (proxy !== undefined && url.protocol === 'https:') {
    const socket = await openTunnel(url, proxy, { subject, stop });
    return exchange(url, options, stop, { socket });
  }
  // The proxy looks names up, not we: there are no addresses to judge.
  const route: Route = proxy === undefined ? { judge } : { proxy };
  if (options.agents === undefined) return exchange(url, options, stop, route);
  try {
    return await exchange(url, options, stop, { ...route, agents: options.agents });
  } catch (error) {
    if (error instanceof StaleConnection) return exchange(url, options, stop, route);
    throw error;
  }
}

interface Route {
  /** Asked in absolute form. */
  readonly proxy?: URL;
  /** A tunnel that leads to the host. */
  readonly socket?: Socket;
  readonly agents?: HttpAgents;
  /** Asked of every address before it is connected to. */
  readonly judge?: Judge;
}

function exchange(
  url: URL,
  options: HttpGetOptions,
  stop: AbortSignal,
  { proxy, socket, agents, judge }: Route,
): Promise<RawReply> {
  const { subject, maxBodyBytes, overhear } = options;
  return new Promise((resolve, reject) => {
    if (stop.aborted) return reject(stop.reason as Error);
    const secure = url.protocol === 'https:';
    let request: http.ClientRequest;
    const onStop = (): void => fail(stop.reason as Error);
    const leave = (): void => {
      stop.removeEventListener('abort', onStop);
      // Closes the socket too: nothing of this request keeps the process alive.
      request.destroy();
    };
    // Settling twice is harmless: the first word counts, and errors of a destroyed socket land here.
    const fail = (error: Error): void => {
      reject(error);
      leave();
    };
    try {
      const route = proxy === undefined ? {} : absoluteForm(url, proxy);
      const settings: https.RequestOptions = {
        ...route,
        // A tunnel is used by leaving the agent out (Node's rule for `createConnection`).
        ...(socket === undefined
          ? { agent: (secure ? agents?.https : agents?.http) ?? false }
          : {}),
        ...(socket === undefined ? {} : { createConnection: () => tlsOver(socket, url) }),
        family: proxy === undefined ? options.family : undefined,
        lookup: lookupBy(options.resolve ?? resolveHost, stop, judge),
        maxHeaderSize: 16 * 1024,
        // Scripts end lines with LF alone, or say more than `Content-Length`; other clients read that.
        // Not behind a proxy: there one connection brings the answers of many trackers.
        insecureHTTPParser: proxy === undefined,
        headers: {
          ...route.headers,
          'User-Agent': options.userAgent,
          Accept: '*/*',
          'Accept-Encoding': 'gzip, deflate',
          Connection: agents === undefined ? 'close' : 'keep-alive',
        },
      };
      if (proxy !== undefined) request = http.request(settings);
      else request = (secure ? https : http).request(url, settings);
    } catch (error) {
      socket?.destroy();
      // A malformed escape in the credentials, or a byte that no request line may hold.
      return reject(requestError(subject, 'unsupported', url, `is not usable: ${describe(error)}`));
    }
    stop.addEventListener('abort', onStop, { once: true });
    // A kept connection was judged for another request: another path may be forbidden there.
    request.on('socket', ({ connecting, remoteAddress }) => {
      const refused =
        connecting || remoteAddress === undefined ? undefined : judge?.(remoteAddress);
      if (refused !== undefined) fail(refused);
    });
    // Once there is a response, its own `end` or `error` tells how it went; the request's `close`
    // may come before them, and an error that is about bytes behind it.
    let answer: http.IncomingMessage | undefined;
    request.on('error', (error: Error & { rawPacket?: unknown }) => {
      if (answer?.complete === true) return;
      const { rawPacket } = error; // Node's HTTP parser keeps what it could not read.
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
      const status = response.statusCode ?? 0;
      const encoding = (response.headers['content-encoding'] ?? '').trim().toLowerCase();
      if (REDIRECTS.includes(status)) {
        const { location } = response.headers;
        if (location === undefined) {
          return fail(requestError(subject, 'bad-reply', url, 'redirects without saying where to'));
        }
        overhear?.({
          type: 'http-answer',
          ...answerHead(response),
          body: Buffer.alloc(0),
          ...ends,
        });
        resolve({ status, location, encoding, body: Buffer.alloc(0), ...ends });
        return leave();
      }
      const tooLong = (): void =>
        fail(requestError(subject, 'bad-reply', url, `sends more than ${maxBodyBytes} bytes`));
      if (Number(response.headers['content-length'] ?? 0) > maxBodyBytes) return tooLong();
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
        const sentMs = Date.parse(response.headers.date ?? '');
        const dateMs = Number.isNaN(sentMs) ? undefined : sentMs;
        overhear?.({ type: 'http-answer', ...answerHead(response), body, ...ends });
        const contentType = response.headers['content-type'];
        resolve({ status, encoding, body, ...ends, dateMs, contentType });
        if (agents === undefined) leave();
        else stop.removeEventListener('abort', onStop);
      });
    });
    request.end();
    overhear?.({ type: 'http-request', url: url.href, head: requestHead(request) });
  });
}

function requestHead(request: http.ClientRequest): string {
  const names = request.getRawHeaderNames();
  const lines = names.map((name) => `${name}: ${String(request.getHeader(name))}\r\n`);
  return `${request.method} ${request.path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function answerHead({
  httpVersion,
  statusCode = 0,
  statusMessage = '',
  rawHeaders,
}: http.IncomingMessage): {
  readonly status: number;
  readonly head: string;
} {
  let head = `HTTP/${httpVersion} ${statusCode} ${statusMessage}\r\n`;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  }
  return { status: statusCode, head: `${head}\r\n` };
}

/** A resolver in the form that sockets ask: what it gives is what they connect to, if `judge` lets it pass. */
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

/** The registered content encodings that change a body (RFC 9110, section 8.4.1, and later ones). */
const COMPRESSIONS = new Set(['gzip', 'x-gzip', 'deflate', 'compress', 'x-compress', 'br', 'zstd']);

const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const inflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflate);
const inflateRaw = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);

async function decompress(
  { encoding, body }: RawReply,
  url: URL,
  { subject, maxBodyBytes }: HttpGetOptions,
): Promise<Buffer> {
  // What names no compression ("none", "utf-8") is a slip of the server's: the body is as it is.
  if (!COMPRESSIONS.has(encoding) || body.length === 0) return body;
  // A few bytes can inflate to gigabytes: the output has the same cap as the body.
  const limits = { maxOutputLength: maxBodyBytes };
  try {
    if (encoding === 'gzip' || encoding === 'x-gzip') return await gunzip(body, limits);
    // "deflate" means zlib in the standard and raw deflate at many servers: method 8 tells a zlib header.
    if (encoding === 'deflate') {
      const zlibHeader = ((body[0] ?? 0) & 0x0f) === 8;
      return await (zlibHeader ? inflate : inflateRaw)(body, limits);
    }
  } catch (error) {
    const what =
      (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
        ? `sends more than ${maxBodyBytes} bytes, compressed`
        : `sends broken ${encoding} data: ${describe(error)}`;
    throw requestError(subject, 'bad-reply', url, what);
  }
  const shown = printable(encoding, 30);
  throw requestError(subject, 'bad-reply', url, `uses the content encoding "${shown}"`);
}
