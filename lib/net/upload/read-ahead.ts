// Reads requested data into chunks ahead of time, and wakes the uploads that wait for it.

import { recordOf } from '../../errors/millrace-error';
import type { PeerFact } from '../../messages/peer-thread';
import type { RequestQueue } from '../../peer/request-queue';
import type { OpenContent } from '../open-content';
import { CHUNK_LENGTH_BYTES } from './chunk-cache';
import type { Chunk } from './chunk-cache';
import type { UploadMemory } from './upload-memory';

/** libuv has four threads for the whole process: one peer thread uses at most half of them. */
const MAX_READS = 2;

/**
 * Adjacent chunks filled by one read, if a peer has requested bytes of all of them: a read is a
 * round trip to another thread, whatever its length. Two chunks took 0.8 × the CPU of single ones;
 * four take 0.92 × of that, but only if the watermark and the look-ahead have room for them.
 */
const CHUNKS_PER_READ = 4;

/** Number of requests after the current one whose chunks are read in parallel: 2 MiB. */
const LOOK_AHEAD_REQUESTS = 128;

/** Interval between reports of an unreadable file, however many peers request it. */
const FAILURE_INTERVAL_MS = 1000;

/** An upload, as seen by the read-ahead. */
export interface ReadingUpload {
  readonly source: OpenContent;
  readonly requests: RequestQueue;
  /** The peer is known to read. */
  readonly isTrusted: boolean;
  /** The data that it waited for is here. Called outside of its connection's own code. */
  resume(): void;
  /** Bytes of this chunk cannot be read: if its oldest request needs them, it is dropped. */
  dropUnreadable(chunk: Chunk): void;
}

export class ReadAhead {
  private readonly memory: UploadMemory;
  private readonly send: (fact: PeerFact) => void;
  private readonly nowMs: () => number;
  /** Uploads that wait for a read or a buffer, in the order of their arrival. */
  private waiting = new Set<ReadingUpload>();
  private reads = 0;

  constructor(memory: UploadMemory, send: (fact: PeerFact) => void, nowMs: () => number) {
    this.memory = memory;
    this.send = send;
    this.nowMs = nowMs;
  }

  /** The upload cannot send anything before something is read. */
  wait(upload: ReadingUpload): void {
    this.waiting.add(upload);
  }

  forget(upload: ReadingUpload): void {
    this.waiting.delete(upload);
  }

  /** A buffer may be free. If no read may start, the end of a read wakes the uploads anyway. */
  onBufferFree(): void {
    if (this.waiting.size > 0 && this.reads < MAX_READS) this.wakeAll();
  }

  /**
   * Reads what the requests of a peer need, oldest first, while reads are available. Of each
   * chunk-sized window, only whole verified pieces are read.
   */
  readFor(upload: ReadingUpload): void {
    const { source, requests } = upload;
    if (source.closed || this.reads >= MAX_READS) return;
    const { pieceLengthBytes } = source;
    let joint: Chunk[] = [];
    let looks = Math.min(requests.length, LOOK_AHEAD_REQUESTS);
    let window = -1;
    let windows = 0;
    for (let slot = requests.first; looks > 0; slot = requests.next(slot), looks--) {
      const piece = requests.pieceAt(slot);
      let at = piece * pieceLengthBytes + requests.beginAt(slot);
      const end = at + requests.lengthBytesAt(slot);
      for (; at < end; at = (window + 1) * CHUNK_LENGTH_BYTES) {
        if (Math.floor(at / CHUNK_LENGTH_BYTES) === window) continue;
        window = Math.floor(at / CHUNK_LENGTH_BYTES);
        // Reading more than it may pin would only evict the chunks of others.
        if (windows > 1 && !this.memory.mayPinMoreThan(windows, upload.isTrusted))
          return this.read(joint);
        windows += 1;
        const known = this.memory.cache.find(source, window);
        if (known !== undefined && (!known.ready || known.covers(at, end))) continue;
        const from = window * CHUNK_LENGTH_BYTES;
        const stretch = source.verifiedStretch(piece, from, from + CHUNK_LENGTH_BYTES);
        if (joint.length === CHUNKS_PER_READ || joint.at(-1)?.end !== stretch.start) {
          this.read(joint);
          joint = [];
          if (this.reads >= MAX_READS) return;
        }
        const chunk = this.memory.cache.reserve(source, window, stretch.start, stretch.end);
        if (chunk === undefined) return this.read(joint); // The next flushed write calls again.
        joint.push(chunk);
      }
    }
    this.read(joint);
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
      for (const chunk of chunks) this.read([chunk]); // To find out which of them is unreadable.
      return;
    }
    for (const chunk of chunks) {
      this.memory.cache.filled(chunk, error === undefined);
      if (error !== undefined) this.onFailed(chunk, error);
    }
    this.wakeAll();
  }

  private onFailed(chunk: Chunk, error: unknown): void {
    const { source } = chunk;
    // An upload whose oldest request needs these bytes would otherwise wait for ever.
    for (const upload of this.waiting) upload.dropUnreadable(chunk);
    const nowMs = this.nowMs();
    if (source.closed || nowMs - source.lastFailureMs < FAILURE_INTERVAL_MS) return;
    source.lastFailureMs = nowMs;
    const { code, message, details } = recordOf(error);
    const path = typeof details?.path === 'string' ? details.path : undefined;
    this.send({ type: 'read-failed', torrent: source.torrent, code, message, path });
  }

  private wakeAll(): void {
    const uploads = this.waiting;
    this.waiting = new Set();
    for (const upload of uploads) upload.resume();
  }
}
