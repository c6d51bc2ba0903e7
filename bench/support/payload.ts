// Payloads that are computed, not stored, so that they may be larger than memory. Every block of
// 16 KiB is a window of one pseudo-random pool, at an offset of its own: reading a payload copies
// nothing, and no two blocks of up to 64 GiB are alike.

import { createHash } from 'node:crypto';

/** One block, as every client requests it (BEP 3). */
export const WINDOW_BYTES = 16_384;

// Small enough to lie in the last level cache, so that serving it costs the seeders little.
const POOL_BYTES = 4 * 1024 * 1024;
// Odd, so coprime to the pool's 2^22 bytes: 2^22 windows (64 GiB) before an offset comes again.
const BLOCK_STEP = 2_654_435;
const SALT_STEP = 1_367_130_551;

/** The parameters that determine a payload. Plain data: child processes get it as JSON. */
export interface PayloadShape {
  /** Payloads of the same shape with another salt have other bytes. */
  readonly salt: number;
  readonly totalBytes: number;
  /** A multiple of 16 KiB. */
  readonly pieceLengthBytes: number;
}

const pool = makePool();

/**
 * xorshift32 from a fixed seed; the end repeats the beginning, so that a window may begin anywhere.
 */
function makePool(): Buffer {
  const pool = Buffer.alloc(POOL_BYTES + WINDOW_BYTES);
  const words = new Uint32Array(pool.buffer, pool.byteOffset, POOL_BYTES / 4);
  let state = 0x9e37_79b9;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  pool.copy(pool, POOL_BYTES, 0, WINDOW_BYTES);
  return pool;
}

export class Payload {
  readonly shape: PayloadShape;
  readonly pieceCount: number;

  constructor(shape: PayloadShape) {
    if (shape.pieceLengthBytes % WINDOW_BYTES !== 0) {
      throw new Error(`a piece length of ${shape.pieceLengthBytes} is no multiple of 16 KiB`);
    }
    this.shape = shape;
    this.pieceCount = Math.ceil(shape.totalBytes / shape.pieceLengthBytes);
  }

  pieceBytes(piece: number): number {
    const { totalBytes, pieceLengthBytes } = this.shape;
    return Math.min(pieceLengthBytes, totalBytes - piece * pieceLengthBytes);
  }

  /** Calls `take` with each stretch of the payload from `position` on, in order; no copies. */
  visit(position: number, lengthBytes: number, take: (part: Buffer) => void): void {
    const end = position + lengthBytes;
    while (position < end) {
      const block = Math.floor(position / WINDOW_BYTES);
      const within = position - block * WINDOW_BYTES;
      const partBytes = Math.min(WINDOW_BYTES - within, end - position);
      const start = this.windowStart(block) + within;
      take(pool.subarray(start, start + partBytes));
      position += partBytes;
    }
  }

  /** Whether `bytes[start … end)` is what the payload holds from `position` on. */
  matches(position: number, bytes: Uint8Array, start: number, end: number): boolean {
    while (start < end) {
      const block = Math.floor(position / WINDOW_BYTES);
      const within = position - block * WINDOW_BYTES;
      const partBytes = Math.min(WINDOW_BYTES - within, end - start);
      const at = this.windowStart(block) + within;
      if (pool.compare(bytes, start, start + partBytes, at, at + partBytes) !== 0) return false;
      start += partBytes;
      position += partBytes;
    }
    return true;
  }

  /** SHA-1 digests of all pieces, back to back. */
  digests(): Buffer {
    const digests = Buffer.alloc(20 * this.pieceCount);
    for (let piece = 0; piece < this.pieceCount; piece++) {
      const hash = createHash('sha1');
      const position = piece * this.shape.pieceLengthBytes;
      this.visit(position, this.pieceBytes(piece), (part) => hash.update(part));
      hash.digest().copy(digests, 20 * piece);
    }
    return digests;
  }

  private windowStart(block: number): number {
    return ((block % POOL_BYTES) * BLOCK_STEP + this.shape.salt * SALT_STEP) % POOL_BYTES;
  }
}
