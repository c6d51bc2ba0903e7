// PURE. One request to a UDP tracker from the first connect packet to the answer (BEP 15): connection
// ids and their minute of life, transaction ids, retransmission. Packets, time and random numbers go in;
// the packet to send and the time to ask again come out.

import { MillraceError } from '../errors/millrace-error';
import { printableBytes } from '../text/printable';
import { ACTION, decodeReply, encodeConnect, transactionOf } from './udp-codec';
import type { ConnectionId, UdpReply } from './udp-codec';

/** Wait after the first packet; doubles with each retransmission (BEP 15: 15 × 2^n s …). */
export const FIRST_WAIT_MS = 15_000;
/** … n up to 8: nine packets, the last one waited for 3,840 s, 7,665 s in all. */
export const MAX_DOUBLINGS = 8;
/**
 * First wait of a request that is made once and given up after seconds: a lost datagram must not
 * look like a dead tracker. Longer than nearly every round trip.
 */
export const PROBE_FIRST_WAIT_MS = 1_000;
/** A client may use a connection id until one minute after it received it. */
export const CONNECTION_ID_LIFE_MS = 60_000;

/** Trackers whose connection ids are kept; each is some 100 bytes. */
const MAX_ENDPOINTS = 256;

/** Longest text of a tracker that is shown. */
const MAX_TEXT_CHARS = 500;

/** Connection ids by endpoint (`address port`), shared by all requests to it. */
export class ConnectionIds {
  readonly #ids = new Map<string, { readonly id: ConnectionId; readonly receivedMs: number }>();

  /** The id to use now, if there is one that still lives. */
  get(endpoint: string, nowMs: number): ConnectionId | undefined {
    const entry = this.#ids.get(endpoint);
    if (entry === undefined) return undefined;
    if (nowMs - entry.receivedMs < CONNECTION_ID_LIFE_MS) return entry.id;
    this.#ids.delete(endpoint);
    return undefined;
  }

  set(endpoint: string, id: ConnectionId, nowMs: number): void {
    this.#ids.delete(endpoint);
    this.#ids.set(endpoint, { id, receivedMs: nowMs });
    if (this.#ids.size <= MAX_ENDPOINTS) return;
    const [oldest] = this.#ids.keys();
    if (oldest !== undefined) this.#ids.delete(oldest);
  }

  delete(endpoint: string): void {
    this.#ids.delete(endpoint);
  }
}

type Wanted = 'announce' | 'scrape';
export type WantedReply = Extract<UdpReply, { readonly action: Wanted }>;

export interface UdpExchangeOptions {
  /** `address port`: the key of its connection id. */
  readonly endpoint: string;
  readonly family: 4 | 6;
  readonly wanted: Wanted;
  /** The request itself, once there is a connection id for it. */
  readonly encode: (connectionId: ConnectionId, transactionId: number) => Uint8Array;
  readonly connectionIds: ConnectionIds;
  /** 32 random bits, not to be guessed: they are what tells the tracker's answer from a stranger's. */
  readonly random32: () => number;
  readonly nowMs: number;
  /** After the first packet; it doubles. Default 15,000 (BEP 15). */
  readonly firstWaitMs?: number;
}

/** What a received packet meant. */
export type Received =
  /** Not for this request, or nothing new; go on as before. */
  | 'ignored'
  /** The connect was answered: ask `poll` at once. */
  | 'connected'
  /** Over. */
  | WantedReply
  | MillraceError;

export class UdpExchange {
  readonly #options: UdpExchangeOptions;
  /** What our last packet asked for. */
  #asked: 'nothing' | 'connect' | Wanted = 'nothing';
  #transactionId = 0;
  /** Retransmissions since something was last answered. */
  #doublings = 0;
  #dueMs: number;
  /** We connected in this very exchange, so a refused id is not one that went stale. */
  #connected = false;

  constructor(options: UdpExchangeOptions) {
    this.#options = options;
    this.#dueMs = options.nowMs;
  }

  /** When to call `poll`; `Infinity` never. */
  get nextDueMs(): number {
    return this.#dueMs;
  }

  /** Of the packet sent last: replies carry it. */
  get transactionId(): number {
    return this.#transactionId;
  }

  /** The packet to send now; undefined before its time; `expired` after the last wait. */
  poll(nowMs: number): Uint8Array | 'expired' | undefined {
    if (nowMs < this.#dueMs) return undefined;
    if (this.#asked !== 'nothing') {
      if (this.#doublings === MAX_DOUBLINGS) {
        this.#dueMs = Infinity;
        return 'expired';
      }
      this.#doublings += 1;
    }
    return this.#send(nowMs);
  }

  #send(nowMs: number): Uint8Array {
    const { endpoint, connectionIds, wanted, encode, firstWaitMs = FIRST_WAIT_MS } = this.#options;
    const connectionId = connectionIds.get(endpoint, nowMs);
    const ask = connectionId === undefined ? 'connect' : wanted;
    // A retransmission keeps its id, so that the answer to either copy counts.
    if (ask !== this.#asked) this.#transactionId = this.#options.random32() >>> 0;
    this.#asked = ask;
    this.#dueMs = nowMs + firstWaitMs * 2 ** this.#doublings;
    return connectionId === undefined
      ? encodeConnect(this.#transactionId)
      : encode(connectionId, this.#transactionId);
  }

  /** Takes a packet that came from the endpoint. */
  receive(packet: Uint8Array, nowMs: number): Received {
    if (this.#asked === 'nothing' || transactionOf(packet) !== this.#transactionId)
      return 'ignored';
    const { endpoint, connectionIds, family } = this.#options;
    const reply = decodeReply(packet, family);
    if (reply === undefined) {
      if (isBareHeader(packet) && this.#asked === 'announce') return notServed();
      return badReply(
        `the tracker's answer of ${packet.length} bytes is too short or of no known kind`,
      );
    }
    if (reply.action === 'error') return this.#refused(reply.message, nowMs);
    if (reply.action !== this.#asked) {
      return badReply(
        `the tracker answered a request to ${this.#asked} with action ${reply.action}`,
      );
    }
    if (reply.action === 'connect') {
      connectionIds.set(endpoint, reply.connectionId, nowMs);
      this.#connected = true;
      this.#startOver(nowMs);
      return 'connected';
    }
    this.#dueMs = Infinity;
    return reply;
  }

  /** An id that lasted a minute here may be refused there (a restart): one new connect is worth it. */
  #refused(message: Uint8Array, nowMs: number): Received {
    const { endpoint, connectionIds } = this.#options;
    const reason = printableBytes(message, MAX_TEXT_CHARS);
    if (this.#asked !== 'connect' && !this.#connected && /connection/i.test(reason)) {
      connectionIds.delete(endpoint);
      this.#startOver(nowMs);
      return 'connected';
    }
    connectionIds.delete(endpoint);
    this.#dueMs = Infinity;
    const shown = reason === '' ? '(no reason given)' : reason;
    return new MillraceError('tracker-failure', `the tracker refused the request: ${shown}`, {
      reason: shown,
    });
  }

  #startOver(nowMs: number): void {
    this.#asked = 'nothing';
    this.#doublings = 0;
    this.#dueMs = nowMs;
  }
}

/** How opentracker answers an announce of a torrent that it does not serve: 8 bytes, nothing else. */
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
