// Reads what requests need into chunks, before it is needed, and wakes the uploads that wait for it.

import { recordOf } from '../../errors/millrace-error';
import type { PeerFact } from '../../messages/peer-thread';
import type { RequestQueue } from '../../peer/request-queue';
import type { OpenContent } from '../open-content';
import { CHUNK_LENGTH_BYTES } from './chunk-cache';
import type { Chunk } from './chunk-cache';
import type { UploadMemory } from './upload-memory';

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

/** A file that cannot be read is reported this often, however many ask for it. */
const FAILURE_INTERVAL_MS = 1000;

/** An upload, as far as reading for it goes. */
export interface ReadingUpload {
  readonly source: OpenContent;
  readonly requests: RequestQueue;
  /** The peer is known to read. */
  readonly isTrusted: boolean;
  /** What it waited for is there; called outside of its connection's own doings. */
  resume(): void;
  /** Bytes of this chunk cannot be read: what waits for them first in line is not answered. */
  dropUnreadable(chunk: Chunk): void;
}

export class ReadAhead {
  private readonly memory: UploadMemory;
  private readonly send: (fact: PeerFact) => void;
  private readonly nowMs: () => number;
  /** Uploads that wait for a read or for a buffer, in the order they came. */
  private waiting = new Set<ReadingUpload>();
  private reads = 0;

  constructor(memory: UploadMemory, send: (fact: PeerFact) => void, nowMs: () => number) {
    this.memory = memory;
    this.send = send;
    this.nowMs = nowMs;
  }

  /** Nothing can be sent for it before something has been read. */
  wait(upload: ReadingUpload): void {
    this.waiting.add(upload);
  }

  forget(upload: ReadingUpload): void {
    this.waiting.delete(upload);
  }

  /** A buffer may have come free. Where no read may begin, the end of one wakes them anyway. */
  onBufferFree(): void {
    if (this.waiting.size > 0 && this.reads < MAX_READS) this.wakeAll();
  }

  /**
   * Begins to read what the requests of a peer need, the oldest first, while reads are to be had. Of a
   * window of a chunk's length is read what consists of whole verified pieces.
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
        // More than it may have sent would only push the chunks of others out.
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
        if (chunk === undefined) return this.read(joint); // a flushed write will call again
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
      for (const chunk of chunks) this.read([chunk]); // which of them cannot be read?
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
    // An upload that waits for these bytes first in line would wait for ever, and read them for ever.
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
