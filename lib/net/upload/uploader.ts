// All uploads of a thread: their shared memory, and which of them is closed when it is short. For a
// peer that does not read, nothing is read ahead, and no memory is held that others need.

import type { PeerFact } from '../../messages/peer-thread';
import type { OpenContent } from '../open-content';
import { OutgoingRun } from './outgoing-run';
import { ReadAhead } from './read-ahead';
import type { ReadingUpload } from './read-ahead';
import { UploadMemory } from './upload-memory';

/** Read-ahead memory is freed after the thread has served no peer for this long. */
const TRIM_AFTER_MS = 10_000;

/** While memory is short, a peer that has read nothing of its queue for this long is closed. */
const NOT_READING_MS = 5_000;

/** An upload, as seen by what shares memory among uploads. */
export interface SharingUpload extends ReadingUpload {
  readonly hasPins: boolean;
  readonly hasCopies: boolean;
  /** How long the peer has read nothing of its queue; 0 if the queue is empty. */
  stalledMs(nowMs: number): number;
  closeStalled(stalledMs: number): void;
}

export class Uploader {
  readonly memory: UploadMemory;
  readonly reads: ReadAhead;
  /** Used for one round of answers at a time, so one run serves all uploads. */
  readonly run = new OutgoingRun();
  readonly nowMs: () => number;
  private readonly uploads = new Set<SharingUpload>();
  /** Uploads that wait for room for a copy. */
  private crowded = new Set<SharingUpload>();
  /** Since the last tick, an upload could not pin a chunk because of the pins of others. */
  private pinsAreShort = false;
  private lastUseMs = -Infinity;

  constructor(budgetBytes: number, send: (fact: PeerFact) => void, nowMs: () => number) {
    this.memory = new UploadMemory(budgetBytes);
    this.reads = new ReadAhead(this.memory, send, nowMs);
    this.nowMs = nowMs;
  }

  // ---- for uploads ----

  add(upload: SharingUpload): void {
    this.uploads.add(upload);
  }

  /** Its connection is gone. Its pending writes still free their memory. */
  forget(upload: SharingUpload): void {
    this.uploads.delete(upload);
    this.crowded.delete(upload);
    this.reads.forget(upload);
  }

  /** Notes that requests are answered now; returns the time. */
  noteUse(): number {
    this.lastUseMs = this.nowMs();
    return this.lastUseMs;
  }

  /** The upload has nothing queued, and there is no room for a copy. */
  waitForRoom(upload: SharingUpload): void {
    this.crowded.add(upload);
  }

  /** The upload has nothing queued, and could not pin a chunk. */
  notePinsShort(): void {
    this.pinsAreShort = true;
  }

  /** The memory of a write was released. */
  onReleased(): void {
    this.reads.onBufferFree();
    if (this.crowded.size === 0 || !this.memory.hasRoomForNewcomers) return;
    const { crowded } = this;
    this.crowded = new Set();
    for (const upload of crowded) upload.resume();
  }

  // ---- for the thread ----

  closeContent(source: OpenContent): void {
    this.memory.cache.evictAllOf(source);
  }

  /** The thread holds no upload memory, so no tick is needed to free it. */
  get isEmpty(): boolean {
    return this.memory.cache.allocatedBytes === 0;
  }

  tick(nowMs: number): void {
    if (this.pinsAreShort || this.crowded.size > 0) this.makeRoom(nowMs);
    if (nowMs - this.lastUseMs < TRIM_AFTER_MS || this.isEmpty) return;
    this.memory.cache.trim();
  }

  /** Closes the peer that has held memory for the longest time, if that exceeds the limit. */
  private makeRoom(nowMs: number): void {
    const { pinsAreShort } = this;
    this.pinsAreShort = false;
    let worst: SharingUpload | undefined;
    let worstMs = 0;
    for (const upload of this.uploads) {
      const holdsIt =
        (pinsAreShort && upload.hasPins) || (this.crowded.size > 0 && upload.hasCopies);
      const stalledMs = upload.stalledMs(nowMs);
      if (!holdsIt || stalledMs < NOT_READING_MS || stalledMs <= worstMs) continue;
      worst = upload;
      worstMs = stalledMs;
    }
    worst?.closeStalled(worstMs);
  }
}
