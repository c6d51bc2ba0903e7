// EDGE. Fetches a .torrent from an http or https URL. lib/metainfo parses it.

import type { OwnAddressesNow } from '../address/binding';
import { httpGet } from './get';
import { proxyFromEnvironment } from './proxy';
import type { ProxySettings } from './proxy';
import { requestError } from './request-error';

export interface FetchTorrentOptions {
  /** Sent as `User-Agent: Millrace/<version>`. */
  readonly version: string;
  /** Time limit of everything, including redirects. Default 30,000. */
  readonly timeoutMs?: number;
  /** Longest body. Default 64 MiB: the digests of 3.3 million pieces, 13 TB at 4 MiB per piece. */
  readonly maxBytes?: number;
  /** Default: from the environment (`http_proxy` …). */
  readonly proxy?: ProxySettings;
  /** The own addresses that the socket is bound to. Default: the system chooses. */
  readonly own?: OwnAddressesNow | undefined;
  readonly signal?: AbortSignal;
}

export interface FetchedTorrent {
  readonly bytes: Uint8Array;
  /** The `Content-Type` header, unchanged. */
  readonly contentType?: string;
  /** The URL that replied, after redirects. */
  readonly finalUrl: string;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const MAX_REDIRECTS = 5;

/** Advice for common statuses. */
const STATUS_ADVICE: Readonly<Record<number, string>> = {
  401: 'log in there with a browser and save the .torrent file',
  403: 'log in there with a browser and save the .torrent file',
  404: 'the torrent is not there: check the URL',
  410: 'the torrent was taken away',
  429: 'too many requests: try again later',
  503: 'try again later',
};

/**
 * Fetches the bytes of a URL. Rejects with a `MillraceError`: `torrent-unreachable`,
 * `torrent-timeout`, `torrent-bad-reply` (too long, redirect loop, broken compression),
 * `torrent-http-status` (with `details.status`), `torrent-unsupported` (scheme),
 * `torrent-forbidden` (a redirect into a local network), or `aborted`.
 */
export async function fetchTorrent(
  url: string,
  options: FetchTorrentOptions,
): Promise<FetchedTorrent> {
  const { status, body, contentType, finalUrl } = await httpGet(url, {
    subject: 'torrent',
    userAgent: `Millrace/${options.version}`,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    maxBodyBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
    maxRedirects: MAX_REDIRECTS,
    own: options.own,
    proxy: options.proxy ?? proxyFromEnvironment(process.env),
    // The URL was given by the user.
    reach: { trusted: true, onLoopback: 'nothing' },
    signal: options.signal,
  });
  if (status < 200 || status >= 300) {
    const advice = STATUS_ADVICE[status] === undefined ? '' : `: ${STATUS_ADVICE[status]}`;
    const what = `answered with HTTP status ${status}${advice}`;
    throw requestError('torrent', 'http-status', url, what, { status });
  }
  return { bytes: body, contentType, finalUrl };
}
