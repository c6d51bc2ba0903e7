// PURE. One request to a UDP tracker from the first connect packet to the reply (BEP 15):
// connection ids and their lifetime, transaction ids, retransmission. Packets, time and random
// numbers go in; the packet to send and the time of the next poll come out.

import { MillraceError } from '../errors/millrace-error';
import { printableBytes } from '../text/printable';
import { ACTION, decodeReply, encodeConnect, transactionOf } from './udp-codec';
import type { ConnectionId, UdpReply } from './udp-codec';

/** Wait after the first packet; doubles with each retransmission (BEP 15: 15 × 2^n s). */
export const FIRST_WAIT_MS = 15_000;
/** Largest n: nine packets, with a wait of 3,840 s after the last, 7,665 s in total. */
export const MAX_DOUBLINGS = 8;
/**
 * First wait of a single request with a short time limit: a lost datagram must not look like a dead
 * tracker. Longer than nearly every round trip.
 */
export const PROBE_FIRST_WAIT_MS = 1_000;
/** A client may use a connection id until one minute after it received it. */
export const CONNECTION_ID_LIFE_MS = 60_000;

/** Trackers whose connection ids are kept; each takes some 100 bytes. */
const MAX_ENDPOINTS = 256;

/** Longest text from a tracker that is shown. */
const MAX_TEXT_CHARS = 500;

/** Connection ids by endpoint (`address port`), shared by all requests to it. */
export class ConnectionIds {
  private readonly ids = new Map<
    string,
    { readonly id: ConnectionId; readonly receivedMs: number }
  >();

  /** The present id, if there is a valid one. */
  get(endpoint: string, nowMs: number): ConnectionId | undefined {
    const entry = this.ids.get(endpoint);
    if (entry === undefined) return undefined;
    if (nowMs - entry.receivedMs < CONNECTION_ID_LIFE_MS) return entry.id;
    this.ids.delete(endpoint);
    return undefined;
  }

  set(endpoint: string, id: ConnectionId, nowMs: number): void {
    this.ids.delete(endpoint);
    this.ids.set(endpoint, { id, receivedMs: nowMs });
    if (this.ids.size <= MAX_ENDPOINTS) return;
    const [oldest] = this.ids.keys();
    if (oldest !== undefined) this.ids.delete(oldest);
  }

  delete(endpoint: string): void {
    this.ids.delete(endpoint);
  }
}

type Wanted = 'announce' | 'scrape';
export type WantedReply = Extract<UdpReply, { readonly action: Wanted }>;

export interface UdpExchangeOptions {
  /** `address port`: the key of its connection id. */
  readonly endpoint: string;
  readonly family: 4 | 6;
  readonly wanted: Wanted;
  /** Encodes the request itself, once there is a connection id. */
  readonly encode: (connectionId: ConnectionId, transactionId: number) => Uint8Array;
  readonly connectionIds: ConnectionIds;
  /** 32 unpredictable random bits: they distinguish the tracker's reply from a forged one. */
  readonly random32: () => number;
  readonly nowMs: number;
  /** Wait after the first packet; it doubles. Default 15,000 (BEP 15). */
  readonly firstWaitMs?: number;
}

/** The meaning of a received packet. */
export type Received =
  /** Not for this request, or nothing new. */
  | 'ignored'
  /** The connect got a reply: call `poll` at once. */
  | 'connected'
  /** The exchange is over. */
  | WantedReply
  | MillraceError;

export class UdpExchange {
  private readonly options: UdpExchangeOptions;
  /** What our last packet requested. */
  private asked: 'nothing' | 'connect' | Wanted = 'nothing';
  private sentTransactionId = 0;
  /** Retransmissions since the last reply. */
  private doublings = 0;
  private dueMs: number;
  /** We connected in this exchange, so a refused id is not a stale one. */
  private connected = false;

  constructor(options: UdpExchangeOptions) {
    this.options = options;
    this.dueMs = options.nowMs;
  }

  /** When to call `poll`; `Infinity` never. */
  get nextDueMs(): number {
    return this.dueMs;
  }

  /** Of the last packet sent: replies contain it. */
  get transactionId(): number {
    return this.sentTransactionId;
  }

  /** Returns the packet to send now; undefined before its time; `expired` after the last wait. */
  poll(nowMs: number): Uint8Array | 'expired' | undefined {
    if (nowMs < this.dueMs) return undefined;
    if (this.asked !== 'nothing') {
      if (this.doublings === MAX_DOUBLINGS) {
        this.dueMs = Infinity;
        return 'expired';
      }
      this.doublings += 1;
    }
    return this.send(nowMs);
  }

  private send(nowMs: number): Uint8Array {
    const { endpoint, connectionIds, wanted, encode, firstWaitMs = FIRST_WAIT_MS } = this.options;
    const connectionId = connectionIds.get(endpoint, nowMs);
    const ask = connectionId === undefined ? 'connect' : wanted;
    // A retransmission keeps its id, so that the reply to either copy counts.
    if (ask !== this.asked) this.sentTransactionId = this.options.random32() >>> 0;
    this.asked = ask;
    this.dueMs = nowMs + firstWaitMs * 2 ** this.doublings;
    return connectionId === undefined
      ? encodeConnect(this.sentTransactionId)
      : encode(connectionId, this.sentTransactionId);
  }

  /** Handles a packet from the endpoint. */
  receive(packet: Uint8Array, nowMs: number): Received {
    if (this.asked === 'nothing' || transactionOf(packet) !== this.sentTransactionId)
      return 'ignored';
    const { endpoint, connectionIds, family } = this.options;
    const reply = decodeReply(packet, family);
    if (reply === undefined) {
      if (isBareHeader(packet) && this.asked === 'announce') return notServed();
      return badReply(
        `the tracker's answer of ${packet.length} bytes is too short or of no known kind`,
      );
    }
    if (reply.action === 'error') return this.refused(reply.message, nowMs);
    if (reply.action !== this.asked) {
      return badReply(
        `the tracker answered a request to ${this.asked} with action ${reply.action}`,
      );
    }
    if (reply.action === 'connect') {
      connectionIds.set(endpoint, reply.connectionId, nowMs);
      this.connected = true;
      this.startOver(nowMs);
      return 'connected';
    }
    this.dueMs = Infinity;
    return reply;
  }

  /**
   * An id that is valid for us may be refused (after a restart of the tracker): try one new
   * connect.
   */
  private refused(message: Uint8Array, nowMs: number): Received {
    const { endpoint, connectionIds } = this.options;
    const reason = printableBytes(message, MAX_TEXT_CHARS);
    if (this.asked !== 'connect' && !this.connected && /connection/i.test(reason)) {
      connectionIds.delete(endpoint);
      this.startOver(nowMs);
      return 'connected';
    }
    connectionIds.delete(endpoint);
    this.dueMs = Infinity;
    const shown = reason === '' ? '(no reason given)' : reason;
    return new MillraceError('tracker-failure', `the tracker refused the request: ${shown}`, {
      reason: shown,
    });
  }

  private startOver(nowMs: number): void {
    this.asked = 'nothing';
    this.doublings = 0;
    this.dueMs = nowMs;
  }
}

/** How opentracker answers an announce of a torrent that it does not serve: just 8 bytes. */
function isBareHeader(packet: Uint8Array): boolean {
  return packet.length === 8 && packet[3] === ACTION.announce;
}

function notServed(): MillraceError {
  const reason = 'an answer without content: it does not serve this torrent';
  return new MillraceError('tracker-failure', `the tracker refused the request: ${reason}`, {
    reason,
  });
}

function badReply(message: string): MillraceError {
  return new MillraceError('tracker-bad-reply', message);
}
