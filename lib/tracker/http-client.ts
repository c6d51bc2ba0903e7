// EDGE. Announces over HTTP and HTTPS: the codec around one bounded GET.

import { MillraceError } from '../errors/millrace-error';
import type { AnnounceReply, AnnounceRequest, TrackerClient } from './announce';
import {
  buildAnnounceUrl,
  parseAnnounceReply,
  readFailureReason,
  trackerFailure,
} from './http-codec';
import { httpError, httpGet } from './http-get';

export interface HttpTrackerOptions {
  /** Sent in `User-Agent: Millrace/<version>`. */
  readonly version: string;
  /** For the whole announce, redirects included. Default 15,000. */
  readonly timeoutMs?: number;
  /** Cap for the reply. Default 2 MiB: 1,000 peers in the longest form are under 0.3 MiB. */
  readonly maxReplyBytes?: number;
  /** Default 5. */
  readonly maxRedirects?: number;
  /** Announce over one address family only (BEP 7: one announce for each family). */
  readonly family?: 4 | 6;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const DEFAULT_MAX_REPLY_BYTES = 2 * 1024 * 1024;
const DEFAULT_MAX_REDIRECTS = 5;

export class HttpTrackerClient implements TrackerClient {
  readonly #options: HttpTrackerOptions;

  constructor(options: HttpTrackerOptions) {
    this.#options = options;
  }

  /** See `TrackerClient`. */
  async announce(
    url: string,
    request: AnnounceRequest,
    signal?: AbortSignal,
  ): Promise<AnnounceReply> {
    const options = this.#options;
    const { status, body } = await httpGet(buildAnnounceUrl(url, request), {
      subject: 'tracker',
      userAgent: `Millrace/${options.version}`,
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      maxBodyBytes: options.maxReplyBytes ?? DEFAULT_MAX_REPLY_BYTES,
      maxRedirects: options.maxRedirects ?? DEFAULT_MAX_REDIRECTS,
      family: options.family,
      signal,
    });
    if (status < 200 || status >= 300) {
      // Some trackers put their failure reason into a 4xx answer: it says more than the number.
      const reason = readFailureReason(body);
      if (reason !== undefined) throw trackerFailure(reason);
      throw httpError('tracker', 'http-status', url, `answered with HTTP status ${status}`, {
        status,
      });
    }
    return parseAnnounceReply(body);
  }
}

/** The client of every scheme we speak, behind the one interface. */
export class TrackerClients implements TrackerClient {
  readonly #bySchemes: Readonly<Record<string, TrackerClient>>;

  constructor(options: HttpTrackerOptions) {
    const overHttp = new HttpTrackerClient(options);
    this.#bySchemes = { 'http:': overHttp, 'https:': overHttp };
  }

  /** See `TrackerClient`. */
  async announce(
    url: string,
    request: AnnounceRequest,
    signal?: AbortSignal,
  ): Promise<AnnounceReply> {
    const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0].toLowerCase() ?? '';
    const client = Object.hasOwn(this.#bySchemes, scheme) ? this.#bySchemes[scheme] : undefined;
    if (client !== undefined) return client.announce(url, request, signal);
    throw new MillraceError(
      'tracker-unsupported',
      `trackers with the scheme "${scheme.slice(0, 20)}" are not supported, only http and https`,
    );
  }
}
