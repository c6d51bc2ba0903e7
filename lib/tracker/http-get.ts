// EDGE. One GET over http or https, made for servers that may be hostile: everything is bounded,
// and when the promise settles the socket is gone. Trackers and .torrent downloads share it.
// Not `fetch`: it refuses some ports and cannot choose the address family.

import * as http from 'node:http';
import * as https from 'node:https';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { MillraceError } from '../errors/millrace-error';
import { redactUrl } from './redact';
import { printable } from './text';

export interface HttpGetOptions {
  /** First word of every error code and message: `tracker-timeout`, `torrent-timeout` … */
  readonly subject: 'tracker' | 'torrent';
  readonly userAgent: string;
  /** For everything: name look-up, redirects, the last byte of the body. */
  readonly timeoutMs: number;
  /** Cap for the body, before and after decompression. */
  readonly maxBodyBytes: number;
  readonly maxRedirects: number;
  /** 4 or 6 to use only that family; both where absent. */
  readonly family?: 4 | 6;
  readonly signal?: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly body: Uint8Array;
}

type Failure = 'unreachable' | 'timeout' | 'bad-reply' | 'http-status' | 'unsupported';

/** An error of this subject: `tracker` and `timeout` make the code `tracker-timeout`. */
export function httpError(
  subject: HttpGetOptions['subject'],
  failure: Failure,
  url: string | URL,
  what: string,
  details: Readonly<Record<string, string | number>> = {},
): MillraceError {
  // Without the query: an announce's is ten fields that only get in the reader's way.
  const [address = ''] = String(url).split('?', 1);
  const shown = redactUrl(address);
  return new MillraceError(`${subject}-${failure}`, `${subject} ${shown} ${what}`, {
    url: shown,
    ...details,
  });
}

/**
 * GETs `url`, follows redirects, decompresses. Resolves with any status but a redirect; rejects
 * with `<subject>-unreachable`, `-timeout`, `-bad-reply`, `-unsupported`, or `aborted`.
 */
export async function httpGet(url: string, options: HttpGetOptions): Promise<HttpReply> {
  const { subject, signal, timeoutMs } = options;
  // One inner signal stops the work, and its reason is the error to reject with.
  const stop = new AbortController();
  const timedOut = (): void =>
    stop.abort(httpError(subject, 'timeout', url, `did not answer in full within ${timeoutMs} ms`));
  const aborted = (): void => {
    if (signal?.reason instanceof Error && signal.reason.name === 'TimeoutError') return timedOut();
    stop.abort(new MillraceError('aborted', `the request to a ${subject} was aborted`));
  };
  if (signal?.aborted === true) aborted();
  signal?.addEventListener('abort', aborted, { once: true });
  const timer = setTimeout(timedOut, timeoutMs);
  try {
    return await followRedirects(url, options, stop.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
  }
}

async function followRedirects(
  first: string,
  options: HttpGetOptions,
  stop: AbortSignal,
): Promise<HttpReply> {
  const { subject, maxRedirects } = options;
  const visited = new Set<string>();
  let url = parseUrl(first, options);
  for (;;) {
    if (visited.has(url.href)) {
      throw httpError(subject, 'bad-reply', first, 'redirects in a circle');
    }
    if (visited.size > maxRedirects) {
      throw httpError(subject, 'bad-reply', first, `redirects more than ${maxRedirects} times`);
    }
    visited.add(url.href);
    const raw = await requestOnce(url, options, stop);
    if (raw.location === undefined) {
      const body = await decompress(raw, url, options);
      if (stop.aborted) throw stop.reason;
      return { status: raw.status, body };
    }
    if (!URL.canParse(raw.location, url.href)) {
      throw httpError(subject, 'bad-reply', url, 'redirects to something that is not a URL');
    }
    url = parseUrl(new URL(raw.location, url).href, options);
  }
}

function parseUrl(text: string, { subject, family }: HttpGetOptions): URL {
  if (!URL.canParse(text)) throw httpError(subject, 'unsupported', text, 'is not a URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw httpError(subject, 'unsupported', url, 'has a scheme other than http and https');
  }
  url.hash = '';
  const literal = isIP(url.hostname.replace(/^\[|\]$/g, ''));
  if (family !== undefined && literal !== 0 && literal !== family) {
    throw httpError(subject, 'unreachable', url, `has no IPv${family} address`);
  }
  return url;
}

interface RawReply {
  readonly status: number;
  /** Set if and only if the status is a redirect. */
  readonly location?: string;
  readonly encoding: string;
  readonly body: Buffer;
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

function requestOnce(url: URL, options: HttpGetOptions, stop: AbortSignal): Promise<RawReply> {
  const { subject, maxBodyBytes } = options;
  return new Promise((resolve, reject) => {
    if (stop.aborted) return reject(stop.reason as Error);
    const send = url.protocol === 'https:' ? https.request : http.request;
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
      request = send(url, {
        agent: false, // no keep-alive: announces are half an hour apart
        family: options.family,
        maxHeaderSize: 16 * 1024,
        headers: {
          'User-Agent': options.userAgent,
          Accept: '*/*',
          'Accept-Encoding': 'gzip, deflate',
          Connection: 'close',
        },
      });
    } catch (error) {
      // A malformed escape in the credentials, or a byte that no request line may hold.
      return reject(httpError(subject, 'unsupported', url, `is not usable: ${describe(error)}`));
    }
    stop.addEventListener('abort', onStop, { once: true });
    request.on('error', (error) => fail(connectionError(subject, url, error)));
    // Once there is a response, its own `end` or `error` tells how it went; the request's `close`
    // may come before them.
    let answered = false;
    request.on('close', () => {
      if (answered) return;
      fail(httpError(subject, 'unreachable', url, 'closed the connection without an answer'));
    });
    request.on('response', (response) => {
      answered = true;
      const status = response.statusCode ?? 0;
      const encoding = (response.headers['content-encoding'] ?? '').trim().toLowerCase();
      if (REDIRECTS.includes(status)) {
        const { location } = response.headers;
        if (location === undefined) {
          return fail(httpError(subject, 'bad-reply', url, 'redirects without saying where to'));
        }
        resolve({ status, location, encoding, body: Buffer.alloc(0) });
        return leave();
      }
      const tooLong = (): void =>
        fail(httpError(subject, 'bad-reply', url, `sends more than ${maxBodyBytes} bytes`));
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
        resolve({ status, encoding, body: Buffer.concat(chunks, received) });
        leave();
      });
    });
    request.end();
  });
}

const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const inflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflate);
const inflateRaw = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);

async function decompress(
  { encoding, body }: RawReply,
  url: URL,
  { subject, maxBodyBytes }: HttpGetOptions,
): Promise<Buffer> {
  if (encoding === '' || encoding === 'identity' || body.length === 0) return body;
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
    throw httpError(subject, 'bad-reply', url, what);
  }
  const shown = printable(encoding, 30);
  throw httpError(subject, 'bad-reply', url, `uses the content encoding "${shown}"`);
}

/** Plain words for the common cases, where Node's message is a code or (with two addresses) empty. */
const PLAIN_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ECONNRESET: 'broke the connection',
  EPIPE: 'broke the connection',
  ENOTFOUND: 'has a host name that does not exist',
  EAI_AGAIN: 'has a host name that cannot be looked up now',
  EHOSTUNREACH: 'is at a host that cannot be reached',
  ENETUNREACH: 'is in a network that cannot be reached',
  ETIMEDOUT: 'did not take the connection',
};

function connectionError(
  subject: HttpGetOptions['subject'],
  url: URL,
  error: NodeJS.ErrnoException,
): MillraceError {
  const cause = error.code ?? 'unknown';
  // HPE_*: Node's HTTP parser met something that is not HTTP.
  if (cause.startsWith('HPE_')) {
    return httpError(subject, 'bad-reply', url, `does not speak HTTP: ${describe(error)}`, {
      cause,
    });
  }
  const what = PLAIN_WORDS[cause] ?? `cannot be reached: ${describe(error)}`;
  return httpError(subject, 'unreachable', url, what, { cause });
}

function describe(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error), 120);
}
