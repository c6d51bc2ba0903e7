// PURE
// What a peer's socket has been handed and has not taken yet, and whether the peer is known to read.

import type { Chunk } from './chunk-cache';

/** A peer with more payload than this queued gets no more until it took some: 64 blocks. */
const PINNED_WATERMARK_BYTES = 1_048_576;

/** A peer for which nothing may be pinned gets copies up to here: eight blocks, or one long request. */
const COPIED_WATERMARK_BYTES = 131_072;

/**
 * A peer that reads nothing takes this much all the same, into the buffers of both systems: 3.7 MiB
 * on loopback with the defaults of Linux, whose send buffer ends at 4 MiB. A peer that took twice that
 * reads.
 */
const TRUSTED_AFTER_BYTES = 8_388_608;

/** Trust ends with a write that took longer than this: below 1 MiB/s chunks would be pinned for long. */
const SLOW_FLUSH_MS = 1_000;

export class SendQueue {
  /** The chunks that writes in the queue read from, with their pins. */
  readonly pins = new Map<Chunk, number>();
  private queuedBytes = 0;
  /** Taken since the last write that was slow. */
  private takenBytes = 0;
  /** When it last took something, or was given something with nothing before it. */
  private progressMs = 0;

  /** Payload in the queue. */
  get bytes(): number {
    return this.queuedBytes;
  }

  /** It reads, and fast: three in four of the chunks are reserved for such peers. */
  get isTrusted(): boolean {
    return this.takenBytes >= TRUSTED_AFTER_BYTES;
  }

  /** Whether a block may be queued beside `queuedBytes`. */
  hasRoom(lengthBytes: number, queuedBytes: number, way: 'pinned' | 'copied'): boolean {
    if (way === 'pinned') return queuedBytes < PINNED_WATERMARK_BYTES;
    return queuedBytes === 0 || queuedBytes + lengthBytes <= COPIED_WATERMARK_BYTES;
  }

  add(lengthBytes: number, nowMs: number): void {
    if (this.queuedBytes === 0) this.progressMs = nowMs;
    this.queuedBytes += lengthBytes;
  }

  /** A write that was handed over at `handedMs` is taken. */
  take(lengthBytes: number, handedMs: number, nowMs: number): void {
    this.queuedBytes -= lengthBytes;
    this.progressMs = nowMs;
    if (nowMs - handedMs > SLOW_FLUSH_MS) this.takenBytes = 0;
    else this.takenBytes += lengthBytes;
  }

  /** How long it has taken nothing; 0 with nothing queued. */
  stalledMs(nowMs: number): number {
    return this.queuedBytes === 0 ? 0 : nowMs - this.progressMs;
  }
}
