// Read-ahead memory for uploads: buffers of equal length, each with one stretch of one torrent; the
// least recently used is evicted first. A buffer is pinned while a socket reads from it, so the
// memory bound includes queued writes, and a buffer is never refilled during a write.
//
// A chunk that was sent as many bytes as it contains is spent: its buffer, which is still in the
// core's cache, is refilled first. If its data is needed again, it is read again from the page
// cache, but no more often than its length was sent.
//
// Blocks lie in their buffer in wire format, each after its header: consecutive blocks are sent in
// one write, and all peers can be sent the same bytes.

import { writePieceHeader } from '../../wire/encoder';
import { PIECE_HEADER_LENGTH_BYTES } from '../../wire/messages';
import { BLOCK_LENGTH_BYTES } from '../../bytes/lengths';
import type { OpenContent } from '../open-content';

/**
 * 256 KiB: one read serves 16 blocks and reaches 3.5 GB/s and more from the page cache; single
 * blocks would reach a sixth of that.
 */
export const CHUNK_LENGTH_BYTES = 262_144;

const FRAME_LENGTH_BYTES = PIECE_HEADER_LENGTH_BYTES + BLOCK_LENGTH_BYTES;
const BUFFER_LENGTH_BYTES = (CHUNK_LENGTH_BYTES / BLOCK_LENGTH_BYTES) * FRAME_LENGTH_BYTES;

/** With fewer chunks, a block that spans two chunks could wait for itself. */
const MIN_CHUNKS = 4;

/** Memory of one chunk. Its views are created once, not for every read. */
interface ChunkBuffer {
  readonly bytes: Buffer;
  /** The block areas of a whole window, in order. */
  readonly places: readonly Buffer[];
}

export class Chunk {
  readonly source: OpenContent;
  readonly window: number;
  /** The bytes of the torrent in this chunk: start to end. */
  readonly start: number;
  readonly end: number;
  readonly buffer: ChunkBuffer;
  private readonly windowStart: number;
  ready = false;
  /** True while look-ups find it; false once evicted or replaced. */
  cached = true;
  /** Writes that read from the buffer, and the read that fills it. */
  pins = 0;
  /** Payload sent from this chunk so far. */
  servedBytes = 0;

  constructor(
    source: OpenContent,
    window: number,
    start: number,
    end: number,
    buffer: ChunkBuffer,
  ) {
    this.source = source;
    this.window = window;
    this.start = start;
    this.end = end;
    this.buffer = buffer;
    this.windowStart = window * CHUNK_LENGTH_BYTES;
  }

  get bytes(): Buffer {
    return this.buffer.bytes;
  }

  /** Offset in `bytes` of byte `at` of the torrent. */
  offsetOf(at: number): number {
    const inWindow = at - this.windowStart;
    const frame = Math.floor(inWindow / BLOCK_LENGTH_BYTES);
    return inWindow + (frame + 1) * PIECE_HEADER_LENGTH_BYTES;
  }

  /** The end of the contiguous bytes from `at` on, as an offset in the torrent. */
  runEnd(at: number): number {
    const inWindow = at - this.windowStart;
    const frame = Math.floor(inWindow / BLOCK_LENGTH_BYTES);
    return Math.min(this.end, this.windowStart + (frame + 1) * BLOCK_LENGTH_BYTES);
  }

  /** The areas of its bytes, in order. */
  places(): readonly Buffer[] {
    if (this.end - this.start === CHUNK_LENGTH_BYTES) return this.buffer.places;
    const places: Buffer[] = [];
    for (let at = this.start; at < this.end; at = this.runEnd(at)) {
      const offset = this.offsetOf(at);
      places.push(this.bytes.subarray(offset, offset + this.runEnd(at) - at));
    }
    return places;
  }

  /**
   * Writes the header of every block. Only if the blocks of the torrent coincide with the frames,
   * which needs a piece length that is a multiple of 16 KiB; otherwise blocks are never sent
   * framed.
   */
  writeHeaders(): void {
    const { pieceLengthBytes, framed } = this.source;
    if (!framed) return;
    for (let at = this.start; at < this.end; at = this.runEnd(at)) {
      const piece = Math.floor(at / pieceLengthBytes);
      const begin = at - piece * pieceLengthBytes;
      const header = this.offsetOf(at) - PIECE_HEADER_LENGTH_BYTES;
      writePieceHeader(this.bytes, header, piece, begin, this.runEnd(at) - at);
    }
  }

  /** Whether it contains the part of `at` to `end` that lies in its window. */
  covers(at: number, end: number): boolean {
    return at >= this.start && Math.min(end, this.windowStart + CHUNK_LENGTH_BYTES) <= this.end;
  }

  /** Offset of the header of the block that answers this request, or -1 if there is none. */
  frameOf(at: number, lengthBytes: number): number {
    const inWindow = at - this.windowStart; // A small integer, unlike `at`.
    const whole = inWindow % BLOCK_LENGTH_BYTES === 0 && at + lengthBytes === this.runEnd(at);
    return whole && this.source.framed ? this.offsetOf(at) - PIECE_HEADER_LENGTH_BYTES : -1;
  }
}

export class ChunkCache {
  readonly maxChunks: number;
  private allocated = 0;
  private pinned = 0;
  private filling = 0;
  private readonly free: ChunkBuffer[] = [];
  private readonly byContent = new Map<OpenContent, Map<number, Chunk>>();
  /** All cached chunks, least recently used first. */
  private readonly order = new Set<Chunk>();

  constructor(budgetBytes: number) {
    this.maxChunks = Math.max(MIN_CHUNKS, Math.floor(budgetBytes / CHUNK_LENGTH_BYTES));
  }

  /** Payload capacity of the allocated buffers; headers add 0.08 %. */
  get allocatedBytes(): number {
    return this.allocated * CHUNK_LENGTH_BYTES;
  }

  /** Chunks that a write reads from or a read fills. */
  get pinnedChunks(): number {
    return this.pinned;
  }

  /** Chunks that a read fills. */
  get fillingChunks(): number {
    return this.filling;
  }

  find(source: OpenContent, window: number): Chunk | undefined {
    return this.byContent.get(source)?.get(window);
  }

  /** Marks a chunk as just used. */
  touch(chunk: Chunk): void {
    if (!chunk.cached) return;
    this.order.delete(chunk);
    this.order.add(chunk);
  }

  /** Returns a chunk to fill, pinned until `filled`; undefined while every buffer is in use. */
  reserve(source: OpenContent, window: number, start: number, end: number): Chunk | undefined {
    const old = this.find(source, window);
    if (old !== undefined) this.evict(old);
    const buffer = this.takeBuffer();
    if (buffer === undefined) return undefined;
    const chunk = new Chunk(source, window, start, end, buffer);
    this.pin(chunk);
    this.filling += 1;
    let windows = this.byContent.get(source);
    if (windows === undefined) this.byContent.set(source, (windows = new Map<number, Chunk>()));
    windows.set(window, chunk);
    this.order.add(chunk);
    return chunk;
  }

  /** The read of a reserved chunk has ended. After a failure, look-ups no longer find the chunk. */
  filled(chunk: Chunk, worked: boolean): void {
    this.filling -= 1;
    chunk.ready = worked;
    if (worked) chunk.writeHeaders();
    else this.evict(chunk);
    this.unpin(chunk);
  }

  pin(chunk: Chunk): void {
    if (chunk.pins === 0) this.pinned += 1;
    chunk.pins += 1;
  }

  unpin(chunk: Chunk): void {
    chunk.pins -= 1;
    if (chunk.pins > 0) return;
    this.pinned -= 1;
    if (!chunk.cached) this.free.push(chunk.buffer);
    else if (chunk.servedBytes >= chunk.end - chunk.start) this.evict(chunk); // spent
  }

  /** Look-ups no longer find it; its buffer is free when no write reads from it. */
  evict(chunk: Chunk): void {
    if (!chunk.cached) return;
    chunk.cached = false;
    this.order.delete(chunk);
    const windows = this.byContent.get(chunk.source);
    if (windows?.get(chunk.window) === chunk) windows.delete(chunk.window);
    if (windows?.size === 0) this.byContent.delete(chunk.source);
    if (chunk.pins === 0) this.free.push(chunk.buffer);
  }

  evictAllOf(source: OpenContent): void {
    for (const chunk of [...(this.byContent.get(source)?.values() ?? [])]) this.evict(chunk);
  }

  /** Frees all memory that no write needs: no peer has been served for a while. */
  trim(): void {
    for (const chunk of [...this.order]) if (chunk.pins === 0) this.evict(chunk);
    this.allocated -= this.free.length;
    this.free.length = 0;
  }

  private takeBuffer(): ChunkBuffer | undefined {
    const spare = this.free.pop(); // The most recently used one, still in the core's cache.
    if (spare !== undefined) return spare;
    if (this.allocated < this.maxChunks) {
      this.allocated += 1;
      return newBuffer();
    }
    for (const chunk of this.order) {
      if (chunk.pins > 0) continue;
      this.evict(chunk);
      return this.free.pop();
    }
    return undefined;
  }
}

function newBuffer(): ChunkBuffer {
  const bytes = Buffer.allocUnsafeSlow(BUFFER_LENGTH_BYTES);
  const places: Buffer[] = [];
  for (let end = FRAME_LENGTH_BYTES; end <= bytes.length; end += FRAME_LENGTH_BYTES) {
    places.push(bytes.subarray(end - BLOCK_LENGTH_BYTES, end));
  }
  return { bytes, places };
}
