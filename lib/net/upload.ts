// Answers requests from storage: few large asynchronous reads of this thread's own handles, many
// blocks of them in one write. A peer that does not read what it gets is not read for, and holds no
// memory that others need.

import { recordOf } from '../errors/millrace-error';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact } from '../messages/peer-thread';
import type { Serving } from '../peer/serving';
import { PIECE_HEADER_LENGTH_BYTES, writePieceHeader } from '../wire/encoder';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { CHUNK_LENGTH_BYTES, ChunkCache } from './chunk-cache';
import type { Chunk } from './chunk-cache';
import { CopyTarget, OutgoingRun } from './outgoing-run';
import type { RunTarget } from './outgoing-run';
import { SendQueue } from './send-queue';
import type { OpenTorrent } from './open-torrent';

/** libuv has four threads for the whole process: one peer thread takes half of them at most. */
const MAX_READS = 2;

/**
 * Neighbouring chunks that are filled by one read, where a peer has asked for bytes of both: a read
 * is a way to another thread and back, whatever its length. Two took 0.8 x the CPU of one by one;
 * four take 0.92 x that, but only where the watermark and the look-ahead leave room for them.
 */
const CHUNKS_PER_READ = 4;

/** Requests looked at ahead of the one that waits, to read their chunks side by side: 2 MiB. */
const LOOK_AHEAD_REQUESTS = 128;

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

/** Read-ahead memory of a thread that served nobody for this long is given back. */
const TRIM_AFTER_MS = 10_000;

/** A file that cannot be read is reported this often, however many ask for it. */
const FAILURE_INTERVAL_MS = 1000;

/** Memory is short, and a peer took nothing of what it holds of it for this long: it is closed. */
const NOT_READING_MS = 5_000;

/** What the uploader needs of a connection. */
export interface UploadPeer extends RunTarget {
  readonly source: OpenTorrent;
  readonly serving: Serving;
  /** False once it is closed. */
  readonly writable: boolean;
  noteServed(lengthBytes: number): void;
  close(reason: CloseReason, detail: string): void;
}

/** Bytes `start` … `end` of a torrent, which lie in one window. */
interface Stretch {
  readonly window: number;
  readonly start: number;
  readonly end: number;
}

type Gathered = 'all' | 'reads' | 'pins-too-many';

/** How bytes travel: in place, and their chunk stays pinned until they are sent, or in a copy. */
type Way = 'pinned' | 'copied';

export class Uploader {
  private readonly cache: ChunkCache;
  private readonly send: (fact: PeerFact) => void;
  private readonly nowMs: () => number;
  private readonly reservedChunks: number;
  private readonly maxCopiedBytes: number;
  /** Peers that wait for a read or for a buffer, in the order they came. */
  private waiting = new Set<UploadPeer>();
  /** Peers that wait for room for a copy. */
  private crowded = new Set<UploadPeer>();
  private readonly queues = new Map<UploadPeer, SendQueue>();
  /** Of all peers, in their queues. */
  private copiedBytes = 0;
  /** Since the last tick nothing could be pinned for somebody, because of what others have pinned. */
  private pinsAreShort = false;
  private reads = 0;
  /** Chunks that these reads fill, each pinned once for it. */
  private filling = 0;
  private lastUseMs = -Infinity;

  constructor(budgetBytes: number, send: (fact: PeerFact) => void, nowMs: () => number) {
    this.cache = new ChunkCache(budgetBytes);
    this.reservedChunks = Math.max(
      MIN_RESERVED_CHUNKS,
      Math.floor(this.cache.maxChunks * RESERVED_CHUNKS_SHARE),
    );
    this.maxCopiedBytes = this.cache.maxChunks * CHUNK_LENGTH_BYTES;
    this.send = send;
    this.nowMs = nowMs;
  }

  /** Payload that a peer's socket has not taken yet. */
  queuedBytesOf(peer: UploadPeer): number {
    return this.queues.get(peer)?.bytes ?? 0;
  }

  /** How long a peer has taken nothing of its queue; 0 with nothing in it. */
  stalledMsOf(peer: UploadPeer, nowMs: number): number {
    return this.queues.get(peer)?.stalledMs(nowMs) ?? 0;
  }

  get allocatedBytes(): number {
    return this.cache.allocatedBytes;
  }

  /** Memory that peers hold back which have not taken what was written for them. */
  get heldBytes(): { readonly pinned: number; readonly copied: number } {
    const pinnedChunks = this.cache.pinnedChunks - this.filling;
    return { pinned: pinnedChunks * CHUNK_LENGTH_BYTES, copied: this.copiedBytes };
  }

  /** Answers what can be answered now; what waits for the disk goes on by itself. */
  pump(peer: UploadPeer): void {
    if (!peer.writable || peer.serving.waiting === 0) return;
    this.lastUseMs = this.nowMs();
    let queue = this.queues.get(peer);
    if (queue === undefined) this.queues.set(peer, (queue = new SendQueue()));
    let gathered: Gathered = queue.isTrusted
      ? this.answerAll(peer, queue, 'pinned')
      : 'pins-too-many';
    if (gathered === 'pins-too-many') {
      if (queue.isTrusted && queue.bytes === 0) this.pinsAreShort = true;
      gathered = this.answerAll(peer, queue, 'copied');
    }
    if (gathered === 'reads') this.waiting.add(peer);
    // Ahead of what it may have sent is read only for a peer that reads.
    if (gathered === 'reads' || queue.isTrusted) this.readAhead(peer);
  }

  /** Answers requests, as many as may be queued in this way. */
  private answerAll(peer: UploadPeer, queue: SendQueue, way: Way): Gathered {
    const { queue: requests } = peer.serving;
    const pinned: Chunk[] = [];
    const copy = way === 'copied' ? new CopyTarget(peer) : undefined;
    const run = new OutgoingRun(copy ?? peer);
    let batchBytes = 0;
    let gathered: Gathered = 'all';
    while (requests.length > 0) {
      const lengthBytes = requests.lengthBytesAt(requests.first);
      if (!queue.hasRoom(lengthBytes, way)) break;
      if (way === 'copied' && !this.mayCopy(queue, lengthBytes)) {
        if (queue.bytes === 0) this.crowded.add(peer); // else its own flush will call again
        break;
      }
      gathered = this.gather(peer, queue.pins, pinned, way);
      if (gathered !== 'all') break;
      this.answer(peer, run, pinned.at(-1));
      requests.shift();
      queue.add(lengthBytes, this.lastUseMs);
      if (way === 'copied') this.copiedBytes += lengthBytes;
      batchBytes += lengthBytes;
    }
    if (batchBytes === 0) return gathered;
    peer.noteServed(batchBytes);
    const handedMs = this.lastUseMs;
    if (way === 'pinned') {
      run.end(() => this.onFlushed(peer, queue, handedMs, batchBytes, pinned));
      return gathered;
    }
    run.end(() => {
      this.copiedBytes -= batchBytes;
      this.onFlushed(peer, queue, handedMs, batchBytes, []);
    });
    for (const chunk of pinned) this.unpin(chunk, queue.pins);
    return gathered;
  }

  /** One block at a time is for everybody, or those who read nothing could keep others out. */
  private mayCopy(queue: SendQueue, lengthBytes: number): boolean {
    if (queue.bytes === 0 && lengthBytes <= BLOCK_LENGTH_BYTES) return true;
    return this.copiedBytes + lengthBytes <= this.maxCopiedBytes;
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
    this.crowded.delete(peer);
    this.queues.delete(peer);
  }

  closeTorrent(source: OpenTorrent): void {
    this.cache.evictTorrent(source);
  }

  /** It keeps no memory: no tick is needed to give any back. */
  get isEmpty(): boolean {
    return this.cache.allocatedBytes === 0;
  }

  tick(nowMs: number): void {
    if (this.pinsAreShort || this.crowded.size > 0) this.makeRoom(nowMs);
    if (nowMs - this.lastUseMs < TRIM_AFTER_MS || this.isEmpty) return;
    this.cache.trim();
  }

  /** Closes the peer that has held memory back for longest, if that is long. */
  private makeRoom(nowMs: number): void {
    const { pinsAreShort } = this;
    this.pinsAreShort = false;
    let worst: UploadPeer | undefined;
    let worstMs = 0;
    for (const [peer, queue] of this.queues) {
      const holdsIt = queue.pins.size > 0 ? pinsAreShort : this.crowded.size > 0;
      const stalledMs = queue.stalledMs(nowMs);
      if (!holdsIt || stalledMs < NOT_READING_MS || stalledMs <= worstMs) continue;
      worst = peer;
      worstMs = stalledMs;
    }
    worst?.close('not-reading', `the peer took nothing for ${Math.round(worstMs / 1000)} s`);
  }

  private onFlushed(
    peer: UploadPeer,
    queue: SendQueue,
    handedMs: number,
    batchBytes: number,
    pinned: readonly Chunk[],
  ): void {
    for (const chunk of pinned) this.unpin(chunk, queue.pins);
    queue.take(batchBytes, handedMs, this.nowMs());
    this.pump(peer);
    // A buffer may have come free. Where no read may begin, the end of one calls them anyway.
    if (this.waiting.size > 0 && this.reads < MAX_READS) this.pumpWaiting();
    if (this.crowded.size === 0 || this.copiedBytes >= this.maxCopiedBytes) return;
    const { crowded } = this;
    this.crowded = new Set();
    for (const next of crowded) this.pump(next);
  }

  private headOffset(peer: UploadPeer): number {
    const { queue } = peer.serving;
    return queue.pieceAt(queue.first) * peer.source.pieceLengthBytes + queue.beginAt(queue.first);
  }

  /** Pins the chunks of the oldest request, unless one is missing: `readAhead` sees to that. */
  private gather(peer: UploadPeer, own: Map<Chunk, number>, pinned: Chunk[], way: Way): Gathered {
    const { source } = peer;
    const { queue } = peer.serving;
    const before = pinned.length;
    let at = this.headOffset(peer);
    const end = at + queue.lengthBytesAt(queue.first);
    const last = pinned.at(-1); // most requests lie where the one before them did
    if (last !== undefined && at >= last.start && end <= last.end) return 'all';
    while (at < end) {
      const chunk = this.cache.find(source, Math.floor(at / CHUNK_LENGTH_BYTES));
      const missing = chunk === undefined || !chunk.ready || !covers(chunk, at, end);
      const isOneMore = missing || !own.has(chunk);
      const tooMany = way === 'pinned' && isOneMore && !this.mayPinMoreThan(own.size);
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
    const unpinned = this.cache.maxChunks - this.cache.pinnedChunks + this.filling;
    return count * UNPINNED_PER_OWN_PIN < unpinned - this.reservedChunks;
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
    const { queue: requests } = serving;
    let looks = Math.min(serving.waiting, LOOK_AHEAD_REQUESTS);
    let window = -1;
    let windows = 0;
    for (let slot = requests.first; looks > 0; slot = requests.next(slot), looks--) {
      const piece = requests.pieceAt(slot);
      let at = piece * pieceLengthBytes + requests.beginAt(slot);
      const end = at + requests.lengthBytesAt(slot);
      for (; at < end; at = (window + 1) * CHUNK_LENGTH_BYTES) {
        if (Math.floor(at / CHUNK_LENGTH_BYTES) === window) continue;
        window = Math.floor(at / CHUNK_LENGTH_BYTES);
        // More than it may have sent would only push the chunks of others out.
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
