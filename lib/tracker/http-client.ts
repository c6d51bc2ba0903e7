// EDGE. Announces and scrapes over HTTP and HTTPS: combines the codecs with bounded GETs.

import * as http from 'node:http';
import * as https from 'node:https';
import { unlessStopped } from '../async/on-abort';
import type { AnnounceReply, AnnounceRequest, ScrapeReply, TrackerClient } from './announce';
import type { ClientOptions } from './client-options';
import { withDeadline } from '../http/deadline';
import { resolveHost } from '../http/resolve';
import type { Family } from '../http/resolve';
import { announceToFamilies } from './families';
import { buildAnnounceUrl, parseAnnounceReply, readFailure } from './http-codec';
import { httpGet } from '../http/get';
import type { HttpAgents } from '../http/exchange';
import type { HttpReply } from '../http/get';
import { proxyFor, proxyFromEnvironment } from '../http/proxy';
import type { ProxySettings } from '../http/proxy';
import { MAX_HASHES_PER_REQUEST, buildScrapeUrl, parseScrapeReply } from './http-scrape';
import { localIps } from './own-addresses';
import { filterPeers } from './peer-filter';
import { connectionError, requestError } from '../http/request-error';

export interface HttpTrackerOptions extends ClientOptions {
  /** Sent as `User-Agent: Millrace/<version>`. */
  readonly version: string;
  /** Time limit of the whole announce, including redirects. Default 15,000. */
  readonly timeoutMs?: number;
  /** Longest reply. Default 2 MiB: 1,000 peers in the longest form take less than 0.3 MiB. */
  readonly maxReplyBytes?: number;
  /** Default 5. */
  readonly maxRedirects?: number;
  /** Keep connections for 30 s after a request, at most 4 idle ones for each tracker. Default false. */
  readonly keepAlive?: boolean;
  /** Default: from the environment (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`). */
  readonly proxy?: ProxySettings;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const DEFAULT_MAX_REPLY_BYTES = 2 * 1024 * 1024;
const DEFAULT_MAX_REDIRECTS = 5;
const KEEP_ALIVE = { keepAlive: true, maxFreeSockets: 4, timeout: 30_000 };

export class HttpTrackerClient implements TrackerClient {
  private readonly options: HttpTrackerOptions;
  private readonly proxy: ProxySettings;
  private readonly agents: HttpAgents | undefined;

  constructor(options: HttpTrackerOptions) {
    this.options = options;
    this.proxy = options.proxy ?? proxyFromEnvironment(process.env);
    this.agents =
      options.keepAlive === true
        ? { http: new http.Agent(KEEP_ALIVE), https: new https.Agent(KEEP_ALIVE) }
        : undefined;
  }

  /** See `TrackerClient`. */
  async announce(
    url: string,
    request: AnnounceRequest,
    signal?: AbortSignal,
  ): Promise<AnnounceReply> {
    const { family, timeoutMs = DEFAULT_TIMEOUT_MS } = this.options;
    if (this.options.bothFamilies !== true || family !== undefined || !this.isDirect(url)) {
      return this.announceOnce(url, request, family, signal);
    }
    return withDeadline({ subject: 'tracker', url, timeoutMs, signal }, async (stop) => {
      const families = await this.familiesOf(url, stop);
      const announce = (over: Family, end: AbortSignal): Promise<AnnounceReply> =>
        this.announceOnce(url, request, over, end);
      // Rejects with this deadline's own error, not with those of the announces inside it.
      const reply = await unlessStopped(announceToFamilies(families, announce, stop), stop);
      // Over one family the tracker may return our address of the other one.
      return this.withoutUs(reply, request, reply.externalIps ?? []);
    });
  }

  /** See `TrackerClient`. Throws `tracker-unsupported` for an announce URL without a scrape URL. */
  async scrape(
    url: string,
    infoHashes: readonly Uint8Array[],
    signal?: AbortSignal,
  ): Promise<ScrapeReply> {
    const counts: ScrapeReply['counts'][number][] = [];
    let trackerIp: string | undefined;
    let dateMs: number | undefined;
    for (let at = 0; at < infoHashes.length; at += MAX_HASHES_PER_REQUEST) {
      const part = infoHashes.slice(at, at + MAX_HASHES_PER_REQUEST);
      const { family } = this.options;
      const reply = await this.get('scrape', buildScrapeUrl(url, part), url, family, signal);
      counts.push(...parseScrapeReply(reply.body, part));
      ({ remoteIp: trackerIp, dateMs } = reply);
    }
    return { counts, trackerIp, dateMs };
  }

  /** See `TrackerClient`. */
  close(): void {
    this.agents?.http.destroy();
    this.agents?.https.destroy();
  }

  private async announceOnce(
    url: string,
    request: AnnounceRequest,
    family: Family | undefined,
    signal: AbortSignal | undefined,
  ): Promise<AnnounceReply> {
    const { body, remoteIp, localIp, dateMs } = await this.get(
      'announce',
      buildAnnounceUrl(url, request),
      url,
      family,
      signal,
    );
    const reply = { ...parseAnnounceReply(body), trackerIp: remoteIp, dateMs };
    const seenAs = [localIp, reply.externalIp].filter((ip) => ip !== undefined);
    return this.withoutUs(reply, request, seenAs);
  }

  private withoutUs(
    reply: AnnounceReply,
    { port, ip }: AnnounceRequest,
    seenAs: readonly string[],
  ): AnnounceReply {
    const { ownIps = localIps() } = this.options;
    const peers = filterPeers(reply.peers, {
      trackerIp: reply.trackerIp,
      ownIps: [...ownIps, ...seenAs, ...(ip === undefined ? [] : [ip])],
      ownPort: port,
    });
    const droppedPeers = (reply.droppedPeers ?? 0) + reply.peers.length - peers.length;
    return { ...reply, peers, droppedPeers };
  }

  private async get(
    what: 'announce' | 'scrape',
    target: string,
    url: string,
    family: Family | undefined,
    signal: AbortSignal | undefined,
  ): Promise<HttpReply> {
    const options = this.options;
    const reply = await httpGet(target, {
      subject: 'tracker',
      userAgent: `Millrace/${options.version}`,
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      maxBodyBytes: options.maxReplyBytes ?? DEFAULT_MAX_REPLY_BYTES,
      maxRedirects: options.maxRedirects ?? DEFAULT_MAX_REDIRECTS,
      family,
      own: options.own,
      proxy: this.proxy,
      reach: { trusted: options.trusted ?? false, onLoopback: what },
      agents: this.agents,
      resolve: options.resolve,
      overhear: options.overhear,
      signal,
    });
    const { status } = reply;
    if (status >= 200 && status < 300) return reply;
    // Some trackers send their failure reason with a 4xx status: it is more helpful than the
    // number.
    const failure = readFailure(reply.body);
    if (failure !== undefined) throw failure;
    throw requestError('tracker', 'http-status', url, `answered with HTTP status ${status}`, {
      status,
    });
  }

  private isDirect(url: string): boolean {
    return URL.canParse(url) && proxyFor(new URL(url), this.proxy) === undefined;
  }

  private async familiesOf(url: string, stop: AbortSignal): Promise<Family[]> {
    try {
      const { resolve = resolveHost } = this.options;
      const addresses = await resolve(new URL(url).hostname, stop);
      return [...new Set(addresses.map(({ family }) => family))];
    } catch (error) {
      if (stop.aborted) throw stop.reason;
      throw connectionError('tracker', url, error as NodeJS.ErrnoException);
    }
  }
}
