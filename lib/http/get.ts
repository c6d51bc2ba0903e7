// EDGE. One GET over http or https for servers that may be hostile: which addresses it may contact,
// through which proxy, and how many redirects it follows. Used for trackers and .torrent downloads.
// Not `fetch`: it refuses some ports and cannot choose the address family.

import { isIP } from 'node:net';
import { scopeOfText } from '../address/scope';
import { unbracketed } from '../address/text';
import { decompress } from './content-encoding';
import { withDeadline } from './deadline';
import { StaleConnection, exchange } from './exchange';
import type { ExchangeOptions, HttpAgents, Judge, RawReply, Route } from './exchange';
import { proxyFor } from './proxy';
import type { ProxySettings } from './proxy';
import { whyNotReach } from './reach';
import type { Hop, ReachRule } from './reach';
import { forbidden, requestError } from './request-error';
import { boundTo } from './source';
import { openTunnel } from './tunnel';

export interface HttpGetOptions extends ExchangeOptions {
  /** Time limit of everything: name look-up, redirects, the last byte of the body. */
  readonly timeoutMs: number;
  readonly maxRedirects: number;
  readonly proxy: ProxySettings;
  /**
   * Which addresses the URL and its redirects may lead to. Behind a proxy only those written in
   * URLs are known.
   */
  readonly reach: ReachRule;
  /** Keeps connections for the next request; absent: a new connection for each request. */
  readonly agents?: HttpAgents;
  readonly signal?: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly body: Uint8Array;
  /** The two ends of the connection of the reply; absent through a proxy. */
  readonly remoteIp?: string;
  readonly localIp?: string;
  /** Time of the server's clock (its `Date` header), in milliseconds since 1970. */
  readonly dateMs?: number;
  /** The `Content-Type` header, unchanged. */
  readonly contentType?: string;
  /** The URL that replied, after redirects. */
  readonly finalUrl: string;
}

/**
 * GETs `url`, follows redirects, decompresses. Resolves with any status except a redirect; rejects
 * with `<subject>-unreachable`, `-timeout`, `-bad-reply`, `-unsupported`, `-forbidden`, or
 * `aborted`.
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
    const source = boundTo(subject, url, proxy, options.own);
    const socket = await openTunnel(url, proxy, { subject, stop, source });
    return exchange(url, options, stop, { socket });
  }
  // The proxy looks names up, so there are no addresses to check.
  const route: Route = proxy === undefined ? { judge } : { proxy };
  if (options.agents === undefined) return exchange(url, options, stop, route);
  try {
    return await exchange(url, options, stop, { ...route, agents: options.agents });
  } catch (error) {
    if (error instanceof StaleConnection) return exchange(url, options, stop, route);
    throw error;
  }
}
