// The upload of one connection: the pending requests of its peer, the chunks that answer them, and
// the writes that its stream has not finished. Many blocks are sent in one write.

import type { CloseReason } from '../../messages/close-reasons';
import type { RequestQueue } from '../../peer/request-queue';
import type { PeerSession } from '../../peer/session';
import type { WireTap } from '../../trace/tap';
import type { ByteStream } from '../../transport/stream';
import { writePieceHeader } from '../../wire/encoder';
import { PIECE_HEADER_LENGTH_BYTES } from '../../wire/messages';
import type { OpenContent } from '../open-content';
import { CHUNK_LENGTH_BYTES } from './chunk-cache';
import type { Chunk } from './chunk-cache';
import { SendQueue } from './send-queue';
import type { SharingUpload, Uploader } from './uploader';

/** What an upload needs from its connection. */
export interface UploadLine {
  readonly stream: Pick<ByteStream, 'write' | 'cork' | 'uncork'>;
  readonly tap: WireTap | undefined;
  /** Runs `work`; an error in it ends only this connection. */
  readonly guard: (work: () => void) => void;
  readonly close: (reason: CloseReason, detail: string) => void;
}

export type UploadSession = Pick<PeerSession, 'serving' | 'closed' | 'noteServed'>;

/** How data is sent: from a chunk that stays pinned until the write ends, or from a copy. */
type Way = 'pinned' | 'copied';

type Gathered = 'all' | 'reads' | 'pins-too-many';

/** A write that the stream has not finished. */
interface Flight {
  readonly lengthBytes: number;
  readonly handedMs: number;
  /** The chunks that it reads from; undefined for a copy. */
  readonly pinned: readonly Chunk[] | undefined;
}

const NOTHING = new Uint8Array(0);

export class Upload implements SharingUpload {
  readonly source: OpenContent;
  readonly requests: RequestQueue;
  private readonly uploader: Uploader;
  private readonly line: UploadLine;
  private readonly session: UploadSession;
  private readonly queue = new SendQueue();
  /** Oldest first: streams finish writes in order. */
  private readonly flights: Flight[] = [];

  constructor(uploader: Uploader, line: UploadLine, source: OpenContent, session: UploadSession) {
    this.uploader = uploader;
    this.line = line;
    this.source = source;
    this.session = session;
    this.requests = session.serving.queue;
    uploader.add(this);
  }

  /** Payload that the stream has not sent yet. */
  get queuedBytes(): number {
    return this.queue.bytes;
  }

  stalledMs(nowMs: number): number {
    return this.queue.stalledMs(nowMs);
  }

  get isTrusted(): boolean {
    return this.queue.isTrusted;
  }

  get hasPins(): boolean {
    return this.queue.pins.size > 0;
  }

  get hasCopies(): boolean {
    return this.flights.some(({ pinned }) => pinned === undefined);
  }

  /** Answers what can be answered now; requests that wait for the disk continue by themselves. */
  pump(): void {
    if (this.requests.length === 0 || this.session.closed) return;
    const { queue, uploader } = this;
    const nowMs = uploader.noteUse();
    const pinned = this.answerAll('pinned', nowMs);
    const isShort = pinned === 'pins-too-many';
    if (isShort && queue.isTrusted && queue.bytes === 0) uploader.notePinsShort();
    const gathered = isShort ? this.answerAll('copied', nowMs) : pinned;
    if (gathered === 'reads') uploader.reads.wait(this);
    // Reading further ahead than it may pin would only evict the chunks of others.
    if (gathered === 'reads' || !isShort) uploader.reads.readFor(this);
  }

  resume(): void {
    this.line.guard(this.goOn);
  }
  private readonly goOn = (): void => this.pump();

  /** The connection is gone. */
  end(): void {
    this.uploader.forget(this);
  }

  closeStalled(stalledMs: number): void {
    const detail = `the peer took nothing for ${Math.round(stalledMs / 1000)} s`;
    this.line.close('not-reading', detail);
  }

  dropUnreadable(chunk: Chunk): void {
    const { requests, source } = this;
    if (chunk.source !== source) return;
    while (requests.length > 0) {
      const slot = requests.first;
      const piece = requests.pieceAt(slot);
      const at = piece * source.pieceLengthBytes + requests.beginAt(slot);
      if (at >= chunk.end || at + requests.lengthBytesAt(slot) <= chunk.start) return;
      this.session.serving.dropPiece(piece);
    }
  }

  /** Answers as many requests as may be queued in this way. */
  private answerAll(way: Way, nowMs: number): Gathered {
    const { queue, requests, uploader } = this;
    const { allowance } = this.session.serving;
    const { pieceLengthBytes } = this.source;
    const pinned: Chunk[] = [];
    let batchBytes = 0;
    let gathered: Gathered = 'all';
    try {
      while (requests.length > 0) {
        if (allowance !== undefined && batchBytes >= allowance.roomBytes) {
          allowance.wait();
          break;
        }
        const slot = requests.first;
        const lengthBytes = requests.lengthBytesAt(slot);
        const queuedBytes = queue.bytes + batchBytes;
        if (!queue.hasRoom(lengthBytes, queuedBytes, way)) break;
        if (way === 'copied' && !uploader.memory.mayCopy(lengthBytes, queuedBytes, batchBytes)) {
          if (queuedBytes === 0) uploader.waitForRoom(this); // Otherwise its own flush calls again.
          break;
        }
        const at = requests.pieceAt(slot) * pieceLengthBytes + requests.beginAt(slot);
        let last = pinned.at(-1); // Most requests need the same chunk as the previous one.
        if (last === undefined || at < last.start || at + lengthBytes > last.end) {
          gathered = this.pinAll(at, at + lengthBytes, pinned, way);
          if (gathered !== 'all') break;
          last = pinned.at(-1);
        }
        this.answer(slot, at, lengthBytes, last);
        requests.shift();
        batchBytes += lengthBytes;
      }
    } catch (error) {
      // The error ends this connection. Other connections use the same run and the same memory.
      uploader.run.take();
      for (const chunk of pinned) this.unpin(chunk);
      throw error;
    }
    if (batchBytes > 0) this.send(batchBytes, pinned, way, nowMs);
    return gathered;
  }

  /** Adds the answer to a request whose chunks are pinned; `last` is the last of them. */
  private answer(slot: number, at: number, lengthBytes: number, last: Chunk | undefined): void {
    const { run } = this.uploader;
    const frame = last !== undefined && at >= last.start ? last.frameOf(at, lengthBytes) : -1;
    if (last === undefined || frame < 0) return this.answerInParts(slot, at, lengthBytes);
    run.add(last.bytes, frame, frame + PIECE_HEADER_LENGTH_BYTES + lengthBytes);
    last.servedBytes += lengthBytes;
  }

  /**
   * The same for a request that no framed block answers: a separate header, then the contiguous
   * parts.
   */
  private answerInParts(slot: number, start: number, lengthBytes: number): void {
    const { requests, source } = this;
    const { run, memory } = this.uploader;
    const piece = requests.pieceAt(slot);
    const header = Buffer.allocUnsafe(PIECE_HEADER_LENGTH_BYTES);
    writePieceHeader(header, 0, piece, requests.beginAt(slot), lengthBytes);
    run.add(header, 0, PIECE_HEADER_LENGTH_BYTES);
    const end = start + lengthBytes;
    for (let at = start; at < end;) {
      const chunk = memory.cache.find(source, Math.floor(at / CHUNK_LENGTH_BYTES));
      if (chunk === undefined) return;
      const partEnd = Math.min(end, chunk.runEnd(at));
      const offset = chunk.offsetOf(at);
      run.add(chunk.bytes, offset, offset + partEnd - at);
      chunk.servedBytes += partEnd - at;
      at = partEnd;
    }
  }

  /** Hands a round of answers to the stream. */
  private send(lengthBytes: number, pinned: readonly Chunk[], way: Way, nowMs: number): void {
    const { queue, flights, uploader } = this;
    const { stream, tap } = this.line;
    const parts = uploader.run.take();
    queue.add(lengthBytes, nowMs);
    this.session.noteServed(lengthBytes, nowMs);
    if (way === 'copied') {
      uploader.memory.noteCopied(lengthBytes);
      flights.push({ lengthBytes, handedMs: nowMs, pinned: undefined });
      const copy = Buffer.concat(parts);
      for (const chunk of pinned) this.unpin(chunk);
      tap?.sent(copy);
      stream.write(copy, this.onFlushed);
      return;
    }
    flights.push({ lengthBytes, handedMs: nowMs, pinned });
    // Most rounds are a single write, which needs no cork and goes to the system at once.
    const last = parts.length - 1;
    if (last > 0) stream.cork();
    for (let index = 0; index <= last; index++) {
      const part = parts[index] ?? NOTHING;
      tap?.sent(part);
      if (index < last) stream.write(part);
      else stream.write(part, this.onFlushed);
    }
    if (last > 0) stream.uncork();
  }

  private readonly onFlushed = (): void => this.line.guard(this.takeBack);

  /** The stream has finished the oldest write, or never will. */
  private readonly takeBack = (): void => {
    const { queue, uploader } = this;
    const flight = this.flights.shift();
    if (flight === undefined) return;
    const { lengthBytes, handedMs, pinned } = flight;
    if (pinned === undefined) uploader.memory.noteCopied(-lengthBytes);
    else for (const chunk of pinned) this.unpin(chunk);
    queue.take(lengthBytes, handedMs, uploader.nowMs());
    this.pump();
    uploader.onReleased();
  };

  /** Pins the chunks of `start` to `end`, unless one is missing, which `readFor` will read. */
  private pinAll(start: number, end: number, pinned: Chunk[], way: Way): Gathered {
    const { memory } = this.uploader;
    const { pins, isTrusted } = this.queue;
    const before = pinned.length;
    for (let at = start; at < end;) {
      const chunk = memory.cache.find(this.source, Math.floor(at / CHUNK_LENGTH_BYTES));
      const missing = chunk === undefined || !chunk.ready || !chunk.covers(at, end);
      const isOneMore = missing || !pins.has(chunk);
      const tooMany = way === 'pinned' && isOneMore && !memory.mayPinMoreThan(pins.size, isTrusted);
      if (missing || tooMany) {
        for (const taken of pinned.splice(before)) this.unpin(taken);
        return tooMany ? 'pins-too-many' : 'reads';
      }
      at = chunk.end;
      if (chunk === pinned.at(-1)) continue; // Pinned for the previous request.
      memory.cache.pin(chunk);
      pins.set(chunk, (pins.get(chunk) ?? 0) + 1);
      pinned.push(chunk);
      memory.cache.touch(chunk);
    }
    return 'all';
  }

  private unpin(chunk: Chunk): void {
    const { pins } = this.queue;
    const count = pins.get(chunk) ?? 0;
    if (count > 1) pins.set(chunk, count - 1);
    else pins.delete(chunk);
    this.uploader.memory.cache.unpin(chunk);
  }
}
