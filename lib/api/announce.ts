// One announce or scrape at each tracker of a torrent, with everything that was said: for people who
// want to know why a tracker does not give them peers. Starts no engine.

import type { ByteRange } from '../bytes/hexdump';
import type { TorrentSource } from './sources';
import type * as talk from './tracker-talk';

export interface ScrapeOptions {
  /** Ask these instead of the torrent's: http, https or udp announce URLs. */
  readonly trackers?: readonly string[];
  /** For each tracker, in milliseconds, 100–600,000. Default 20,000. Over UDP it is asked again after 1, 3, 7 … s. */
  readonly timeoutMs?: number;
  /** Show passkeys and credentials in tracker URLs. Default false: they are masked wherever they occur. */
  readonly showSecrets?: boolean;
  /**
   * Called with each report as soon as it is there, in whatever order trackers answer. Those that are
   * returned then have no `packets`.
   */
  readonly onReport?: (report: TrackerReport) => void;
  /**
   * Ends it all; the returned promise rejects with `aborted`, once trackers that got `started` have got
   * `stopped` (2 s at most).
   */
  readonly signal?: AbortSignal;
}

export interface AnnounceOptions extends ScrapeOptions {
  /**
   * Exactly this event, once (`none` for an announce as done at regular intervals). Default:
   * `started`, and after the reply `stopped`, so that the tracker does not send peers to us.
   */
  readonly event?: 'started' | 'completed' | 'stopped' | 'none';
  /** The TCP port that we say we listen on, 1–65535. Default 6881. */
  readonly port?: number;
  /** Peers asked for, 0–1000. Default 50. */
  readonly numWant?: number;
}

/** A named value of a request or reply, in words that are safe to print. */
export interface ReportField {
  readonly name: string;
  readonly value: string;
}

/** A run of bytes that went over the wire. */
export interface ReportPacket {
  readonly direction: 'sent' | 'received';
  /** `connect request`, `HTTP answer, body` … */
  readonly what: string;
  /** Milliseconds since the conversation began. */
  readonly atMs: number;
  /** As they were, but for secrets, each byte of which is a `*`. */
  readonly bytes: Uint8Array;
  /** What each byte is: ranges cover all of them, in order. */
  readonly ranges: readonly ByteRange[];
}

/** What was said between us and one tracker. */
export interface TrackerReport {
  readonly kind: 'announce' | 'scrape';
  /** The announce URL; passkeys and credentials cut out unless `showSecrets`. */
  readonly url: string;
  /** `http`, `https`, `udp`, or the scheme that is not supported. */
  readonly protocol: string;
  /** The tracker gave peers or counts. */
  readonly ok: boolean;
  /** 40 hex digits. */
  readonly infoHash: string;
  /** The same 20 bytes in the form of an HTTP request. */
  readonly infoHashEscaped: string;
  /** Over HTTP the URL as it was asked for first, before redirects. */
  readonly requestUrl?: string;
  /** The fields of the request as sent; empty when nothing was. */
  readonly request: readonly ReportField[];
  /** Requests or packets sent, redirects, connects and retransmissions included. */
  readonly attempts: number;
  /** Over HTTP, of the last answer. */
  readonly status?: number;
  readonly elapsedMs: number;
  /** The address that answered. */
  readonly trackerIp?: string;
  /** The fields of the reply in the order they came, unknown ones included; empty without a reply. */
  readonly reply: readonly ReportField[];
  /** Why there is no usable reply; `code` is one of `tracker-…`, `reason` the tracker's own words. */
  readonly failure?: { readonly code: string; readonly message: string; readonly reason?: string };
  /** `warning message` of the reply. */
  readonly warning?: string;
  /** Peers that we could dial. */
  readonly peers: readonly { readonly host: string; readonly port: number }[];
  /** Entries left out: ourselves, and addresses that nobody can dial. */
  readonly droppedPeers: number;
  readonly seeds?: number;
  readonly leechers?: number;
  /** Downloads completed (scrape only). */
  readonly completed?: number;
  /** Seconds until the next announce. */
  readonly intervalSec?: number;
  /** Whether the tracker acknowledged the `stopped` that followed; absent where none was sent. */
  readonly stoppedAfter?: boolean;
  /** What it probably means, and what to do: whole sentences, without a full stop. */
  readonly hints: readonly string[];
  readonly packets: readonly ReportPacket[];
}

/**
 * Announces a torrent at each of its trackers (the first 200), several at once, and reports what was
 * said. Failures of trackers are in the reports, which are in the order of the torrent's list.
 * `source` is as for `readTorrent`, or an info hash of 40 hex digits together with `options.trackers`.
 *
 * @throws MillraceError as `readTorrent`; `bad-option`; `no-trackers`; `aborted`.
 */
export async function announce(
  source: TorrentSource,
  options: AnnounceOptions = {},
): Promise<TrackerReport[]> {
  return loadTalk().announce(source, options);
}

/**
 * Asks each tracker of a torrent for its counts (BEP 48, BEP 15); otherwise as `announce`. Nothing
 * is registered.
 *
 * @throws MillraceError as `announce`.
 */
export async function scrape(
  source: TorrentSource,
  options: ScrapeOptions = {},
): Promise<TrackerReport[]> {
  return loadTalk().scrape(source, options);
}

function loadTalk(): typeof talk {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- Node's http and p-queue are slow to load
  return require('./tracker-talk') as typeof talk;
}
