// PURE
// The memory that uploads of a thread use, and how much of it each may hold: chunks pinned for writes,
// and copies where nothing may be pinned.

import { BLOCK_LENGTH_BYTES } from '../../bytes/lengths';
import { CHUNK_LENGTH_BYTES, ChunkCache } from './chunk-cache';

/**
 * A peer may pin a quarter of the chunks that nothing pins and that are no reserve (a "dynamic
 * threshold", as switches share their buffers). A reader in sequence needs five to fill its watermark
 * of four chunks: with 64 chunks seven such readers at a time get them, and more go on with fewer.
 */
const UNPINNED_PER_OWN_PIN = 4;

/** One chunk in eight is never pinned for a write: from these everybody can be sent copies. */
const RESERVED_CHUNKS_SHARE = 1 / 8;
/** A block may lie in two chunks. */
const MIN_RESERVED_CHUNKS = 2;

/**
 * Peers that are not known to read share three chunks in eight. Of 64 chunks, a newcomer alone fills
 * its watermark, and eight at a time get two or three each; more get copies until they are known. With
 * copies only, serving 1 GiB to eight newcomers took 1.09 x the CPU.
 */
const RESERVED_FROM_NEWCOMERS_SHARE = 5 / 8;

export class UploadMemory {
  readonly cache: ChunkCache;
  private readonly reservedChunks: number;
  private readonly reservedFromNewcomers: number;
  private readonly maxCopiedBytes: number;
  /** Of all peers, in their queues. */
  private copiedBytes = 0;

  constructor(budgetBytes: number) {
    this.cache = new ChunkCache(budgetBytes);
    this.reservedChunks = Math.max(
      MIN_RESERVED_CHUNKS,
      Math.floor(this.cache.maxChunks * RESERVED_CHUNKS_SHARE),
    );
    this.reservedFromNewcomers = Math.max(
      this.reservedChunks,
      Math.ceil(this.cache.maxChunks * RESERVED_FROM_NEWCOMERS_SHARE),
    );
    this.maxCopiedBytes = this.cache.maxChunks * CHUNK_LENGTH_BYTES;
  }

  /** Memory that peers hold back which have not taken what was written for them. */
  get heldBytes(): { readonly pinned: number; readonly copied: number } {
    const pinnedChunks = this.cache.pinnedChunks - this.cache.fillingChunks;
    return { pinned: pinnedChunks * CHUNK_LENGTH_BYTES, copied: this.copiedBytes };
  }

  /** May a peer that has pinned `count` chunks pin another? `isTrusted`: it is known to read. */
  mayPinMoreThan(count: number, isTrusted: boolean): boolean {
    const { maxChunks, pinnedChunks, fillingChunks } = this.cache;
    // Reads under way are soon over: they are not counted against anybody.
    const unpinned = maxChunks - pinnedChunks + fillingChunks;
    const reserved = isTrusted ? this.reservedChunks : this.reservedFromNewcomers;
    return count * UNPINNED_PER_OWN_PIN < unpinned - reserved;
  }

  /**
   * May a block be copied for a peer? `queuedBytes`: what its queue holds; `batchBytes`: those of them
   * that are not counted yet. One block at a time is for everybody, or those that read nothing could
   * keep others out.
   */
  mayCopy(lengthBytes: number, queuedBytes: number, batchBytes: number): boolean {
    if (queuedBytes === 0 && lengthBytes <= BLOCK_LENGTH_BYTES) return true;
    return this.copiedBytes + batchBytes + lengthBytes <= this.maxCopiedBytes;
  }

  get hasRoomForCopies(): boolean {
    return this.copiedBytes < this.maxCopiedBytes;
  }

  /** Copies were made, or (`lengthBytes` below 0) are no longer needed. */
  noteCopied(lengthBytes: number): void {
    this.copiedBytes += lengthBytes;
  }
}
