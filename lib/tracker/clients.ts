// The clients for all supported schemes, behind one interface.

import { MillraceError } from '../errors/millrace-error';
import type { AnnounceReply, AnnounceRequest, ScrapeReply, TrackerClient } from './announce';
import { HttpTrackerClient } from './http-client';
import type { HttpTrackerOptions } from './http-client';
import { withoutSecrets } from '../text/redact';
import { sharedResolve } from '../http/shared-resolve';
import { printable } from '../text/printable';
import { UdpTrackerClient } from './udp-client';
import type { UdpTrackerOptions } from './udp-client';

/** Options of all transports; `timeoutMs`, if given, applies to each of them. */
export interface TrackerClientsOptions extends HttpTrackerOptions, UdpTrackerOptions {}

export class TrackerClients implements TrackerClient {
  private readonly bySchemes: Readonly<Record<string, TrackerClient>>;

  constructor(options: TrackerClientsOptions) {
    const { resolve = sharedResolve() } = options;
    const overHttp = new HttpTrackerClient({ ...options, resolve });
    const overUdp = new UdpTrackerClient({ ...options, resolve });
    this.bySchemes = { 'http:': overHttp, 'https:': overHttp, 'udp:': overUdp };
  }

  /** See `TrackerClient`. */
  async announce(
    url: string,
    request: AnnounceRequest,
    signal?: AbortSignal,
  ): Promise<AnnounceReply> {
    return withoutPasskey(url, async () => {
      const reply = await this.clientOf(url).announce(url, request, signal);
      const { warning } = reply;
      return warning === undefined ? reply : { ...reply, warning: withoutSecrets(warning, url) };
    });
  }

  /** See `TrackerClient`. */
  async scrape(
    url: string,
    infoHashes: readonly Uint8Array[],
    signal?: AbortSignal,
  ): Promise<ScrapeReply> {
    return withoutPasskey(url, () => this.clientOf(url).scrape(url, infoHashes, signal));
  }

  /** See `TrackerClient`. */
  close(): void {
    for (const client of new Set(Object.values(this.bySchemes))) client.close();
  }

  private clientOf(url: string): TrackerClient {
    const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0].toLowerCase() ?? '';
    const client = Object.hasOwn(this.bySchemes, scheme) ? this.bySchemes[scheme] : undefined;
    if (client !== undefined) return client;
    throw new MillraceError(
      'tracker-unsupported',
      `trackers with the scheme "${printable(scheme, 20)}" are not supported, only http, https and udp`,
    );
  }
}

/**
 * Errors of these clients contain redacted URLs; this also removes secrets from the tracker's own
 * text.
 */
async function withoutPasskey<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const { code, message, details } = error;
    const shown = Object.entries(details).map(([key, value]) => [
      key,
      typeof value === 'string' ? withoutSecrets(value, url) : value,
    ]);
    throw new MillraceError(
      code,
      withoutSecrets(message, url),
      Object.fromEntries(shown) as MillraceError['details'],
    );
  }
}
