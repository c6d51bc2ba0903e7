// PURE. How many messages without use a peer may send. No real client comes near this limit. A
// flood is read at this pace, and the rest of it waits in the socket of the far side.

import { TokenBucket } from '../choke/token-bucket';

/**
 * A token is about 100 ns of a peer thread: one small message. 2,000 a second are 0.2 ms, so that 500
 * floods at a time take a tenth of a thread; 20,000 at once are 2 ms, and ten times the requests that
 * a choke makes void where 2,000 may wait.
 */
const RATE = { perSec: 2_000, burst: 20_000 };

/** What a new connection has, or one that comes again and again would have 20,000 each time. */
const INITIAL_TOKENS = 2_000;

/** An ignored message costs its copying: this many bytes cost about as much as a small message. */
const BYTES_PER_TOKEN = 64;

/**
 * Bencoded bytes are looked at one by one, and made into values: 3 µs for the shortest dictionary.
 */
const BENCODED_TOKENS = 32;
const BENCODED_BYTES_PER_TOKEN = 8;

/**
 * Once a read has cost this much, nothing more of it is decoded: a read buffer holds 30,000
 * handshakes.
 */
const DECODED_TOKENS_PER_READ = 2_000;

/**
 * A read is a call of the system and a turn of the session: 3 µs and more, however little it
 * brings.
 */
const READ_TOKENS = 32;

/**
 * To answer takes a read of the disk and a write, 3 µs and more of this thread, however short it
 * is.
 */
const ANSWER_TOKENS = 32;

/**
 * A read of this length is worth its cost: the shortest segment that TCP must take is 536 bytes.
 */
const WORTHY_READ_BYTES = 512;

/**
 * Flooding goes on as soon as it is read again: then the peer is read twice a minute. A turn costs more than
 * what it brings, since what the far side has queued follows at once.
 */
const RELAPSE_MS = 10_000;
const RELAPSED_PAUSE_MS = 30_000;

/**
 * Payload that moved, either way, pays for a small message in a read of its own per block of 16
 * KiB.
 */
const PAYLOAD_BYTES_PER_TOKEN = 512;

export class MessageBudget {
  private readonly bucket = new TokenBucket(RATE);
  /** Of messages since the last read ended. */
  private cost = 0;
  private worthy = false;
  private paidPayloadBytes = 0;
  private againMs = -Infinity;
  private relapsed = false;

  constructor(nowMs: number) {
    this.bucket.take(RATE.burst - INITIAL_TOKENS, nowMs);
  }

  /** When the peer may be read again: in the past while it stays within its budget. */
  get readAgainMs(): number {
    return this.againMs;
  }

  /** The peer sent a message that asks for nothing we serve and contains nothing new. */
  charge(lengthBytes = 0): void {
    this.cost += 1 + lengthBytes / BYTES_PER_TOKEN;
  }

  /** False once the peer has sent too much in this read to decode more of its bencoded bytes. */
  get mayDecode(): boolean {
    return this.cost < DECODED_TOKENS_PER_READ;
  }

  /** A message like those of `charge` whose bytes were decoded. */
  chargeBencoded(lengthBytes: number): void {
    this.cost += BENCODED_TOKENS + lengthBytes / BENCODED_BYTES_PER_TOKEN;
  }

  /** A request that is answered; `part` of a whole block, 0 to 1: a whole one is worth its cost. */
  chargeAnswer(part: number): void {
    this.cost += ANSWER_TOKENS * (1 - part);
  }

  /** A message that is worth the read that brought it. */
  welcome(): void {
    this.worthy = true;
  }

  /** A read ended. `payloadBytes`: all that the connection has moved so far, both ways. */
  endRead(lengthBytes: number, payloadBytes: number, nowMs: number): void {
    const { worthy } = this;
    this.worthy = false;
    if (this.cost === 0 && (worthy || lengthBytes >= WORTHY_READ_BYTES)) return;
    if (!worthy && lengthBytes < WORTHY_READ_BYTES) this.cost += READ_TOKENS;
    const paid = (payloadBytes - this.paidPayloadBytes) / PAYLOAD_BYTES_PER_TOKEN;
    this.paidPayloadBytes = payloadBytes;
    if (this.cost > paid) this.bucket.take(this.cost - paid, nowMs);
    this.cost = 0;
    const { paidAtMs } = this.bucket;
    if (paidAtMs <= nowMs) return;
    if (nowMs >= this.againMs) this.relapsed = nowMs - this.againMs < RELAPSE_MS;
    this.againMs = this.relapsed ? Math.max(paidAtMs, nowMs + RELAPSED_PAUSE_MS) : paidAtMs;
  }
}
