// PURE
// The upload memory of a thread, and how much each peer may hold: chunks pinned for writes, and
// copies where no chunk may be pinned.

import { BLOCK_LENGTH_BYTES } from '../../bytes/lengths';
import { CHUNK_LENGTH_BYTES, ChunkCache } from './chunk-cache';

/**
 * A peer may pin a quarter of the chunks that are neither pinned nor reserved (a "dynamic
 * threshold", as used for shared buffers in switches). A sequential reader needs five to fill its
 * watermark of four chunks: of 64 chunks seven such readers get that many at a time, and others
 * fewer.
 */
const UNPINNED_PER_OWN_PIN = 4;

/** One chunk in eight is never pinned for a write, so that all other peers can be sent copies. */
const RESERVED_CHUNKS_SHARE = 1 / 8;
/** A block may span two chunks. */
const MIN_RESERVED_CHUNKS = 2;

/**
 * Peers that are not known to read share three chunks in eight. Of 64 chunks, a single newcomer can fill
 * its watermark, and eight at a time get two or three each; others get copies until they are known. With
 * copies only, serving 1 GiB to eight newcomers took 1.09 × the CPU.
 */
const RESERVED_FROM_NEWCOMERS_SHARE = 5 / 8;

export class UploadMemory {
  readonly cache: ChunkCache;
  private readonly reservedChunks: number;
  private readonly reservedFromNewcomers: number;
  private readonly maxCopiedBytes: number;
  /** For all peers, in their queues. */
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

  /** Memory held by peers that have not read the data written for them. */
  get heldBytes(): { readonly pinned: number; readonly copied: number } {
    const pinnedChunks = this.cache.pinnedChunks - this.cache.fillingChunks;
    return { pinned: pinnedChunks * CHUNK_LENGTH_BYTES, copied: this.copiedBytes };
  }

  /** Whether a peer that has pinned `count` chunks may pin another. `isTrusted`: it is known to read. */
  mayPinMoreThan(count: number, isTrusted: boolean): boolean {
    const { maxChunks, pinnedChunks, fillingChunks } = this.cache;
    // Reads in progress end soon: they count against no peer.
    const unpinned = maxChunks - pinnedChunks + fillingChunks;
    const reserved = isTrusted ? this.reservedChunks : this.reservedFromNewcomers;
    return count * UNPINNED_PER_OWN_PIN < unpinned - reserved;
  }

  /**
   * Whether a block may be copied for a peer. `queuedBytes`: the length of its queue; `batchBytes`:
   * the part that is not counted yet. One block at a time is always allowed, so that peers that
   * read nothing cannot block others.
   */
  mayCopy(lengthBytes: number, queuedBytes: number, batchBytes: number): boolean {
    if (queuedBytes === 0 && lengthBytes <= BLOCK_LENGTH_BYTES) return true;
    return this.copiedBytes + batchBytes + lengthBytes <= this.maxCopiedBytes;
  }

  /** Whether a peer that holds nothing and is not known to read gets a copy, or a chunk. */
  get hasRoomForNewcomers(): boolean {
    return this.copiedBytes < this.maxCopiedBytes || this.mayPinMoreThan(0, false);
  }

  /** Notes new copies or, with a negative `lengthBytes`, copies that are no longer needed. */
  noteCopied(lengthBytes: number): void {
    this.copiedBytes += lengthBytes;
  }
}
