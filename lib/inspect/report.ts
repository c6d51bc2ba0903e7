// What was said between us and one tracker, as its readers get it. Only types live here.

import type { ByteRange } from './hexdump';

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
