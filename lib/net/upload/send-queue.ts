// PURE
// What was written to a peer's socket and not sent yet, and whether the peer is known to read.

import type { Chunk } from './chunk-cache';

/** A peer with more payload queued than this gets no more until it has read some: 64 blocks. */
const PINNED_WATERMARK_BYTES = 1_048_576;

/**
 * Nor may the queue exceed this share of what the peer has taken since its last slow write. So it
 * grows with the speed of the peer, and one of 300 KiB/s does not seem stalled while it reads 1 MiB.
 */
const QUEUED_SHARE_OF_TAKEN = 1 / 4;

/** But this much is always queued, pinned or copied: eight blocks, or one long request. */
const COPIED_WATERMARK_BYTES = 131_072;

/**
 * A peer that reads nothing can still take this much into the buffers of both systems: 3.7 MiB on
 * loopback with the defaults of Linux, whose send buffer is at most 4 MiB. A peer that has taken
 * twice that reads.
 */
const TRUSTED_AFTER_BYTES = 8_388_608;

/**
 * A write that takes longer than this ends the trust: below 1 MiB/s, chunks would be pinned for
 * long.
 */
const SLOW_FLUSH_MS = 1_000;

export class SendQueue {
  /** The chunks that queued writes read from, with the number of pins. */
  readonly pins = new Map<Chunk, number>();
  private queuedBytes = 0;
  /** Bytes taken since the last slow write. */
  private takenBytes = 0;
  /** When the peer last read something, or data was queued for an empty queue. */
  private progressMs = 0;

  /** Payload in the queue. */
  get bytes(): number {
    return this.queuedBytes;
  }

  /** The peer reads, and fast enough: most chunks are reserved for such peers. */
  get isTrusted(): boolean {
    return this.takenBytes >= TRUSTED_AFTER_BYTES;
  }

  /** Whether a block may be queued after `queuedBytes`. */
  hasRoom(lengthBytes: number, queuedBytes: number, way: 'pinned' | 'copied'): boolean {
    const mostBytes = way === 'pinned' ? this.pinnedWatermarkBytes : COPIED_WATERMARK_BYTES;
    return queuedBytes === 0 || queuedBytes + lengthBytes <= mostBytes;
  }

  private get pinnedWatermarkBytes(): number {
    const share = this.takenBytes * QUEUED_SHARE_OF_TAKEN;
    return Math.min(PINNED_WATERMARK_BYTES, Math.max(COPIED_WATERMARK_BYTES, share));
  }

  add(lengthBytes: number, nowMs: number): void {
    if (this.queuedBytes === 0) this.progressMs = nowMs;
    this.queuedBytes += lengthBytes;
  }

  /** A write that was queued at `handedMs` has been sent. */
  take(lengthBytes: number, handedMs: number, nowMs: number): void {
    this.queuedBytes -= lengthBytes;
    this.progressMs = nowMs;
    if (nowMs - handedMs > SLOW_FLUSH_MS) this.takenBytes = 0;
    else this.takenBytes += lengthBytes;
  }

  /** How long the peer has read nothing; 0 if nothing is queued. */
  stalledMs(nowMs: number): number {
    return this.queuedBytes === 0 ? 0 : nowMs - this.progressMs;
  }
}
