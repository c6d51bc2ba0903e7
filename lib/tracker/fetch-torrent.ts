// EDGE. Gets a .torrent from an http or https URL. What it says is for lib/metainfo to judge.

import { httpGet } from './http-get';
import { proxyFromEnvironment } from './http-proxy';
import type { ProxySettings } from './http-proxy';
import { requestError } from './request-error';

export interface FetchTorrentOptions {
  /** Sent in `User-Agent: Millrace/<version>`. */
  readonly version: string;
  /** For everything, redirects included. Default 30,000. */
  readonly timeoutMs?: number;
  /** Default 64 MiB: the digests of 3.3 million pieces, 13 TB at 4 MiB a piece. */
  readonly maxBytes?: number;
  /** Default: what the environment says (`http_proxy` …). */
  readonly proxy?: ProxySettings;
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const MAX_REDIRECTS = 5;

/**
 * The bytes behind a URL. Rejects with a `MillraceError`: `torrent-unreachable`, `torrent-timeout`,
 * `torrent-bad-reply` (too long, redirect loop, broken compression), `torrent-http-status` (with
 * `details.status`), `torrent-unsupported` (scheme), `torrent-forbidden` (a redirect
 * into a local network), or `aborted`.
 */
export async function fetchTorrent(url: string, options: FetchTorrentOptions): Promise<Uint8Array> {
  const { status, body } = await httpGet(url, {
    subject: 'torrent',
    userAgent: `Millrace/${options.version}`,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    maxBodyBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
    maxRedirects: MAX_REDIRECTS,
    proxy: options.proxy ?? proxyFromEnvironment(process.env),
    // The user names it.
    reach: { trusted: true, onLoopback: 'nothing' },
    signal: options.signal,
  });
  if (status < 200 || status >= 300) {
    throw requestError('torrent', 'http-status', url, `answered with HTTP status ${status}`, {
      status,
    });
  }
  return body;
}
