// Answers requests from storage: few large asynchronous reads of this thread's own handles, many
// blocks of them in one write. A peer that does not read what it gets is not read for.

import { recordOf } from '../errors/millrace-error';
import type { PeerFact } from '../messages/peer-thread';
import type { Serving } from '../peer/serving';
import { PIECE_HEADER_LENGTH_BYTES, writePieceHeader } from '../wire/encoder';
import { CHUNK_LENGTH_BYTES, ChunkCache } from './chunk-cache';
import type { Chunk } from './chunk-cache';
import { OutgoingRun } from './outgoing-run';
import type { RunTarget } from './outgoing-run';
import type { TorrentSource } from './torrent-source';

/** libuv has four threads for the whole process: one peer thread takes half of them at most. */
const MAX_READS = 2;

/**
 * Neighbouring chunks that are filled by one read, where a peer has asked for bytes of both: a read
 * is a way to another thread and back, whatever its length. Two took 0.8 x the CPU of one by one;
 * four take 0.92 x that, but only where the watermark and the look-ahead leave room for them.
 */
const CHUNKS_PER_READ = 4;

/** A socket with more payload than this queued gets no more until it took some: 64 blocks. */
const QUEUED_BYTES_WATERMARK = 1_048_576;

/** Requests looked at ahead of the one that waits, to read their chunks side by side: 2 MiB. */
const LOOK_AHEAD_REQUESTS = 128;

/**
 * A peer may pin a quarter of the chunks that nothing pins (a "dynamic threshold", as switches share
 * their buffers), and at least those of one request: one that does not read takes a fifth of all,
 * the next a fifth of the rest. A reader in sequence needs five to fill its watermark of four
 * chunks: with 32 chunks three such readers at a time get them, and more go on with fewer.
 */
const UNPINNED_PER_OWN_PIN = 4;

/** Read-ahead memory of a thread that served nobody for this long is given back. */
const TRIM_AFTER_MS = 10_000;

/** A file that cannot be read is reported this often, however many ask for it. */
const FAILURE_INTERVAL_MS = 1000;

/** What the uploader needs of a connection. */
export interface UploadPeer extends RunTarget {
  readonly source: TorrentSource;
  readonly serving: Serving;
  /** False once it is closed. */
  readonly writable: boolean;
  noteServed(lengthBytes: number): void;
}

/** What a peer's socket has not taken yet: payload, and the chunks that it lies in, with their pins. */
interface Queued {
  bytes: number;
  readonly chunks: Map<Chunk, number>;
}

/** Bytes `start` … `end` of a torrent, which lie in one window. */
interface Stretch {
  readonly window: number;
  readonly start: number;
  readonly end: number;
}

type Gathered = 'all' | 'reads' | 'pins-too-many';

export class Uploader {
  private readonly cache: ChunkCache;
  private readonly send: (fact: PeerFact) => void;
  private readonly nowMs: () => number;
  /** Peers that wait for a read or for a buffer, in the order they came. */
  private waiting = new Set<UploadPeer>();
  private readonly queued = new Map<UploadPeer, Queued>();
  private reads = 0;
  /** Chunks that these reads fill, each pinned once for it. */
  private filling = 0;
  private lastUseMs = -Infinity;

  constructor(budgetBytes: number, send: (fact: PeerFact) => void, nowMs: () => number) {
    this.cache = new ChunkCache(budgetBytes);
    this.send = send;
    this.nowMs = nowMs;
  }

  /** Payload that a peer's socket has not taken yet. */
  queuedBytesOf(peer: UploadPeer): number {
    return this.queued.get(peer)?.bytes ?? 0;
  }

  get allocatedBytes(): number {
    return this.cache.allocatedBytes;
  }

  /** Answers what can be answered now; what waits for the disk goes on by itself. */
  pump(peer: UploadPeer): void {
    const { serving } = peer;
    if (!peer.writable || serving.waiting === 0) return;
    this.lastUseMs = this.nowMs();
    const queued = this.queued.get(peer) ?? { bytes: 0, chunks: new Map<Chunk, number>() };
    const pinned: Chunk[] = [];
    const run = new OutgoingRun(peer);
    let batchBytes = 0;
    let gathered: Gathered = 'all';
    while (serving.waiting > 0 && queued.bytes < QUEUED_BYTES_WATERMARK) {
      const lengthBytes = serving.queue.lengthBytesAt(serving.queue.first);
      gathered = this.gather(peer, queued.chunks, pinned);
      if (gathered !== 'all') break;
      this.answer(peer, run, pinned.at(-1));
      serving.queue.shift();
      queued.bytes += lengthBytes;
      batchBytes += lengthBytes;
    }
    if (batchBytes > 0) {
      this.queued.set(peer, queued);
      peer.noteServed(batchBytes);
      run.end(() => this.onFlushed(peer, pinned, batchBytes));
    }
    if (gathered === 'pins-too-many') return; // its own flushes will call again
    if (gathered === 'reads') this.waiting.add(peer);
    this.readAhead(peer);
  }

  /** Adds what answers the oldest request, whose chunks are pinned; `last` is the last of them. */
  private answer(peer: UploadPeer, run: OutgoingRun, last: Chunk | undefined): void {
    const { source } = peer;
    const { queue } = peer.serving;
    const lengthBytes = queue.lengthBytesAt(queue.first);
    let at = this.headOffset(peer);
    const end = at + lengthBytes;
    const frame = last !== undefined && at >= last.start ? last.frameOf(at, lengthBytes) : -1;
    if (last !== undefined && frame >= 0) {
      run.add(last.bytes, frame, frame + PIECE_HEADER_LENGTH_BYTES + lengthBytes);
      last.servedBytes += lengthBytes;
      return;
    }
    let chunk = this.cache.find(source, Math.floor(at / CHUNK_LENGTH_BYTES));
    const header = Buffer.allocUnsafe(PIECE_HEADER_LENGTH_BYTES);
    writePieceHeader(
      header,
      0,
      queue.pieceAt(queue.first),
      queue.beginAt(queue.first),
      lengthBytes,
    );
    run.add(header, 0, PIECE_HEADER_LENGTH_BYTES);
    while (chunk !== undefined && at < end) {
      const partEnd = Math.min(end, chunk.runEnd(at));
      const offset = chunk.offsetOf(at);
      run.add(chunk.bytes, offset, offset + partEnd - at);
      chunk.servedBytes += partEnd - at;
      at = partEnd;
      if (at >= chunk.end) chunk = this.cache.find(source, Math.floor(at / CHUNK_LENGTH_BYTES));
    }
  }

  /** A connection is gone. Its writes release their memory by themselves. */
  forget(peer: UploadPeer): void {
    this.waiting.delete(peer);
  }

  closeTorrent(source: TorrentSource): void {
    this.cache.evictTorrent(source);
  }

  /** It keeps no memory: no tick is needed to give any back. */
  get isEmpty(): boolean {
    return this.cache.allocatedBytes === 0;
  }

  tick(nowMs: number): void {
    if (nowMs - this.lastUseMs < TRIM_AFTER_MS || this.isEmpty) return;
    this.cache.trim();
  }

  private onFlushed(peer: UploadPeer, pinned: readonly Chunk[], batchBytes: number): void {
    const queued = this.queued.get(peer);
    if (queued !== undefined) {
      for (const chunk of pinned) this.unpin(chunk, queued.chunks);
      queued.bytes -= batchBytes;
      if (queued.bytes <= 0) this.queued.delete(peer);
    }
    this.pump(peer);
    // A buffer may have come free. Where no read may begin, the end of one calls them anyway.
    if (this.waiting.size > 0 && this.reads < MAX_READS) this.pumpWaiting();
  }

  private headOffset(peer: UploadPeer): number {
    const { queue } = peer.serving;
    return queue.pieceAt(queue.first) * peer.source.pieceLengthBytes + queue.beginAt(queue.first);
  }

  /** Pins the chunks of the oldest request, unless one is missing: `readAhead` sees to that. */
  private gather(peer: UploadPeer, own: Map<Chunk, number>, pinned: Chunk[]): Gathered {
    const { source } = peer;
    const { queue } = peer.serving;
    const before = pinned.length;
    const mayStart = own.size === 0;
    let at = this.headOffset(peer);
    const end = at + queue.lengthBytesAt(queue.first);
    const last = pinned.at(-1); // most requests lie where the one before them did
    if (last !== undefined && at >= last.start && end <= last.end) return 'all';
    while (at < end) {
      const chunk = this.cache.find(source, Math.floor(at / CHUNK_LENGTH_BYTES));
      const missing = chunk === undefined || !chunk.ready || !covers(chunk, at, end);
      const isOneMore = missing || !own.has(chunk);
      const tooMany = isOneMore && !mayStart && !this.mayPinMoreThan(own.size);
      if (chunk !== undefined && !missing && chunk === pinned.at(-1)) {
        at = chunk.end; // pinned by the request before this one
        continue;
      }
      if (missing || tooMany) {
        while (pinned.length > before) {
          const taken = pinned.pop();
          if (taken !== undefined) this.unpin(taken, own);
        }
        return tooMany ? 'pins-too-many' : 'reads';
      }
      this.cache.pin(chunk);
      own.set(chunk, (own.get(chunk) ?? 0) + 1);
      pinned.push(chunk);
      this.cache.touch(chunk);
      at = chunk.end;
    }
    return 'all';
  }

  private mayPinMoreThan(count: number): boolean {
    // Reads under way are soon over: they shall not count against anybody.
    return count * UNPINNED_PER_OWN_PIN < this.cache.unpinnedChunks + this.filling;
  }

  private unpin(chunk: Chunk, own: Map<Chunk, number>): void {
    const pins = own.get(chunk) ?? 0;
    if (pins > 1) own.set(chunk, pins - 1);
    else own.delete(chunk);
    this.cache.unpin(chunk);
  }

  /** Begins to read what the requests of this peer need, while reads are to be had. */
  private readAhead(peer: UploadPeer): void {
    const { source } = peer;
    if (source.closed || this.reads >= MAX_READS) return;
    let joint: Chunk[] = [];
    for (const { window, start, end } of this.missing(peer)) {
      const joins = joint.length < CHUNKS_PER_READ && joint.at(-1)?.end === start;
      if (!joins) {
        this.read(joint);
        joint = [];
        if (this.reads >= MAX_READS) return;
      }
      const chunk = this.cache.reserve(source, window, start, end);
      if (chunk === undefined) break; // a flushed write will call again
      this.filling += 1;
      joint.push(chunk);
    }
    this.read(joint);
  }

  /** What is to be read for this peer, the oldest request first: parts of windows that are whole pieces. */
  private *missing({ serving, source }: UploadPeer): Generator<Stretch> {
    const { pieceLengthBytes } = source;
    const { queue } = serving;
    let looks = Math.min(serving.waiting, LOOK_AHEAD_REQUESTS);
    let window = -1;
    let windows = 0;
    for (let slot = queue.first; looks > 0; slot = queue.next(slot), looks--) {
      const piece = queue.pieceAt(slot);
      let at = piece * pieceLengthBytes + queue.beginAt(slot);
      const end = at + queue.lengthBytesAt(slot);
      for (; at < end; at = (window + 1) * CHUNK_LENGTH_BYTES) {
        if (Math.floor(at / CHUNK_LENGTH_BYTES) === window) continue;
        window = Math.floor(at / CHUNK_LENGTH_BYTES);
        // More than it may pin would only push the chunks of others out.
        if (windows > 1 && !this.mayPinMoreThan(windows)) return;
        windows += 1;
        const known = this.cache.find(source, window);
        if (known !== undefined && (!known.ready || covers(known, at, end))) continue;
        const windowStart = window * CHUNK_LENGTH_BYTES;
        const stretch = source.verifiedStretch(
          piece,
          windowStart,
          windowStart + CHUNK_LENGTH_BYTES,
        );
        yield { window, ...stretch };
      }
    }
  }

  private read(chunks: readonly Chunk[]): void {
    const [first] = chunks;
    if (first === undefined) return;
    this.reads += 1;
    const places = chunks.length === 1 ? first.places() : chunks.flatMap((chunk) => chunk.places());
    first.source.read(first.start, places).then(
      () => this.onRead(chunks, undefined),
      (error: unknown) => this.onRead(chunks, error ?? new Error('the read failed')),
    );
  }

  private onRead(chunks: readonly Chunk[], error: unknown): void {
    this.reads -= 1;
    if (error !== undefined && chunks.length > 1) {
      for (const chunk of chunks) this.read([chunk]); // which of them cannot be read?
      return;
    }
    this.filling -= chunks.length;
    for (const chunk of chunks) {
      chunk.ready = error === undefined;
      if (chunk.ready) chunk.writeHeaders();
      else {
        this.cache.evict(chunk);
        this.onReadFailed(chunk, error);
      }
      this.cache.unpin(chunk);
    }
    this.pumpWaiting();
  }

  private onReadFailed(chunk: Chunk, error: unknown): void {
    const { source } = chunk;
    // Whoever waits for these bytes first in line would wait for ever, and read them for ever.
    for (const peer of this.waiting) {
      if (peer.source !== source) continue;
      const { queue } = peer.serving;
      while (queue.length > 0) {
        const at = this.headOffset(peer);
        if (at >= chunk.end || at + queue.lengthBytesAt(queue.first) <= chunk.start) break;
        queue.dropPiece(queue.pieceAt(queue.first));
      }
    }
    const nowMs = this.nowMs();
    if (source.closed || nowMs - source.lastFailureMs < FAILURE_INTERVAL_MS) return;
    source.lastFailureMs = nowMs;
    const { code, message, details } = recordOf(error);
    const path = typeof details?.path === 'string' ? details.path : undefined;
    this.send({ type: 'read-failed', torrent: source.torrent, code, message, path });
  }

  private pumpWaiting(): void {
    const peers = this.waiting;
    this.waiting = new Set();
    for (const peer of peers) this.pump(peer);
  }
}

/** Whether a chunk holds the part of `at` … `end` that its window can hold. */
function covers(chunk: Chunk, at: number, end: number): boolean {
  const windowEnd = (chunk.window + 1) * CHUNK_LENGTH_BYTES;
  return at >= chunk.start && Math.min(end, windowEnd) <= chunk.end;
}
