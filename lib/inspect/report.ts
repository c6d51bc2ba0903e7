// The report on a conversation with one tracker. Only types.

import type { ByteRange } from './hexdump';

/** A named value of a request or reply, as text that is safe to print. */
export interface ReportField {
  readonly name: string;
  readonly value: string;
}

/** Bytes that were sent or received together. */
export interface ReportPacket {
  readonly direction: 'sent' | 'received';
  /** `connect request`, `HTTP answer, body` … */
  readonly what: string;
  /** Milliseconds since the conversation began. */
  readonly atMs: number;
  /** The original bytes, with each byte of a secret replaced by `*`. */
  readonly bytes: Uint8Array;
  /** The meaning of each byte: ranges cover all of them, in order. */
  readonly ranges: readonly ByteRange[];
}

/** The report on one conversation with a tracker. */
export interface TrackerReport {
  readonly kind: 'announce' | 'scrape';
  /** The announce URL; without passkeys and credentials unless `showSecrets`. */
  readonly url: string;
  /** `http`, `https`, `udp`, or the scheme that is not supported. */
  readonly protocol: string;
  /** The tracker returned peers or counts. */
  readonly ok: boolean;
  /** 40 hex digits. */
  readonly infoHash: string;
  /** The same 20 bytes in the form of an HTTP request. */
  readonly infoHashEscaped: string;
  /** Over HTTP, the URL of the first request, before redirects. */
  readonly requestUrl?: string;
  /** The fields of the request as sent; empty if none was sent. */
  readonly request: readonly ReportField[];
  /** Number of requests or packets sent, including redirects, connects and retransmissions. */
  readonly attempts: number;
  /** Over HTTP, the status of the last reply. */
  readonly status?: number;
  readonly elapsedMs: number;
  /** The address that replied. */
  readonly trackerIp?: string;
  /** The fields of the reply in their order, including unknown ones; empty without a reply. */
  readonly reply: readonly ReportField[];
  /**
   * Why there is no usable reply; `code` is one of `tracker-…`, `reason` the tracker's own text.
   */
  readonly failure?: { readonly code: string; readonly message: string; readonly reason?: string };
  /** `warning message` of the reply. */
  readonly warning?: string;
  /** Peers that can be dialled. */
  readonly peers: readonly { readonly host: string; readonly port: number }[];
  /** Number of entries left out: ourselves, and addresses that cannot be dialled. */
  readonly droppedPeers: number;
  readonly seeds?: number;
  readonly leechers?: number;
  /** Downloads completed (scrape only). */
  readonly completed?: number;
  /** Seconds until the next announce. */
  readonly intervalSec?: number;
  /** Whether the tracker acknowledged the subsequent `stopped`; absent if none was sent. */
  readonly stoppedAfter?: boolean;
  /** The probable meaning, and what to do: whole sentences without a full stop. */
  readonly hints: readonly string[];
  readonly packets: readonly ReportPacket[];
}
